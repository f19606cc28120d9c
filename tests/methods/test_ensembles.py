"""Methods with several teachers: published constants, and which networks they need."""

import pytest

from autokd.methods import Needs
from autokd.methods.ensembles import ENSEMBLES
from autokd.parameters import Value

BY_NAME = {method.name: method for method in ENSEMBLES}
SOFT: dict[str, Value] = {"temperature": 4.0, "soft_weight": 0.9}


@pytest.mark.parametrize(
    ("name", "defaults"),
    [
        ("meal", {"temperature": 1.0, "discriminator": False, "discriminator_weight": 1.0}),
        ("camkd", {"temperature": 4.0, "alpha": 1.0, "beta": 50.0}),
        ("cesd", {**SOFT, "curriculum": True}),
        ("de_ensemble", SOFT),
        ("takd", SOFT),
    ],
)
def test_defaults_are_the_published_ones(name: str, defaults: dict[str, Value]) -> None:
    assert {p.name: p.default for p in BY_NAME[name].parameters} == defaults


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("meal", Needs(teachers=1)),
        ("camkd", Needs(teachers=1, features=True)),
        ("cesd", Needs(assistants=1)),
        ("de_ensemble", Needs(teacher=False, assistants=2, tuning=True)),
        ("takd", Needs(teacher=False, assistants=1)),
    ],
)
def test_methods_say_which_networks_they_read(name: str, needs: Needs) -> None:
    assert BY_NAME[name].needs == needs


@pytest.mark.parametrize("name", ["cesd", "de_ensemble"])
def test_methods_without_public_constants_say_what_is_ours(name: str) -> None:
    assert "ours" in BY_NAME[name].source
