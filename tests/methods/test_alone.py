"""Methods without a teacher: published constants, and what they need of the labels."""

import pytest

from autokd.methods import Needs
from autokd.methods.alone import ALONE
from autokd.parameters import Value

BY_NAME = {method.name: method for method in ALONE}


@pytest.mark.parametrize(
    ("name", "defaults"),
    [
        ("none", {}),
        ("label_smoothing", {"smoothing": 0.1}),
        ("tfnkd", {}),
        ("pskd", {"final_weight": 0.8}),
    ],
)
def test_defaults_are_the_published_ones(name: str, defaults: dict[str, Value]) -> None:
    assert {p.name: p.default for p in BY_NAME[name].parameters} == defaults


def test_no_other_network_is_needed() -> None:
    for method in ALONE:
        assert method.needs == Needs(teacher=False, class_labels=method.needs.class_labels)
        assert not method.matches_logits


def test_baselines_take_the_labels_of_mixed_views() -> None:
    needing = [method.name for method in ALONE if method.needs.class_labels]
    assert needing == ["tfnkd", "pskd"]


def test_smoothing_leaves_the_class_something() -> None:
    assert not BY_NAME["label_smoothing"].parameters[0].accepts(1.0)
