"""What the report reads of a run, read once.

Tables and figures are pure functions of `Gathered`; only this module calls a run's methods. Of a
run that goes on meanwhile it wants the `autokd.runs.findings`, whose tables are all of one moment.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from autokd.graphs.ir import ArchGraph
from autokd.pareto import Axis, knee
from autokd.report.labels import labels
from autokd.report.readable import ReadableRun
from autokd.study import StudySpec

__all__ = [
    "IMPORTANCE_LIMIT",
    "POINT_LIMIT",
    "STATES",
    "Gathered",
    "gather",
    "measured",
    "thinned",
]

IMPORTANCE_LIMIT = 4000
"""Complete trials that importance is found from at most, as `autokd.runs.importance` says."""

POINT_LIMIT = 2000
"""Trials behind the front in a figure at most, all runs together; a front is never thinned."""

STATES = ("complete", "stopped", "repeated", "infeasible", "failed", "running", "interrupted")
"""States of a trial, in the order in which they are told."""


@dataclass(frozen=True)
class Gathered:
    """One run as tables and figures read it.

    Attributes:
        label: Name of the run, different from that of every other run in the report; plain text.
        spec: The study.
        teacher: Facts of the teacher.
        info: What ``run.json`` says.
        axes: The objectives.
        quality: The quality metric.
        size: The metric to weigh it against: an objective, or else params.
        trials: Every trial, one row each.
        front: The front, sorted by params, one row each.
        below: Trials that finished below ``min_top1``, one row each.
        curves: Every rung that a trial reached.
        hypervolume: Running hypervolume by order of completion.
        importance: Share of each parameter, largest first.
        rung_correlation: Kendall's tau of each rung with the top one.
        recall_changes: Recall by class less the teacher's, a row a complete trial, by trial.
        knee: Trial at the knee of the front, None for an empty front; with a single objective the
            best one.
        graphs: Graphs of the front's students by trial; each is read when it is first asked for,
            since a page draws a few of them.
    """

    label: str
    spec: StudySpec
    teacher: Mapping[str, Any]
    info: Mapping[str, Any]
    axes: tuple[Axis, ...]
    quality: str
    size: str
    trials: pd.DataFrame
    front: pd.DataFrame
    below: pd.DataFrame
    curves: pd.DataFrame
    hypervolume: pd.DataFrame
    importance: Mapping[str, float]
    rung_correlation: pd.DataFrame
    recall_changes: pd.DataFrame
    knee: int | None
    graphs: Mapping[int, ArchGraph]

    @property
    def is_single(self) -> bool:
        """Whether there is one objective: its front is the best student, or equally good ones."""
        return len(self.axes) == 1

    @property
    def choice(self) -> str:
        """What the student that export takes by default is called."""
        return "best" if self.is_single else "knee"

    @property
    def is_higher_better(self) -> bool:
        """Whether the quality metric is maximised."""
        return self.direction(self.quality) != "minimize"

    @property
    def parameters(self) -> tuple[str, ...]:
        """Full names of the searched parameters in the search space's order, no fixed ones."""
        dimensions = self.spec.search_space.dimensions()
        return tuple(
            d.name for d in dimensions if d.domain.type != "fixed" and d.name in self.trials
        )

    def direction(self, metric: str) -> str | None:
        """Say in which direction a metric is optimised.

        Args:
            metric: The metric.

        Returns:
            ``minimize``, ``maximize``, or None if it is no objective.
        """
        return next((axis.direction for axis in self.axes if axis.metric == metric), None)

    def is_log(self, metric: str) -> bool:
        """Say whether a metric is compared by its logarithm.

        Args:
            metric: The metric.

        Returns:
            True if it is an objective on a log10 scale, or the size without being an objective.
        """
        scales = {axis.metric: axis.scale for axis in self.axes}
        return scales.get(metric, "log10" if metric == self.size else "linear") == "log10"

    def has_finished_with(self, *metrics: str) -> bool:
        """Say whether some metrics are known of a trial that finished.

        Args:
            metrics: The metrics, axes of the runs that were gathered together.

        Returns:
            Whether there is one, on the front or below ``min_top1``.
        """
        return any(len(measured(rows, *metrics)) for rows in (self.front, self.below))

    def behind(self) -> pd.DataFrame:
        """Select the trials behind the front: complete and dominated, or stopped by the race.

        Returns:
            Their rows, in the order of the trials.
        """
        is_judged = self.trials["state"].isin(["complete", "stopped"])
        is_behind = is_judged & ~self.trials["trial"].isin(self.front["trial"])
        return self.trials[is_behind & self.trials[self.quality].notna()]

    def groups(self, behind: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Tell trials behind the front apart.

        Args:
            behind: What `behind` gave, or some of its rows.

        Returns:
            Their rows, by what a legend calls them; each row once.
        """
        is_below = behind["trial"].isin(self.below["trial"])
        is_stopped = behind["state"] == "stopped"
        return {
            "stopped early": behind[is_stopped],
            "below min_top1": behind[is_below],
            "not the best" if self.is_single else "dominated": behind[~is_stopped & ~is_below],
        }


def gather(runs: Sequence[ReadableRun], *, with_graphs: bool = True) -> list[Gathered]:
    """Read runs.

    Args:
        runs: The runs, at least one.
        with_graphs: Whether to read the graphs of the front's students.

    Returns:
        One `Gathered` a run, in the same order, with different labels. The trials, the front and
        the trials below the bound have a column for every metric that is an axis of any of the
        runs: NaN where the run did not measure it.
    """
    gathered = [
        _gather(run, label, with_graphs=with_graphs)
        for run, label in zip(runs, labels([run.folder for run in runs]), strict=True)
    ]
    shown = {metric for run in gathered for metric in _metrics(run)}
    return [
        replace(
            run,
            trials=_having(run.trials, shown),
            front=_having(run.front, shown),
            below=_having(run.below, shown),
        )
        for run in gathered
    ]


def measured(rows: pd.DataFrame, *metrics: str) -> pd.DataFrame:
    """Keep the rows that have all of some metrics.

    Args:
        rows: Rows of the trials or of the front of a run.
        metrics: The metrics, axes of the runs that were gathered together.

    Returns:
        The rows in which none is NaN, in their order.
    """
    return rows[rows[list(metrics)].notna().all(axis=1)]


def thinned(frame: pd.DataFrame, limit: int) -> pd.DataFrame:
    """Keep rows spread evenly over a table.

    Args:
        frame: The table.
        limit: Rows to keep at most, >= 0.

    Returns:
        The table itself if it is short enough, else ``limit`` of its rows in their order, the same
        ones every time.
    """
    if len(frame) <= limit:
        return frame
    return frame.iloc[np.linspace(0, len(frame) - 1, limit).round().astype(np.int64)]


def _gather(run: ReadableRun, label: str, *, with_graphs: bool) -> Gathered:
    front = run.front()
    slots = [int(slot) for slot in front["trial"]] if with_graphs else []
    shares = sorted(run.importance().items(), key=lambda item: -item[1])
    return Gathered(
        label=label,
        spec=run.spec,
        # Of a teacher of which only answers are left nobody knows the size: the file says null.
        teacher={**run.teacher, "params": run.teacher["params"] or np.nan},
        info=run.info,
        axes=tuple(run.axes),
        quality=run.first_metric,
        size=_size(run),
        trials=run.trials(),
        front=front,
        below=run.below(),
        curves=run.curves(),
        hypervolume=run.hypervolume(),
        importance=dict(shares),
        rung_correlation=run.rung_correlation(),
        recall_changes=run.recall_changes(),
        knee=_knee(front),
        graphs=_Graphs(run, slots),
    )


class _Graphs(Mapping[int, ArchGraph]):
    def __init__(self, run: ReadableRun, slots: Sequence[int]) -> None:
        self._run = run
        self._known: dict[int, ArchGraph | None] = dict.fromkeys(slots)

    def __getitem__(self, slot: int) -> ArchGraph:
        graph = self._known[slot]
        if graph is None:
            graph = self._known[slot] = self._run.graph(slot)
        return graph

    def __iter__(self) -> Iterator[int]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def _metrics(run: Gathered) -> tuple[str, ...]:
    return run.quality, run.size, *(axis.metric for axis in run.axes)


def _having(table: pd.DataFrame, metrics: Collection[str]) -> pd.DataFrame:
    return table.assign(**{name: np.nan for name in sorted(metrics) if name not in table})


def _size(run: ReadableRun) -> str:
    others = [axis.metric for axis in run.axes if axis.metric != run.first_metric]
    return run.size_metric if not others or run.size_metric in others else others[0]


def _knee(front: pd.DataFrame) -> int | None:
    if front.empty:
        return None
    return int(front["trial"].iloc[knee(front["top1"].to_numpy(), front["params"].to_numpy())])
