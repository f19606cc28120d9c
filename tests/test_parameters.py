"""A parameter's legal values: types are exact, ends are included, NaN is never legal."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autokd.parameters import Parameter, Value, part

NODES = Parameter("nodes", "int", 5, "nodes", low=3, high=10)
WEIGHT = Parameter("weight", "float", 0.5, "share", low=0.0, high=1.0)
OP = Parameter("op", "categorical", "conv3x3", "operation", choices=("conv3x3", "sepconv3x3"))
FLAG = Parameter("flag", "categorical", True, "whether", choices=(False, True))


@given(st.integers())
def test_int_is_legal_exactly_inside_its_interval(value: int) -> None:
    assert NODES.accepts(value) == (3 <= value <= 10)


@given(st.floats(allow_nan=False))
def test_float_is_legal_exactly_inside_its_interval(value: float) -> None:
    assert WEIGHT.accepts(value) == (0 <= value <= 1)


@pytest.mark.parametrize("value", [4.0, True, "4", None, [4]])
def test_int_accepts_nothing_but_ints(value: object) -> None:
    assert not NODES.accepts(value)


def test_float_accepts_ints_but_no_bools() -> None:
    assert WEIGHT.accepts(1)
    assert not WEIGHT.accepts(True)


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_nan_and_infinity_are_never_legal(value: float) -> None:
    assert not WEIGHT.accepts(value)
    assert not NODES.accepts(value)


@pytest.mark.parametrize("value", ["conv3x3", "sepconv3x3"])
def test_categorical_accepts_its_choices(value: Value) -> None:
    assert OP.accepts(value)
    assert not OP.accepts(f"{value} ")


@pytest.mark.parametrize("value", [0, 1, 0.0, 1.0])
def test_categorical_tells_bools_from_numbers(value: Value) -> None:
    assert not FLAG.accepts(value)
    assert FLAG.accepts(bool(value))


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        (NODES, "an int in [3, 10]"),
        (WEIGHT, "a float in [0, 1]"),
        (OP, "one of ['conv3x3', 'sepconv3x3']"),
        (FLAG, "one of [False, True]"),
    ],
)
def test_legal_values_are_described_in_words(parameter: Parameter, text: str) -> None:
    assert parameter.legal() == text


def test_part_of_a_point_keeps_what_has_the_prefix_and_drops_it() -> None:
    point: dict[str, Value] = {
        "architecture.op": "conv3x3",
        "kd.method": "kd",
        "kd.kd.x": 1,
        "kdx": 2,
    }
    assert part(point, "architecture") == {"op": "conv3x3"}
    assert part(point, "kd") == {"method": "kd", "kd.x": 1}
