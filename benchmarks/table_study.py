"""A table as a study: its search space, its draw, and what happens in place of training.

The search space names a generator that this process alone knows and that draws nothing: its
parameters are the table's, the distillation method among them, and `[kd]` is fixed. What draws a
point's family gives the number of its row in place of a graph, so that a search tells repeats by
rows, and the row's own values in place of the point's, which are what was trained.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import moocore
import numpy as np
from table_data import Table

from autokd.graphs import GENERATORS, ArchGraph, Generator
from autokd.parameters import Parameter, Point, part
from autokd.pareto import minimised, reference_point
from autokd.pareto.arrays import Floats
from autokd.runs import RungResult
from autokd.search.crew import Handler, Task
from autokd.search.family import Draw, Family
from autokd.study import StudySpec, read_study


def study(table: Table, *, sampler: dict[str, Any], races: bool, seed: int) -> StudySpec:
    """Write the study of a table.

    Args:
        table: The table.
        sampler: What the study's file would say of the sampler.
        races: Whether trials are raced, or all train to the top rung.
        seed: Of the study.
    """
    GENERATORS[table.name] = Generator(table.name, table.parameters, _draws_nothing)
    rungs = table.rungs
    space = {
        "title": table.name,
        "generator": table.name,
        "architecture": {p.name: _domain(p) for p in table.parameters},
        "kd": {"method": {"type": "fixed", "value": "kd"}},
    }
    raw = {
        "title": table.name,
        "search_space": space,
        "data": {"source": "arrays"},
        "teacher": {"source": "module"},
        "training": {},
        "fidelity": {"min_epochs": rungs[0] if races else rungs[-1], "max_epochs": rungs[-1]},
        "objectives": [
            {"metric": "top1", "direction": "maximize", "reference": table.least_top1},
            {"metric": "params", "direction": "minimize", "reference": table.most_params},
        ],
        "budget": {"seconds": table.budget_s, "trials": table.most_asked},
        "sampler": sampler,
        "seed": seed,
    }
    return read_study(raw, source=table.name)


def make_draw(table: Table, *, shows_features: bool) -> Draw:
    """Make what draws a point's family.

    Args:
        table: The table.
        shows_features: Whether all that a row shows is given, or its size alone.
    """

    def draw(point: Point, seed: int) -> Family:
        row = table.row(part(point, "architecture"))
        costs = table.costs(row)
        shown = costs if shows_features else {"params": costs["params"]}
        snapped = {f"architecture.{name}": value for name, value in table.points[row].items()}
        return Family((str(row),), shown, point=snapped)

    return draw


class Clock:
    """Simulated seconds, `now` and by calling it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Give the seconds so far."""
        return self.now


class History:
    """The hypervolume of what was trained to the end, as a share of the whole table's.

    Args:
        table: The table.
        spec: Its study, by whose definition moocore computes the hypervolume.
    """

    def __init__(self, table: Table, spec: StudySpec) -> None:
        raw = np.column_stack([table.top1[:, -1], table.params])
        self.values: Floats = minimised(raw, spec.axes)
        self._reference = reference_point(spec.axes)
        self._whole = moocore.hypervolume(self.values, ref=self._reference)
        self.rows: list[int] = []
        self.changes: list[tuple[float, float]] = []

    @property
    def share(self) -> float:
        """Share of the table's hypervolume, in [0, 1]."""
        return self.changes[-1][1] if self.changes else 0.0

    def add(self, row: int, at_s: float) -> None:
        """Add a row that was trained to the end."""
        self.rows.append(row)
        found = moocore.hypervolume(self.values[self.rows], ref=self._reference) / self._whole
        if found > self.share:
            self.changes.append((at_s, found))

    def at(self, seconds: float) -> float:
        """Give the share that was reached by then."""
        return max((share for at_s, share in self.changes if at_s <= seconds), default=0.0)

    def reached(self, share: float) -> float | None:
        """Say when a share was reached, seconds; None if it was not."""
        return next((at_s for at_s, found in self.changes if found >= share), None)


class TableCrew:
    """Answers from the table, and lets the clock go on by what the training took.

    Each rung is a training of its own, on more images, which begins anew; a trial pays for all of
    its rungs. One that goes on where another was stopped pays for those that it adds.

    Args:
        table: The table.
        spec: Its study.
        clock: The clock; it runs out where nothing is left to be found out.
    """

    def __init__(self, table: Table, spec: StudySpec, clock: Clock) -> None:
        self._table, self._clock = table, clock
        self._rungs = spec.fidelity.ladder.rungs
        self._spec = spec
        self._rows: set[int] = set()
        self._task: Task | None = None
        self.history = History(table, spec)
        self.n_paid = 0
        self.spent_s = 0.0

    @property
    def n_free(self) -> int:
        """One task at a time."""
        return int(self._task is None)

    def submit(self, task: Task) -> None:
        """Take a task."""
        self._task = task
        self.n_paid += 1

    def step(self, handler: Handler) -> None:
        """Answer rung by rung until the race or the ladder ends it."""
        task, self._task = self._task, None
        assert task is not None
        row = self._table.row(part(task.point, "architecture"))
        self._rows.add(row)
        for rung in [rung for rung in self._rungs if rung > task.after]:
            column = self._table.rungs.index(rung)
            seconds = float(self._table.seconds[row, column])
            self.spent_s += seconds
            self._clock.now = self.spent_s
            top1 = float(self._table.top1[row, column])
            if rung == self._rungs[-1]:
                self.history.add(row, self.spent_s)
            if not handler.rung(task.slot, RungResult(rung, {"top1": top1}, seconds=seconds)):
                break
        handler.finished(task.slot)
        known = set(self.history.rows) if self._spec.sampler.revisits else self._rows
        if len(known) == len(self._table.points) or self.history.share >= self._table.goal:
            self._clock.now = max(self.spent_s, self._table.budget_s)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nobody trains anyway."""
        yield

    def close(self) -> None:
        """Nothing to end."""


def _domain(parameter: Parameter) -> dict[str, Any]:
    if parameter.type == "categorical":
        return {"type": "categorical", "choices": list(parameter.choices)}
    return {"type": parameter.type, "low": parameter.low, "high": parameter.high}


def _draws_nothing(*_: object, **__: object) -> ArchGraph:
    raise AssertionError("a table has no graphs")
