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
    assert repeats.begin(first) == (first, None)
    assert not repeats.is_waiting(first)
    closed = ended(first, outcome)
    assert repeats.end(closed) == []
    other = replace(begun(1), point={**POINT, "architecture.params_budget": 6e3})
    assert repeats.begin(other) == (other, closed)  # another budget may draw the same graph
    assert not repeats.is_waiting(other)


def test_a_repeat_of_a_running_trial_waits_for_it() -> None:
    repeats, first = Repeats(), begun(0)
    repeats.begin(first)
    later = [begun(1), begun(2)]
    assert [repeats.begin(record) for record in later] == [(record, None) for record in later]
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
    assert repeats.begin(other) == (other, None)
    assert not repeats.is_waiting(other)
    assert repeats.end(ended(first)) == []


@pytest.mark.parametrize("outcome", ["failed", "interrupted", "infeasible"])
def test_what_a_lost_trial_would_have_shown_is_tried_again(outcome: Outcome) -> None:
    repeats, first = Repeats(), begun(0)
    repeats.begin(first)
    assert repeats.end(ended(first, outcome)) == []
    again = begun(1)
    assert repeats.begin(again) == (again, None)
    assert not repeats.is_waiting(again)


def test_the_first_closed_record_is_the_one_that_is_repeated() -> None:
    repeats, first = Repeats(), ended(begun(0))
    repeats.end(first)  # as a restored search tells of it
    repeats.end(ended(begun(3)))
    assert repeats.begin(begun(4))[1] is first


# A stopped trial that is taken up.


def test_a_stopped_trial_is_trained_on_and_what_it_has_shown_goes_along() -> None:
    repeats, first = Repeats(takes_up=True), ended(begun(0), "stopped")
    repeats.end(first)
    taken, earlier = repeats.begin(begun(5))
    assert earlier is None
    assert (taken.slot, taken.continues, taken.seed) == (5, 0, first.seed)
    assert taken.outcome == "running"
    assert (taken.epochs, taken.metrics) == (first.epochs, first.metrics)
    assert taken.rungs[-1].goes_on
    assert taken.rungs[-1].verdict.endswith("proposed again as trial 5")


def test_who_asks_while_it_is_trained_on_waits_and_then_repeats_the_longer_one() -> None:
    repeats = Repeats(takes_up=True)
    repeats.end(ended(begun(0), "stopped"))
    taken, _ = repeats.begin(begun(1))
    waiting = begun(2)
    assert repeats.begin(waiting) == (waiting, None)
    assert repeats.is_waiting(waiting)
    longer = taken.with_rung(RungResult(8, {"top1": 0.6})).ended("complete", at_s=2.0)
    assert repeats.end(longer) == [waiting]
    assert repeats.begin(begun(3))[1] is longer


def test_one_that_is_stopped_again_is_taken_up_again_at_its_last_rung() -> None:
    repeats = Repeats(takes_up=True)
    repeats.end(ended(begun(0), "stopped"))
    taken, _ = repeats.begin(begun(1))
    repeats.end(taken.with_rung(RungResult(8, {"top1": 0.6})).ended("stopped", at_s=2.0))
    again, _ = repeats.begin(begun(2))
    assert (again.continues, again.epochs, len(again.rungs)) == (1, 8, 2)


def test_one_that_is_lost_on_the_way_up_can_be_taken_up_once_more() -> None:
    repeats = Repeats(takes_up=True)
    repeats.end(ended(begun(0), "stopped"))
    taken, _ = repeats.begin(begun(1))
    repeats.end(taken.ended("failed", at_s=2.0))
    assert repeats.begin(begun(2))[0].continues == 0
