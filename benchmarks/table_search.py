"""One search of a table through autokd's own loop, and what is kept of it."""

import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import moocore
import numpy as np
from table_contenders import Contender
from table_data import CELLS, TIGHT, Table
from table_optuna import put_in_place
from table_study import Clock, History, TableCrew, make_draw, study

from autokd.runs import Ledger, Record, RunFolder
from autokd.runs.storage import quiet_optuna
from autokd.sampler import AutokdSampler
from autokd.search.loop import Loop
from autokd.search.progress import Silent
from autokd.study import StudySpec

LEVELS = (0.8, 0.9, 0.95, 0.99)
"""Shares of a table's hypervolume whose times are kept, where trainings take their time."""

COUNTS = (50, 100, 200)
"""Evaluations after which the share is kept, where each takes a second."""


def search(table: Table, contender: Contender, *, seed: int) -> dict[str, Any]:
    """Search a table once.

    Args:
        table: The table.
        contender: Who searches.
        seed: Of the study.

    Returns:
        What is kept of it, see `kept`.
    """
    quiet_optuna()
    spec = study(table, sampler=dict(contender.sampler), races=contender.races, seed=seed)
    if contender.most_asked and table.name not in CELLS:
        budget = spec.budget.model_copy(update={"trials": contender.most_asked})
        spec = spec.model_copy(update={"budget": budget})
    clock = Clock()
    crew = TableCrew(table, spec, clock)
    with (
        tempfile.TemporaryDirectory() as path,
        _sampling(contender, table, spec),
        # Who repeats is not sent home: a repeat is free, and the next one may be new.
        patch("autokd.search.loop._MOST_REPEATS", table.most_asked),
    ):
        folder = RunFolder(Path(path))
        folder.create(spec, definitions={})
        with closing(
            Ledger(folder.database, table.name, objectives=spec.objectives, keeps_connection=True)
        ) as ledger:
            loop = Loop(
                spec,
                make_draw(table, shows_features=contender.shows_features),
                folder=folder,
                ledger=ledger,
                crew=crew,
                listener=Silent(),
                clock=clock,
            )
            asking = _timed(loop._proposer)
            loop.run()
            records = ledger.records()
    n_repeats = sum(record.outcome == "repeated" for record in records)
    counted = {"asked": len(records), "paid": crew.n_paid, "repeats": n_repeats}
    found = kept(table, crew.history, spent_s=crew.spent_s)
    checked = {"off_table": off_table(table, records), "trained_twice": trained_twice(records)}
    stopped = {"stopped": sum(record.outcome == "stopped" for record in records)}
    more = stopped if contender.races and len(table.rungs) > 1 else {}
    return {**found, **counted, **more, **checked, "asking_ms": _median_ms(asking)}


def kept(table: Table, history: History, *, spent_s: float) -> dict[str, Any]:
    """Give what is kept of a search's hypervolume.

    Args:
        table: The table.
        history: The hypervolume over time.
        spent_s: Seconds of training, the last one included.

    Returns:
        Where trainings take their time, the seconds to each level, None where it was not reached;
        else the share after some evaluations, and every change of it, [evaluations, share]. The
        last share in both cases.
    """
    last = {"share": _digits(history.share), "spent_s": round(spent_s)}
    if table.name not in CELLS:
        times = {f"{level:g}": history.reached(level) for level in LEVELS}
        return {"reached_s": {k: v and round(v) for k, v in times.items()}, **last}
    found = {
        "after": {str(count): _digits(history.at(count)) for count in COUNTS},
        "changes": [[round(at_s), _digits(share)] for at_s, share in history.changes],
    }
    if table.name == "cells_cifar10":
        found["tight_after"] = {
            str(count): _tight(table, history.rows[:count]) for count in COUNTS
        }
    return {**found, **last}


def off_table(table: Table, records: Sequence[Record]) -> int:
    """Count the records whose results are not those of the row that their point comes to."""
    return sum(not _is_row(table, record) for record in records)


def trained_twice(records: Sequence[Record]) -> int:
    """Count trainings, of a row up to a rung, that had been done before."""
    by_slot = {record.slot: record for record in records}
    trainings = [
        (record.graphs, rung.epochs)
        for record in records
        if record.outcome != "repeated"
        for rung in record.rungs[_n_inherited(record, by_slot) :]
    ]
    return len(trainings) - len(set(trainings))


def _n_inherited(record: Record, by_slot: Mapping[int, Record]) -> int:
    return 0 if record.continues is None else len(by_slot[record.continues].rungs)


def _sampling(contender: Contender, table: Table, spec: StudySpec) -> AbstractContextManager[Any]:
    if not contender.revisits:
        return patch("autokd.study.SamplerSpec.revisits", False)
    if not contender.all_rungs:
        of_one_rung = partial(AutokdSampler, all_rungs=False)
        return patch("autokd.search.proposer.AutokdSampler", of_one_rung)
    if contender.maker is None:
        return nullcontext()
    return put_in_place(contender.maker, table, spec, is_told_rows=contender.is_told_rows)


def _is_row(table: Table, record: Record) -> bool:
    point = {name.removeprefix("architecture."): v for name, v in record.point.items()}
    row = table.row(point)
    shown = [(rung.epochs, rung.metrics["top1"], rung.metrics["params"]) for rung in record.rungs]
    there = [
        (rung, float(table.top1[row, column]), float(table.params[row]))
        for column, rung in enumerate(table.rungs)
    ]
    return record.graphs == (str(row),) and bool(shown) and set(shown) <= set(there)


def _tight(table: Table, rows: Sequence[int]) -> float:
    """Share of the hypervolume over error in per cent and size in MB, both as they are."""
    values = np.column_stack([100 * (1 - table.top1[:, -1]), table.params])
    reference = list(TIGHT)
    whole = moocore.hypervolume(values, ref=reference)
    return _digits(moocore.hypervolume(values[list(rows)], ref=reference) / whole)


def _timed(proposer: Any) -> list[float]:
    seconds: list[float] = []
    propose = proposer.propose

    def timed(slot: int) -> Any:
        began = time.perf_counter()
        try:
            return propose(slot)
        finally:
            seconds.append(time.perf_counter() - began)

    proposer.propose = timed
    return seconds


def _median_ms(seconds: Sequence[float]) -> float:
    return float(f"{1e3 * statistics.median(seconds):.3g}")


def _digits(share: float) -> float:
    return round(share, 5)
