"""Methods with one teacher's logits: published constants, and ours where none are known."""

import pytest

from autokd.methods import Needs
from autokd.methods.logits import LOGITS
from autokd.parameters import Value

BY_NAME = {method.name: method for method in LOGITS}


@pytest.mark.parametrize(
    ("name", "defaults"),
    [
        ("kd", {"temperature": 4.0, "soft_weight": 0.9}),
        ("dkd", {"temperature": 4.0, "alpha": 1.0, "beta": 8.0}),
        ("nkd", {"temperature": 3.0, "gamma": 3.5}),
        (
            "ctkd",
            {"soft_weight": 0.9, "t_start": 1.0, "t_end": 20.0, "decay_fraction": 10 / 240},
        ),
        ("bdkd", {"temperature": 4.0, "soft_weight": 0.9, "lower_weight": 0.5}),
        ("continuation", {"t_max": 20, "margin": 1.0, "hard_fraction": 150 / 200}),
        ("annealing", {"t_max": 20, "stage_fraction": 150 / 200}),
        ("dist", {"temperature": 4.0, "beta": 2.0, "gamma": 2.0}),
    ],
)
def test_defaults_are_the_published_ones(name: str, defaults: dict[str, Value]) -> None:
    assert {p.name: p.default for p in BY_NAME[name].parameters} == defaults


@pytest.mark.parametrize(
    ("name", "parameter"),
    [("bdkd", "lower_weight"), ("continuation", "margin"), ("annealing", "stage_fraction")],
)
def test_constants_that_are_ours_say_so(name: str, parameter: str) -> None:
    described = {p.name: p.description for p in BY_NAME[name].parameters}
    assert "ours" in described[parameter]


def test_one_teacher_is_enough_and_its_logits_are_compared() -> None:
    for method in LOGITS:
        assert method.needs == Needs(class_labels=method.needs.class_labels)
        assert method.matches_logits


def test_losses_that_tell_the_class_from_the_rest_need_class_labels() -> None:
    assert [m.name for m in LOGITS if m.needs.class_labels] == ["dkd", "nkd"]


def test_annealing_starts_and_ends_where_continuation_does() -> None:
    first, second = BY_NAME["annealing"].parameters[0], BY_NAME["continuation"].parameters[0]
    assert first == second
