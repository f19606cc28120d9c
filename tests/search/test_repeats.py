from dataclasses import replace

import pytest

from autokd.parameters import Value
from autokd.runs import Outcome, Record, RungResult
from autokd.search.repeats import Repeats

POINT: dict[str, Value] = {
    "architecture.params_budget": 5e3,
    "kd.method": "kd",
    "kd.temperature": 4.0,
}


def begun(slot: int, *, graph: str = "g", **changes: Value) -> Record:
    point = {**POINT, **{f"kd.{name}": value for name, value in changes.items()}}
    return Record(slot, 0, slot, point, graphs=(graph,))


def ended(record: Record, outcome: Outcome = "complete") -> Record:
    return record.with_rung(RungResult(4, {"top1": 0.5})).ended(outcome, at_s=1.0)


@pytest.mark.parametrize("outcome", ["complete", "stopped"])
def test_a_repeat_is_told_the_record_of_the_first(outcome: Outcome) -> None:
    repeats, first = Repeats(), begun(0)
    assert repeats.begin(first) is None
    assert not repeats.is_waiting(first)
    closed = ended(first, outcome)
    assert repeats.end(closed) == []
    other = replace(begun(1), point={**POINT, "architecture.params_budget": 6e3})
    assert repeats.begin(other) is closed  # another budget may draw the same graph
    assert not repeats.is_waiting(other)


def test_a_repeat_of_a_running_trial_waits_for_it() -> None:
    repeats, first = Repeats(), begun(0)
    repeats.begin(first)
    later = [begun(1), begun(2)]
    assert [repeats.begin(record) for record in later] == [None, None]
    assert [repeats.is_waiting(record) for record in [first, *later]] == [False, True, True]
    assert repeats.end(ended(first)) == later
    assert not repeats.is_waiting(later[0])
    assert repeats.end(ended(later[0], "repeated")) == []


@pytest.mark.parametrize(
    "other", [begun(1, graph="h"), begun(1, temperature=5.0), begun(1, method="none")]
)
def test_other_students_or_another_distillation_are_no_repeat(other: Record) -> None:
    repeats, first = Repeats(), begun(0)
    repeats.begin(first)
    assert repeats.begin(other) is None
    assert not repeats.is_waiting(other)
    assert repeats.end(ended(first)) == []


@pytest.mark.parametrize("outcome", ["failed", "interrupted", "infeasible"])
def test_what_a_lost_trial_would_have_shown_is_tried_again(outcome: Outcome) -> None:
    repeats, first = Repeats(), begun(0)
    repeats.begin(first)
    assert repeats.end(ended(first, outcome)) == []
    again = begun(1)
    assert repeats.begin(again) is None
    assert not repeats.is_waiting(again)


def test_the_first_closed_record_is_the_one_that_is_repeated() -> None:
    repeats, first = Repeats(), ended(begun(0))
    repeats.end(first)  # as a restored search tells of it
    repeats.end(ended(begun(3)))
    assert repeats.begin(begun(4)) is first
