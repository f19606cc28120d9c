from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autokd.constraints import Constraints
from autokd.runs import Record, RungResult
from autokd.runs.findings import Findings
from autokd.search.board import Board
from autokd.study import StudySpec


def _complete(slot: int, top1: float, params: float) -> Record:
    metrics = {"top1": top1, "params": params}
    record = Record(slot, 0, 0, {}, cost={"params": params}, began_s=float(slot))
    return record.with_rung(RungResult(4, metrics)).ended("complete", at_s=slot + 2.0)


@pytest.fixture
def board(spec: StudySpec) -> Board:
    board = Board(spec)
    for slot, (top1, params) in enumerate([(0.9, 9e3), (0.8, 2e3), (0.7, 3e3)]):
        board.keep(_complete(slot, top1, params))
    return board


def test_front_is_non_dominated_smallest_first(board: Board) -> None:
    assert [record.slot for record in board.front] == [1, 0]


def test_a_later_record_takes_the_slots_place(board: Board) -> None:
    board.keep(Record(2, 1, 0, {}, cost={"params": 1.0}))
    assert len(board) == 3
    assert board[2].attempt == 1
    assert [record.slot for record in board.running] == [2]


def test_race_compares_with_results_of_the_same_rung_only(board: Board) -> None:
    shown = {"top1": 0.9, "params": 5e3}
    board.keep(Record(3, 0, 0, {}, cost={"params": 5e3}).with_rung(RungResult(1, shown)))
    verdict = board.race(4, {"top1": 0.5, "params": 9.5e3})
    assert (verdict.n, verdict.goes_on) == (4, False)
    assert board.race(1, shown).n == 2
    assert board.race(2, shown).n == 1


def test_a_rungs_result_counts_once_however_often_its_record_grows(board: Board) -> None:
    begun = Record(3, 0, 0, {}, cost={"params": 5e3})
    first = begun.with_rung(RungResult(1, {"top1": 0.6, "params": 5e3}))
    second = first.with_rung(RungResult(2, {"top1": 0.7, "params": 5e3}))
    for record in (begun, first, second, second.ended("stopped", at_s=9.0)):
        board.keep(record)
    assert [board.race(rung, {"top1": 0.5, "params": 5e3}).n for rung in (1, 2, 4)] == [2, 2, 4]
    assert board.running == []


def test_rungs_that_a_trial_has_from_the_one_that_it_continues_count_once(board: Board) -> None:
    begun = Record(3, 0, 0, {}, cost={"params": 5e3})
    first = begun.with_rung(RungResult(1, {"top1": 0.6, "params": 5e3}))
    board.keep(first)
    stopped = first.ended("stopped", at_s=1.0)
    board.keep(stopped)
    again = Record(4, 0, 1, {}, cost={"params": 5e3}).continuing(stopped)
    longer = again.with_rung(RungResult(2, {"top1": 0.7, "params": 5e3}))
    board.keep(again)
    board.keep(longer)
    asked = {"top1": 0.5, "params": 5e3}
    assert [board.race(rung, asked).n for rung in (1, 2)] == [2, 2]
    resumed = Board(board._spec)
    resumed.keep(stopped)
    resumed.keep(longer)
    assert [resumed.race(rung, asked).n for rung in (1, 2)] == [2, 2]


def test_snapshot_counts_ends_and_estimates_the_rest(board: Board) -> None:
    shown = RungResult(2, {"top1": 0.5, "params": 5e3})
    board.keep(Record(3, 0, 0, {}, cost={"params": 5e3}).with_rung(shown))
    snapshot = board.snapshot(10.0)
    assert (snapshot.complete, snapshot.closed, snapshot.total) == (3, 3, 6)
    assert snapshot.running == {3: "5,000 params, 2 of 4 epochs"}
    assert snapshot.remaining_s == pytest.approx(3 * 2.0)  # three slots left, two seconds each
    assert [slot for slot, _ in snapshot.front] == [1, 0]
    assert snapshot.hypervolume > 0


def test_an_empty_board_has_no_front_and_no_estimate(spec: StudySpec) -> None:
    snapshot = Board(spec).snapshot(0.0)
    assert snapshot.front == []
    assert snapshot.hypervolume == 0.0
    assert snapshot.remaining_s is None


