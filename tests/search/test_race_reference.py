"""The race against a slow, obvious one that decides from the same results in the same order.

It is held against a rung that is fed result by result, against searches whose tasks report side
by side in random order, and against what such searches leave in their storage.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from math import log10
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autokd.errors import Diverged
from autokd.fidelity import Rung, Verdict
from autokd.graphs import InputShape
from autokd.runs import Ledger, Record, RunFolder, RungResult
from autokd.search.crew import Handler, Task
from autokd.search.family import make_draw
from autokd.search.loop import Loop
from autokd.search.progress import Snapshot
from autokd.study import StudySpec
from tests.search.slow_race import Point, is_close_call, peeled, slow_verdict, turn

MakeSpec = Callable[..., StudySpec]
Arrivals = list[tuple[int, int]]
"""Slot and rung of every result, in the order in which the search heard of them."""

SIDE = 6


def test_the_reference_takes_the_staircase_as_it_is_taken_by_hand() -> None:
    # Areas 3, 4 and 3 below (4, 4); after the middle each end adds 1, and the first is taken.
    low, middle, high = (1.0, 3.0), (2.0, 2.0), (3.0, 1.0)
    assert turn([low, high, middle], (4.0, 4.0)) == 0
    assert turn([low, middle, high], (4.0, 4.0)) == 2
    assert turn([high, middle, low], (4.0, 4.0)) == 2
    assert peeled([(2.0, 2.0), (1.0, 1.0), (2.0, 2.0), (0.0, 3.0)]) == [[1, 3], [0, 2]]


# A rung that is fed result by result.


@settings(deadline=None)
@given(
    st.integers(1, 3).flatmap(
        lambda n: st.lists(st.tuples(*[st.integers(0, SIDE)] * n), min_size=1, max_size=14)
    ),
    st.integers(2, 4),
)
# The first two add as much; which of them is taken first decides when the third is.
@example([(2, 3), (3, 2), (1, 4)], 3)
@example([(3, 2), (2, 3), (1, 4)], 3)
def test_every_verdict_of_a_rung_is_that_of_the_reference(results: list[Point], eta: int) -> None:
    reference = (float(SIDE),) * len(results[0])
    rung = Rung(reference, eta=eta)
    for n, values in enumerate(results):
        expected = slow_verdict(values, results[:n], reference=reference, eta=eta)
        assert rung.judge(values) == expected
        rung.add(values)


@settings(deadline=None)
@given(
    st.integers(1, 3).flatmap(
        lambda n: st.lists(st.tuples(*[st.integers(0, 9)] * n), min_size=1, max_size=12)
    ),
    st.integers(2, 4),
)
@example([(4, 7), (1, 10), (7, 4)], 3)
def test_of_shares_only_a_tie_but_for_rounding_is_decided_otherwise(
    n_correct: list[tuple[int, ...]], eta: int
) -> None:
    results = [tuple(1 - n / 10 for n in each) for each in n_correct]
    reference = (1.0,) * len(results[0])
    rung = Rung(reference, eta=eta)
    for n, values in enumerate(results):
        verdict = rung.judge(values)
        if verdict != slow_verdict(values, results[:n], reference=reference, eta=eta):
            assert is_close_call(values, results[:n], reference=reference)
        rung.add(values)


@pytest.mark.parametrize("eta", [2, 3, 4])
@pytest.mark.parametrize("n_objectives", [1, 2, 3])
def test_verdicts_on_long_fronts_are_those_of_the_reference(n_objectives: int, eta: int) -> None:
    generator = np.random.default_rng([n_objectives, eta])
    results = on_shells(generator, n_points=48, n_objectives=n_objectives)
    reference = (1.1,) * n_objectives
    rung = Rung(reference, eta=eta)
    for n, values in enumerate(results):
        expected = slow_verdict(values, results[:n], reference=reference, eta=eta)
        assert rung.judge(values) == expected
        rung.add(values)


def on_shells(generator: np.random.Generator, *, n_points: int, n_objectives: int) -> list[Point]:
    """Points near three fronts; some repeat an earlier one, some lie outside (1.1, ...)."""
    results: list[Point] = []
    for _ in range(n_points):
        away = np.abs(generator.normal(size=n_objectives))
        radius = generator.choice([0.4, 0.7, 1.0])
        fresh = tuple((1.2 - radius * away / np.linalg.norm(away)).tolist())
        is_repeat = bool(results) and generator.random() < 0.2
        results.append(results[generator.integers(len(results))] if is_repeat else fresh)
    return results


@pytest.mark.parametrize("eta", [2, 3, 4, 7])
def test_the_race_of_a_rung_begins_with_the_result_that_makes_eta(eta: int) -> None:
    rung = Rung([4.0, 4.0], eta=eta)
    for n in range(1, eta):
        worse = [n / eta, n / eta]
        reason = f"result {n} at this rung, the race begins with {eta}"
        assert rung.judge(worse) == Verdict(True, reason, n - 1, n, n)
        assert rung.judge([9.0, 9.0]).goes_on
        rung.add(worse)
    assert not rung.judge([1.0, 1.0]).goes_on
    assert not rung.judge([9.0, 9.0]).goes_on
    assert rung.judge([0.0, 0.0]).goes_on


# Searches whose tasks report side by side.

SHAPE = InputShape(1, 8, 10)
TOP1 = {"metric": "top1", "direction": "maximize", "reference": 0.25}
AGREEMENT = {"metric": "agreement", "direction": "maximize", "reference": 0.25}
ECE = {"metric": "ece", "direction": "minimize", "reference": 1.0}
PARAMS = {"metric": "params", "direction": "minimize", "reference": 40e3}
STUDIES = [
    ([TOP1], 2),
    ([TOP1, PARAMS], 3),
    ([TOP1, ECE], 4),
    ([TOP1, AGREEMENT, PARAMS], 2),
]


def shown(slot: int, rung: int) -> dict[str, float] | None:
    """What a slot shows at a rung, in eighths, so that many tie; None where it is lost."""
    if slot % 5 == (4 if rung == 1 else 2):
        return None
    of_slot, of_rung = random.Random(slot), random.Random(f"{slot} at {rung}")
    names = ("top1", "agreement", "ece")
    return {name: (of_slot.randint(1, 7) + of_rung.randint(0, 1)) / 8 for name in names}


class Killed(BaseException):
    """The search is gone without a word."""


class Interleaving:
    """Tasks side by side; a seeded generator says whose message is heard next."""

    def __init__(
        self, spec: StudySpec, *, n_places: int, seed: int = 0, ends_after: int = -1
    ) -> None:
        self.arrivals: Arrivals = []
        self.answers: dict[tuple[int, int], bool] = {}
        self._rungs = spec.fidelity.ladder.rungs
        self._n_places = n_places
        self._random = random.Random(seed)
        self._n_left = ends_after
        self._climbing: dict[int, Iterator[int]] = {}
        self._weights: dict[int, Path] = {}

    @property
    def n_free(self) -> int:
        return self._n_places - len(self._climbing)

    def submit(self, task: Task) -> None:
        self._climbing[task.slot] = iter(self._rungs)
        self._weights[task.slot] = task.weights

    def step(self, handler: Handler) -> None:
        if self._n_left == 0:
            raise self._random.choice([Killed, KeyboardInterrupt])
        self._n_left -= 1
        slot = self._random.choice(sorted(self._climbing))
        rung = next(self._climbing[slot], None)
        if rung is None:
            del self._climbing[slot]
            handler.finished(slot)
            return
        metrics = shown(slot, rung)
        if metrics is None:
            del self._climbing[slot]
            handler.lost(slot, Diverged("the loss is not finite"))
            return
        if rung == self._rungs[-1]:
            self._weights[slot].write_bytes(b"weights")
        self.arrivals.append((slot, rung))
        goes_on = handler.rung(slot, RungResult(rung, metrics))
        self.answers[slot, rung] = goes_on
        if not goes_on:
            self._climbing[slot] = iter(())  # its end is a message of its own

    @contextmanager
    def paused(self) -> Iterator[None]:
        yield

    def close(self) -> None:
        pass


class Silent:
    def preparing(self, what: str, done: int, total: int) -> None:
        pass

    def changed(self, snapshot: Snapshot) -> None:
        pass

    def told(self, message: str) -> None:
        pass


def make_study(make_spec: MakeSpec, objectives: list[dict[str, Any]], eta: int) -> StudySpec:
    # Few sizes, so that some students are equally large; no two points are equal.
    sizes = {"type": "categorical", "choices": [4e3, 8e3, 16e3, 32e3, 64e3]}
    return make_spec(
        search_space={
            "title": "A space",
            "generator": "chain",
            "architecture": {"params_budget": sizes},
            "kd": {
                "method": {"type": "fixed", "value": "kd"},
                "temperature": {"type": "float", "low": 1.0, "high": 20.0},
                "soft_weight": {"type": "fixed", "value": 0.5},
            },
        },
        objectives=objectives,
        fidelity={"min_epochs": 1, "max_epochs": eta**2, "eta": eta},
        sampler={"name": "random"},
        budget={"trials": 28},
    )


def session(path: Path, spec: StudySpec, crew: Interleaving) -> tuple[list[Record], bool]:
    """Search until the budget is spent or the crew ends it: the storage's records, and which."""
    folder = RunFolder(path)
    folder.create(spec, definitions={})
    ledger = Ledger(folder.database, "s", objectives=spec.objectives, keeps_connection=True)
    with closing(ledger):
        loop = Loop(
            spec,
            make_draw(spec, SHAPE),
            folder=folder,
            ledger=ledger,
            crew=crew,
            listener=Silent(),
        )
        loop.restore()
        is_over = True
        try:
            loop.run()
        except (Killed, KeyboardInterrupt):
            is_over = False
        return ledger.records(), is_over


