"""MOASHA of Syne Tune at real training: its rule of promotion in the place of autokd's.

Who trains, what counts and what is recorded are autokd's loop's, so that nothing differs but who
goes on. MOASHA proposes at random; so does autokd's sampler ``random``, from the same search
space, some of which (conditional parameters) Syne Tune's cannot say. The priority is the one by
ranks, the better one on the tables (`table_moasha`).

Source: Schmucker et al. 2021, arXiv:2106.12639.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from typing import Any
from unittest.mock import patch

from table_moasha import ROOT, by_rank

from autokd.fidelity import Verdict
from autokd.pareto import minimised
from autokd.search.board import Board
from autokd.study import StudySpec

__all__ = ["moasha_decides"]


@contextmanager
def moasha_decides(spec: StudySpec) -> Iterator[None]:
    """Let MOASHA decide who trains on in the searches of a study.

    Args:
        spec: The study: its ladder and its objectives.
    """
    race = _Race(spec)
    with patch.object(Board, "race", lambda _board, epochs, found: race.judge(epochs, found)):
        yield


class _Race:
    """Asks the scheduler of one search, which hears of each trial when it reaches a rung."""

    def __init__(self, spec: StudySpec) -> None:
        self._axes = spec.axes
        self._names = [axis.metric for axis in spec.axes]
        self._n_told = 0
        self._make_trial = import_module("syne_tune.backend.trial_status").Trial
        self._scheduler = import_module(f"{ROOT}.moasha").MOASHA(
            {},
            self._names,
            time_attr="epochs",
            grace_period=spec.fidelity.min_epochs,
            max_t=spec.fidelity.max_epochs,
            reduction_factor=spec.fidelity.eta,
            multiobjective_priority=by_rank(),
        )

    def judge(self, epochs: int, metrics: Mapping[str, float]) -> Verdict:
        """Decide on a trial at a rung.

        It is told as a new one at each: what was heard of it at lower rungs plays no part there.
        """
        self._n_told += 1
        trial = self._make_trial(self._n_told, {}, datetime.now())
        values = minimised([[metrics[name] for name in self._names]], self._axes)[0]
        shown: dict[str, Any] = dict(zip(self._names, values.tolist(), strict=True))
        self._scheduler.on_trial_add(trial)
        decision = self._scheduler.on_trial_result(trial, {"epochs": epochs, **shown})
        self._scheduler.on_trial_remove(trial)
        return Verdict(decision != "STOP", "MOASHA's decision", 0, 0, self._n_told)
