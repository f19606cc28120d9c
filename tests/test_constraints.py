"""Bounds: which values are legal, who keeps them and how a trial that does not is told of."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autokd.checking import validate
from autokd.constraints import Constraints, plain
from autokd.errors import DefinitionError

FRACTIONS = st.floats(0, 1, exclude_min=True, exclude_max=True)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"min_top1": 0.0}, r"\[min_top1\] must be greater than 0, found 0.0$"),
        ({"min_top1": 1}, r"\[min_top1\] must be less than 1, found 1$"),
        ({"min_top1": "0.9"}, r"\[min_top1\] must be a number, found '0.9'$"),
        ({"min_top": 0.9}, r"\[min_top\] is not one of .*; did you mean 'min_top1'\?$"),
        ({"max_latency_s": 0}, r"\[max_latency_s\] must be greater than 0, found 0$"),
        ({"max_macs": 0}, r"\[max_macs\] must be greater than or equal to 1, found 0$"),
        ({"max_peak_bytes": 1.5}, r"\[max_peak_bytes\] must be a whole number, found 1.5$"),
    ],
)
def test_illegal_bound_is_refused(raw: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        validate(Constraints, raw, source="s.toml")


def test_a_bound_on_top1_is_written_only_where_it_is_set() -> None:
    assert "min_top1" not in Constraints().model_dump()
    assert "max_params" in Constraints().model_dump()
    bounded = Constraints(min_top1=0.9)
    assert bounded.model_dump()["min_top1"] == 0.9
    assert Constraints.model_validate_json(bounded.model_dump_json()) == bounded


@given(FRACTIONS, FRACTIONS)
def test_a_shortfall_is_above_zero_exactly_below_the_bound(bound: float, top1: float) -> None:
    constraints = Constraints(min_top1=bound)
    (shortfall,) = constraints.shortfalls({"top1": top1}).values()
    assert (shortfall > 0) == (top1 < bound)
    assert constraints.admits({"top1": top1}) == (top1 >= bound)


@given(FRACTIONS.filter(lambda bound: bound > 1e-300))
def test_the_nearest_numbers_on_both_sides_of_the_bound_are_told_apart(bound: float) -> None:
    constraints = Constraints(min_top1=bound)
    assert constraints.admits({"top1": bound})
    assert not constraints.admits({"top1": math.nextafter(bound, 0)})


def test_a_shortfall_is_relative_to_the_bound() -> None:
    constraints = Constraints(min_top1=0.8, max_params=10)
    assert constraints.shortfalls({"top1": 0.6}) == pytest.approx({"min_top1": 0.25})
    assert constraints.shortfalls({"top1": 0.8}) == {"min_top1": 0.0}


def test_bounds_on_costs_are_no_bounds_on_what_a_student_reaches() -> None:
    constraints = Constraints(max_params=10)
    assert constraints.shortfalls({"top1": 0.0, "params": 99.0}) == {}
    assert constraints.admits({"top1": 0.0, "params": 99.0})


def test_bounds_are_written_as_their_names_and_numbers() -> None:
    assert str(Constraints()) == ""
    bounds = Constraints(
        max_params=20_000, max_macs=12_345_678, max_latency_s=0.0025, min_top1=0.9
    )
    assert str(bounds) == (
        "max_params 20,000, max_macs 12,345,678, max_latency_s 0.0025, min_top1 0.9"
    )
    assert [plain(number) for number in (99.54, 100, 0.00012, 0.95)] == [
        "99.54",
        "100",
        "0.00012",
        "0.95",
    ]


def test_trials_below_the_bound_are_counted_in_a_sentence() -> None:
    told = Constraints(min_top1=0.95).tell_below
    assert told(12, 31) == "12 of 31 trials that finished are below min_top1 0.95"
    assert told(1, 1_000) == "1 of 1,000 trials that finished is below min_top1 0.95"
    assert Constraints().tell_below(0, 31) == ""
