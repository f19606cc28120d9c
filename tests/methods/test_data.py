"""Methods about what is shown: temperature 1, no hard labels, and the views that they need."""

import pytest

from autokd.methods import Needs
from autokd.methods.data import DATA
from autokd.parameters import Value

BY_NAME = {method.name: method for method in DATA}


@pytest.mark.parametrize(
    ("name", "defaults"),
    [
        ("funmatch", {"temperature": 1.0}),
        ("xcl", {"temperature": 1.0, "uncertainty_power": 1.0}),
        ("fsbbt", {"temperature": 1.0}),
    ],
)
def test_defaults_are_the_published_ones(name: str, defaults: dict[str, Value]) -> None:
    assert {p.name: p.default for p in BY_NAME[name].parameters} == defaults


def test_matching_on_mixed_images_needs_mixed_views_and_a_black_box_needs_none() -> None:
    assert BY_NAME["funmatch"].needs == BY_NAME["xcl"].needs == Needs(mixed_views=True)
    assert BY_NAME["fsbbt"].needs == Needs()


def test_the_power_that_is_ours_says_so() -> None:
    assert "ours" in BY_NAME["xcl"].parameters[1].description
