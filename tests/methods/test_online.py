"""Methods with a second trained network: published constants, and what the pair reads."""

import pytest

from autokd.methods import Needs
from autokd.methods.online import ONLINE
from autokd.parameters import Value

BY_NAME = {method.name: method for method in ONLINE}


@pytest.mark.parametrize(
    ("name", "defaults"),
    [
        ("dml", {"weight": 1.0, "temperature": 1.0}),
        (
            "sokd",
            {
                "bridge_weight": 1.0,
                "student_weight": 1.0,
                "teacher_weight": 1.0,
                "temperature": 4.0,
            },
        ),
    ],
)
def test_defaults_are_the_published_ones(name: str, defaults: dict[str, Value]) -> None:
    assert {p.name: p.default for p in BY_NAME[name].parameters} == defaults


def test_peers_need_no_teacher_and_a_bridge_needs_its_maps() -> None:
    assert BY_NAME["dml"].needs == Needs(teacher=False)
    assert BY_NAME["sokd"].needs == Needs(features=True)