def test_a_repeat_is_counted_and_is_neither_on_the_front_nor_in_the_race(board: Board) -> None:
    repeat = Record(3, 0, 0, {}, cost={"params": 2e3}).repeating(board[1], at_s=9.0)
    board.keep(repeat)
    snapshot = board.snapshot(10.0)
    assert (snapshot.repeated, snapshot.complete, snapshot.closed) == (1, 3, 4)
    assert [record.slot for record in board.front] == [1, 0]
    assert board.race(4, {"top1": 0.5, "params": 9.5e3}).n == 4  # with itself


SIZE = {"metric": "params", "direction": "minimize", "reference": 1e6}


def test_a_trial_below_min_top1_is_complete_and_no_member(make_spec: Any) -> None:
    board = Board(make_spec(constraints={"min_top1": 0.75}))
    for slot, (top1, params) in enumerate([(0.9, 9e3), (0.7, 1e3), (0.8, 2e3), (0.74, 5e2)]):
        board.keep(_complete(slot, top1, params))
    assert [record.slot for record in board.front] == [2, 0]
    snapshot = board.snapshot(10.0)
    assert (snapshot.complete, snapshot.n_below) == (4, 2)
    without = Board(make_spec())
    for slot, (top1, params) in enumerate([(0.9, 9e3), (0.8, 2e3)]):
        without.keep(_complete(slot, top1, params))
    assert snapshot.hypervolume == without.snapshot(10.0).hypervolume


TRIALS = st.lists(
    st.tuples(st.integers(0, 8).map(lambda n: n / 8), st.integers(1, 8).map(lambda n: n * 1e3)),
    max_size=12,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TRIALS, st.sampled_from([None, 0.5, 0.75]), st.sampled_from([[0, 1], [0], [1]]))
def test_board_and_tables_agree_on_front_and_hypervolume(
    make_spec: Any, found: list[tuple[float, float]], bound: float | None, chosen: list[int]
) -> None:
    bounded = make_spec(constraints={"min_top1": bound or 0.5})
    spec = bounded.model_copy(
        update={
            "objectives": tuple(bounded.objectives[at] for at in chosen),
            "constraints": Constraints(min_top1=bound),
        }
    )
    board = Board(spec)
    records = [_complete(slot, top1, params) for slot, (top1, params) in enumerate(found)]
    for record in records:
        board.keep(record)
    tables = Findings(Path("runs/x"), spec=spec, info={}, records=records, tests={})
    assert {record.slot for record in board.front} == set(tables.front()["trial"])
    assert board.snapshot(0.0).n_below == len(tables.below())
    volumes = [0.0, *tables.hypervolume()["hypervolume"]]
    assert board.snapshot(0.0).hypervolume == pytest.approx(volumes[-1])


def test_the_race_does_not_know_min_top1(make_spec: Any) -> None:
    """Nobody at the rung keeps the bound, and the best go on all the same."""
    free, bounded = Board(make_spec()), Board(make_spec(constraints={"min_top1": 0.95}))
    for board in (free, bounded):
        for slot, (top1, params) in enumerate([(0.5, 5e3), (0.6, 8e3), (0.4, 9e3)]):
            begun = Record(slot, 0, 0, {}, cost={"params": params})
            board.keep(begun.with_rung(RungResult(1, {"top1": top1, "params": params})))
    for shown in ({"top1": 0.7, "params": 4e3}, {"top1": 0.3, "params": 9e3}):
        assert bounded.race(1, shown) == free.race(1, shown)
    assert bounded.race(1, {"top1": 0.7, "params": 4e3}).goes_on


def test_a_race_for_the_fewest_params_compares_top1_too(make_spec: Any) -> None:
    board = Board(make_spec(objectives=[SIZE], constraints={"min_top1": 0.95}))
    for slot, params in enumerate([2e3, 3e3, 4e3]):
        begun = Record(slot, 0, 0, {}, cost={"params": params})
        board.keep(begun.with_rung(RungResult(1, {"top1": 0.2, "params": params})))
    assert board.race(
        1, {"top1": 0.9, "params": 2e4}
    ).goes_on  # the largest, and the only good one
    assert not board.race(1, {"top1": 0.2, "params": 2e4}).goes_on
    assert board.race(1, {"top1": 0.2, "params": 1e3}).goes_on


def test_snapshot_names_the_objectives(make_spec: Any) -> None:
    assert Board(make_spec()).snapshot(0.0).objectives == ("top1", "params")
    alone = make_spec(objectives=[SIZE], constraints={"min_top1": 0.5})
    assert Board(alone).snapshot(0.0).objectives == ("params",)