def turned(metrics: Mapping[str, float], spec: StudySpec) -> Point:
    turns: dict[str, Callable[[float], float]] = {
        "top1": lambda v: 1 - v,
        "agreement": lambda v: 1 - v,
        "ece": lambda v: v,
        "params": log10,
    }
    return tuple(turns[o.metric](metrics[o.metric]) for o in spec.objectives)


def check_verdicts(
    arrivals: Arrivals, records: Iterable[Record], spec: StudySpec, *, before: Arrivals
) -> None:
    """Hold every verdict in the records against the reference, given the order of arrival."""
    found = {(record.slot, rung.epochs): rung for record in records for rung in record.rungs}
    earlier: dict[int, list[Point]] = {rung: [] for rung in spec.fidelity.ladder.rungs}
    for slot, epochs in before:
        earlier[epochs].append(turned(found[slot, epochs].metrics, spec))
    reference = turned({o.metric: o.reference for o in spec.objectives}, spec)
    for slot, epochs in arrivals:
        result = found[slot, epochs]
        values = turned(result.metrics, spec)
        expected = slow_verdict(
            values, earlier[epochs], reference=reference, eta=spec.fidelity.eta
        )
        if epochs == spec.fidelity.max_epochs:
            assert (result.goes_on, result.verdict) == (False, "reached the top rung")
        else:
            assert (result.goes_on, result.verdict) == (expected.goes_on, expected.reason)
        earlier[epochs].append(values)


