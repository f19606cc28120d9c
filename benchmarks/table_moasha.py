"""MOASHA of Syne Tune on a table: random points, and its own rule of promotion.

It decides promotions itself, so it runs in a loop of its own over the same table, the same rows
and the same clock. It looks at no duplicates: here a training that was paid for is free the second
time, rung by rung, and the race, which hears of it again, may let it go on this time; so that it
gets more out of a duplicate than autokd's loop gives.

`shipped` is what Syne Tune 0.16 installs. Its priority of several objectives is the order of the
indices where the caller reads a rank for each item, so that who goes on has little to do with who
is good. `ranks` puts the ranks in their place, through the argument that the class has for it, so
that nothing is won against a slip.

Source: Schmucker et al. 2021, arXiv:2106.12639.
"""

import statistics
import time
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from table_data import Table
from table_search import kept
from table_study import Clock, History, study

from autokd.pareto.arrays import Floats

ROOT = "syne_tune.optimizer.schedulers.multiobjective"
_METRICS = ("error", "log_params")


def reason_against() -> str:
    """Say why it cannot run here; empty where it can."""
    return "" if find_spec("syne_tune") else "pip install --no-deps syne-tune dill"


def search(table: Table, *, seed: int, rule: str) -> dict[str, Any]:
    """Search a table once.

    Args:
        table: The table.
        seed: Of the random points.
        rule: ``shipped`` or ``ranks``.

    Returns:
        What is kept of it, as of a search through autokd's loop.
    """
    np.random.seed(seed)  # noqa: NPY002  (Syne Tune draws from the global generator)
    spec = study(table, sampler={"name": "random"}, races=True, seed=seed)
    history, clock = History(table, spec), Clock()
    scheduler = _scheduler(table, rule)
    make_trial = import_module("syne_tune.backend.trial_status").Trial
    known: set[tuple[int, int]] = set()
    asking, paid = [], 0
    while clock.now < table.budget_s and len(asking) < table.most_asked:
        began = time.perf_counter()
        config = scheduler.suggest().config
        asking.append(time.perf_counter() - began)
        trial, row = make_trial(len(asking), config, datetime.now()), table.row(config)
        scheduler.on_trial_add(trial)
        n_known = len(known)
        _train(scheduler, trial, row, table=table, clock=clock, known=known, history=history)
        scheduler.on_trial_remove(trial)
        paid += len(known) > n_known
        if history.share >= table.goal:
            break
    return {
        **kept(table, history, spent_s=clock.now),
        "asked": len(asking),
        "paid": paid,
        "repeats": len(asking) - paid,
        "asking_ms": float(f"{1e3 * statistics.median(asking):.3g}"),
    }


def _train(
    scheduler: Any,
    trial: Any,
    row: int,
    *,
    table: Table,
    clock: Clock,
    known: set[tuple[int, int]],
    history: History,
) -> None:
    """Train up the ladder until the race or the ladder ends it."""
    for column, rung in enumerate(table.rungs):
        if (row, column) not in known:
            known.add((row, column))
            clock.now += float(table.seconds[row, column])
        if rung == table.rungs[-1]:
            history.add(row, clock.now)
        shown = dict(zip(_METRICS, _values(table, row, column), strict=True))
        if scheduler.on_trial_result(trial, {"epochs": rung, **shown}) == "STOP":
            return


def _values(table: Table, row: int, column: int) -> list[float]:
    return [1 - float(table.top1[row, column]), float(np.log10(table.params[row]))]


def _scheduler(table: Table, rule: str) -> Any:
    space = import_module("syne_tune.config_space")
    domains = {
        p.name: space.choice(list(p.choices)) if p.choices else space.randint(p.low, p.high)
        for p in table.parameters
    }
    return import_module(f"{ROOT}.moasha").MOASHA(
        domains,
        list(_METRICS),
        time_attr="epochs",
        grace_period=table.rungs[0],
        max_t=table.rungs[-1],
        reduction_factor=3,
        multiobjective_priority=by_rank() if rule == "ranks" else None,
    )


def by_rank() -> Any:
    """Make the priority that the caller reads: each item's rank."""
    base = import_module(f"{ROOT}.multiobjective_priority").NonDominatedPriority
    sort = import_module(f"{ROOT}.non_dominated_priority").nondominated_sort

    class ByRank(base):  # type: ignore[misc, valid-type]
        """Gives ranks, not an order."""

        def priority_unsafe(self, objectives: Floats) -> Any:
            """Rank each item, 0 is best; ``(items, objectives)``."""
            order = sort(X=objectives, dim=self.dim)
            ranks = np.empty(len(order), dtype=int)
            ranks[order] = np.arange(len(order))
            return ranks

    return ByRank()
