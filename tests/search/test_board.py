import pytest

from autokd.runs import Record, RungResult
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
