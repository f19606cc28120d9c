"""Domains: what they accept as definitions, and which values they contain."""

from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from autokd.checking import Checked, validate
from autokd.domains import Domain, TaggedDomain, check_domain, contains, values
from autokd.errors import DefinitionError
from autokd.parameters import Parameter, Value


class Holder(Checked):
    x: TaggedDomain


def domain(**raw: Any) -> Domain:
    return validate(Holder, {"x": raw}, source="a.toml").x


FLOAT = domain(type="float", low=-1, high=2.5)
INT = domain(type="int", low=-3, high=7)
CHOICE = domain(type="categorical", choices=[1, "1", False, 2.0])
FIXED = domain(type="fixed", value=4)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"type": "float", "low": 2, "high": 1}, r"\[x.low\] must not exceed high, found 2.0 and"),
        ({"type": "int", "low": 2, "high": 1}, r"\[x.low\] must not exceed high, found 2 and 1$"),
        (
            {"type": "float", "low": 0, "high": 1, "log": True},
            r"\[x.low\] must be above 0 in a log domain, found 0.0$",
        ),
        (
            {"type": "int", "low": -1, "high": 1, "log": True},
            r"\[x.low\] must be above 0 in a log domain, found -1$",
        ),
        ({"type": "float", "low": 0}, r"\[x.high\] is missing$"),
        ({"type": "float", "low": 0, "high": inf}, r"\[x.high\] must be a finite number"),
        ({"type": "int", "low": 0, "high": 1.5}, r"\[x.high\] must be a whole number, found 1.5"),
        ({"type": "int", "low": False, "high": 1}, r"\[x.low\] must be a whole number, found Fal"),
        ({"type": "float", "low": 0, "high": True}, r"\[x.high\] must be a number, found True"),
        ({"type": "categorical", "choices": ["a"]}, r"\[x.choices\] must be a list of 2 or more"),
        ({"type": "categorical", "choices": "ab"}, r"\[x.choices\] must be a list, found 'ab'"),
        (
            {"type": "categorical", "choices": ["a", "b", "a"]},
            r"\[x.choices\] must all be different, found \['a', 'b', 'a'\]$",
        ),
        ({"type": "categorical", "choices": [1, True]}, r"\[x.choices\] must all be different"),
        ({"type": "fixed", "value": [1]}, r"\[x.value\] must be a whole number or a number or"),
        ({"type": "fixed", "value": nan}, r"\[x.value\] must be .*a finite number.*, found nan"),
        ({"type": "fixed", "low": 1}, r"\[x.low\] is not one of \['type', 'value'\]"),
        ({"type": "int", "low": 1, "hihg": 2}, r"\[x.hihg\] is not one of .*mean 'high'\?$"),
        ({"low": 1, "high": 2}, r"\[x.type\] is missing$"),
        (
            {"type": "flot", "low": 1, "high": 2},
            (
                r"\[x.type\] must be one of \['float', 'int', 'categorical', 'fixed'\], found "
                r"'flot'; did you mean 'float'\?$"
            ),
        ),
    ],
)
def test_impossible_domain_is_refused(raw: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=rf"^a\.toml: {message}"):
        domain(**raw)


def test_whole_numbers_are_legal_ends_of_a_float_domain() -> None:
    assert [type(end) for end in values(FLOAT)] == [float, float]


def test_interval_of_one_value_is_legal() -> None:
    assert values(domain(type="int", low=2, high=2, log=True)) == (2, 2)


@given(st.floats(allow_nan=True) | st.integers())
def test_float_domain_contains_exactly_the_numbers_of_its_interval(value: float) -> None:
    assert contains(FLOAT, value) == (-1 <= value <= 2.5)


@given(st.integers())
def test_int_domain_contains_exactly_the_ints_of_its_interval(value: int) -> None:
    assert contains(INT, value) == (-3 <= value <= 7)


@pytest.mark.parametrize("value", [1.0, True, "1", nan])
def test_int_domain_contains_nothing_but_ints(value: Value) -> None:
    assert not contains(INT, value)


@pytest.mark.parametrize("value", [True, "1", "", nan, -inf])
def test_float_domain_contains_no_bool_text_or_nan(value: Value) -> None:
    assert not contains(FLOAT, value)


@pytest.mark.parametrize("value", [1, "1", False, 2.0])
def test_categorical_domain_contains_its_choices(value: Value) -> None:
    assert contains(CHOICE, value)


@pytest.mark.parametrize("value", [1.0, True, 0, 2, "2.0"])
def test_categorical_domain_tells_equal_values_of_other_types_apart(value: Value) -> None:
    assert not contains(CHOICE, value)


def test_fixed_domain_contains_its_value_alone() -> None:
    assert values(FIXED) == (4,)
    assert contains(FIXED, 4)
    assert not contains(FIXED, 5)


DEPTH = Parameter("depth", "int", 3, "blocks", low=1, high=50)
OP = Parameter("op", "categorical", "a", "operation", choices=("conv", "pool"))


@pytest.mark.parametrize(
    ("found", "parameter", "message"),
    [
        (domain(type="int", low=0, high=2), DEPTH, r"must be an int in \[1, 50\], found 0$"),
        (FLOAT, DEPTH, r"must suit an int in \[1, 50\], found 'float'$"),
        (CHOICE, DEPTH, r"must be an int in \[1, 50\], found '1'$"),
        (domain(type="fixed", value="cnv"), OP, r"found 'cnv'; did you mean 'conv'\?$"),
    ],
)
def test_domain_outside_the_legal_values_is_refused(
    found: Domain, parameter: Parameter, message: str
) -> None:
    with pytest.raises(PydanticCustomError, match=message):
        check_domain("kd.x", found, parameter)


def test_key_of_a_refusal_names_the_part_at_fault() -> None:
    with pytest.raises(PydanticCustomError) as of_type:
        check_domain("kd.x", FLOAT, DEPTH)
    with pytest.raises(PydanticCustomError) as of_value:
        check_domain("kd.x", domain(type="fixed", value=0), DEPTH)
    keys = [(caught.value.context or {})["key"] for caught in (of_type, of_value)]
    assert keys == ["kd.x.type", "kd.x"]


@pytest.mark.parametrize("found", [domain(type="int", low=1, high=50), FIXED])
def test_domain_inside_the_legal_values_is_accepted(found: Domain) -> None:
    check_domain("kd.x", found, DEPTH)
    assert all(DEPTH.accepts(value) for value in values(found))
