"""One search of a table that begins from an earlier run, and the earlier run itself."""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import table_search
from table_data import CELLS, STUDENTS, Table, load
from table_study import Clock, History, TableCrew, make_draw, study

from autokd.pareto import is_front
from autokd.runs import Ledger, Record, RunFolder
from autokd.runs.storage import quiet_optuna
from autokd.search.earlier import EarlierRun
from autokd.search.loop import Loop
from autokd.search.progress import Silent
from autokd.search.queued import Queued
from autokd.search.warm import WarmStart, begin_warm
from autokd.study import StudySpec

PLAIN, CIFAR10 = "kd_nokd", "cells_cifar10"
TARGETS = {
    **{name: PLAIN for name in STUDENTS if name != PLAIN},
    **{name: CIFAR10 for name in CELLS if name != CIFAR10},
}
"""Which table the earlier run is of, by the later run's."""

COLD, FRONT, SHUFFLED = "cold", "front", "front and shuffled trials"
WAYS = (COLD, FRONT, "front and trials", SHUFFLED)
"""How a search may begin."""

LEVELS = ("0.95", "0.99")
N_CELLS = 100
"""Trainings of each run on NAS-Bench-201."""

_OTHER_SEEDS = 1000


def search_one(folder: Path | None, table: str, way: str, seed: int) -> dict[str, Any]:
    """Search a table once.

    Args:
        folder: Where the tables of students are.
        table: The later run's table.
        way: How it begins.
        seed: Of the later run.

    Returns:
        What is kept of it, and how many points were queued.
    """
    rows = load(table, folder)
    earlier = [] if way == COLD else [earlier_run(folder, TARGETS[table], seed, way=way)]
    warm = begin_warm(study_of(rows, seed=seed), earlier)
    records, history, spent_s = search(rows, seed=seed, warm=warm)
    if table_search.off_table(rows, records) or table_search.trained_twice(records):
        raise SystemExit(f"{table}, {way}, {seed} is not what the table says")
    unit = table_search.kept(rows, history, spent_s=spent_s)
    return {**kept(rows, unit), "queued": len(warm.queue)}


def search(table: Table, *, seed: int, warm: WarmStart) -> tuple[list[Record], History, float]:
    """Let autokd search a table.

    Args:
        table: The table.
        seed: Of the study.
        warm: What it begins with.

    Returns:
        Its records, the hypervolume over time, and seconds of training.
    """
    quiet_optuna()
    spec = study_of(table, seed=seed)
    clock = Clock()
    crew = TableCrew(table, spec, clock)
    with (
        tempfile.TemporaryDirectory() as path,
        # As in search_tables: who repeats is not sent home.
        patch("autokd.search.loop._MOST_REPEATS", table.most_asked),
    ):
        folder = RunFolder(Path(path))
        folder.create(spec, definitions={})
        with closing(
            Ledger(folder.database, table.name, objectives=spec.objectives, keeps_connection=True)
        ) as ledger:
            Loop(
                spec,
                make_draw(table, shows_features=True),
                folder=folder,
                ledger=ledger,
                crew=crew,
                listener=Silent(),
                clock=clock,
                warm=warm,
            ).run()
            return list(ledger.records()), crew.history, crew.spent_s


def kept(table: Table, unit: Mapping[str, Any]) -> dict[str, Any]:
    """Give what is compared here of what `table_search` keeps of a search."""
    if table.name in CELLS:
        return {"changes": unit["changes"]}
    return {"reached_s": {level: unit["reached_s"][level] for level in LEVELS}}


def study_of(table: Table, *, seed: int) -> StudySpec:
    """Write autokd's study of a table."""
    spec = study(table, sampler={"name": "autokd"}, races=True, seed=seed)
    if table.name not in CELLS:
        return spec
    budget = spec.budget.model_copy(update={"trials": N_CELLS})
    return spec.model_copy(update={"budget": budget})


def earlier_run(folder: Path | None, source: str, seed: int, *, way: str) -> EarlierRun:
    """Search the earlier table, and take of it what a way to begin has.

    Args:
        folder: Where the tables of students are.
        source: The earlier run's table.
        seed: Of the later run.
        way: How the later run begins.

    Returns:
        Its front, smallest first, and its trials; none of them for ``front``.
    """
    records = _earlier_records(folder, source, seed)
    front = _front(records)
    learned = [] if way == FRONT else list(records)
    results = [{rung.epochs: rung.metrics for rung in record.rungs} for record in learned]
    if way == SHUFFLED:
        results = _shuffled(learned, results, front, seed)
    return EarlierRun(
        run=source,
        started="",
        title=source,
        fingerprint={},
        queue=tuple(Queued(dict(r.point), f"front of {source}, trial {r.slot}") for r in front),
        skipped=(),
        points=tuple(record.point for record in learned),
        results=tuple(results),
    )


@cache
def _earlier_records(folder: Path | None, source: str, seed: int) -> tuple[Record, ...]:
    records, _, _ = search(load(source, folder), seed=_OTHER_SEEDS + seed, warm=WarmStart())
    return tuple(r for r in records if r.outcome in ("complete", "stopped"))


def _front(records: Sequence[Record]) -> list[Record]:
    """The front of those that were trained to the end, smallest first."""
    complete = [record for record in records if record.outcome == "complete"]
    values = [[-record.metrics["top1"], record.metrics["params"]] for record in complete]
    members = [record for record, is_in in zip(complete, is_front(values), strict=True) if is_in]
    return sorted(members, key=lambda record: float(record.metrics["params"]))


def _shuffled(
    records: Sequence[Record], results: Sequence[Any], front: Sequence[Record], seed: int
) -> list[Any]:
    """Let results change places, all but the front's; sizes are known and stay."""
    students = {record.graphs for record in front}
    moved = [index for index, record in enumerate(records) if record.graphs not in students]
    order = np.random.default_rng(seed).permutation(len(moved))
    found = list(results)
    for index, other in zip(moved, order, strict=True):
        params = records[index].metrics["params"]
        taken = results[moved[other]]
        found[index] = {rung: {**m, "params": params} for rung, m in taken.items()}
    return found