def results_of(records: Iterable[Record]) -> Arrivals:
    return [(record.slot, rung.epochs) for record in records for rung in record.rungs]


@pytest.mark.parametrize(("objectives", "eta"), STUDIES)
@pytest.mark.parametrize("n_places", [1, 2, 4])
def test_every_verdict_of_a_search_follows_from_its_records_and_their_order(
    make_spec: MakeSpec, tmp_path: Path, objectives: list[dict[str, Any]], eta: int, n_places: int
) -> None:
    spec = make_study(make_spec, objectives, eta)
    crew = Interleaving(spec, n_places=n_places, seed=n_places)
    records, _ = session(tmp_path / "run", spec, crew)
    assert {record.outcome for record in records} == {"complete", "stopped", "failed"}
    # Every result is kept: those of trials that were stopped or lost afterwards too.
    assert any(record.rungs for record in records if record.outcome == "failed")
    assert sorted(crew.arrivals) == results_of(records)
    kept = {(r.slot, rung.epochs): rung.goes_on for r in records for rung in r.rungs}
    assert kept == crew.answers
    for record in records:
        for rung in record.rungs:
            assert rung.metrics == {**(shown(record.slot, rung.epochs) or {}), **record.cost}
    check_verdicts(crew.arrivals, records, spec, before=[])


def test_another_order_of_arrival_would_have_decided_otherwise(
    make_spec: MakeSpec, tmp_path: Path
) -> None:
    spec = make_study(make_spec, [TOP1, PARAMS], 2)
    crew = Interleaving(spec, n_places=4)
    records, _ = session(tmp_path / "run", spec, crew)
    check_verdicts(crew.arrivals, records, spec, before=[])
    with pytest.raises(AssertionError):
        check_verdicts(results_of(records), records, spec, before=[])


@pytest.mark.parametrize(("objectives", "eta"), STUDIES)
def test_with_one_worker_a_search_that_is_killed_again_and_again_decides_the_same(
    make_spec: MakeSpec,
    tmp_path: Path,
    objectives: list[dict[str, Any]],
    eta: int,
) -> None:
    spec = make_study(make_spec, objectives, eta)
    straight, _ = session(tmp_path / "a", spec, Interleaving(spec, n_places=1))
    is_over, n_sessions = False, 0
    while not is_over:
        n_sessions += 1
        crew = Interleaving(spec, n_places=1, seed=n_sessions, ends_after=9)
        resumed, is_over = session(tmp_path / "b", spec, crew)
    assert n_sessions > 3
    assert any(record.attempt for record in resumed)
    assert [told(record) for record in resumed] == [told(record) for record in straight]
    # With one worker results arrive slot by slot, so the storage alone holds their order.
    check_verdicts(results_of(resumed), resumed, spec, before=[])


def told(record: Record) -> tuple[object, ...]:
    return record.slot, record.point, record.outcome, record.reason, record.rungs


@pytest.mark.parametrize(("objectives", "eta"), STUDIES)
def test_with_many_workers_a_resumed_search_decides_from_what_is_kept_and_what_arrives(
    make_spec: MakeSpec, tmp_path: Path, objectives: list[dict[str, Any]], eta: int
) -> None:
    spec = make_study(make_spec, objectives, eta)
    first = Interleaving(spec, n_places=4, seed=1, ends_after=30)
    left, is_over = session(tmp_path / "run", spec, first)
    assert not is_over
    closed = [record for record in left if record.outcome not in ("running", "interrupted")]
    assert len(closed) < len(left)
    second = Interleaving(spec, n_places=4, seed=2)
    records, _ = session(tmp_path / "run", spec, second)
    assert [records[record.slot] for record in closed] == closed
    check_verdicts(second.arrivals, records, spec, before=results_of(closed))
