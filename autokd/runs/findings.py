"""What a run had found at one moment, as tables.

A function of the records and of nothing else. Each table is made once, when it is first asked
for, and all of them tell of the same moment, even while the run goes on.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from autokd.graphs import ArchGraph
from autokd.pareto import Axis
from autokd.runs import analysis
from autokd.runs.folder import RunFolder
from autokd.runs.importance import importances
from autokd.runs.ranking import rung_correlation
from autokd.runs.record import Record
from autokd.study import StudySpec

__all__ = ["Findings"]

_SIZE_METRICS = ("params", "macs", "peak_bytes", "latency_s")


class Findings:
    """A run as it was when it was read; `autokd.runs.run.Run` describes each table.

    Args:
        folder: The run folder.
        spec: The study.
        info: What ``run.json`` says.
        records: The last attempt at every slot, by slot number.
        tests: Metrics on the test set by slot, the slot as text.

    Attributes:
        folder: The run folder.
        spec: The study.
        info: What ``run.json`` says.
        records: The last attempt at every slot, by slot number.
    """

    def __init__(
        self,
        folder: Path,
        *,
        spec: StudySpec,
        info: Mapping[str, Any],
        records: Sequence[Record],
        tests: Mapping[str, Mapping[str, float]],
    ) -> None:
        self.folder = folder
        self.spec = spec
        self.info = info
        self.records = tuple(records)
        self._tests = tests

    @property
    def teacher(self) -> Mapping[str, Any]:
        """The teacher, as ``run.json`` says it."""
        teacher: Mapping[str, Any] = self.info["teacher"]
        return teacher

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The study's objectives as axes."""
        return self.spec.axes

    @property
    def first_metric(self) -> str:
        """The first objective that is measured on images, top1 if none is: what "best" means."""
        metrics = [objective.metric for objective in self.spec.objectives]
        return next((metric for metric in metrics if metric not in _SIZE_METRICS), "top1")

    @property
    def size_metric(self) -> str:
        """The objective that says how large a student is; ``params`` when no objective does."""
        metrics = [objective.metric for objective in self.spec.objectives]
        return next((metric for metric in metrics if metric in _SIZE_METRICS), "params")

    def trials(self) -> pd.DataFrame:
        """Tabulate every slot.

        Returns:
            A table of the caller's own, like all tables here.
        """
        return self._trials.copy()

    def front(self) -> pd.DataFrame:
        """Tabulate the Pareto front.

        Returns:
            Its rows of `trials`, smallest first, with ``test_top1``.
        """
        return self._front.copy()

    def below(self) -> pd.DataFrame:
        """Tabulate the trials that finished below ``min_top1``.

        Returns:
            Their rows of `trials`.
        """
        return analysis.below_table(self._trials, self._min_top1)

    def curves(self) -> pd.DataFrame:
        """Tabulate every rung of every slot.

        Returns:
            A row a rung.
        """
        return self._curves.copy()

    def hypervolume(self) -> pd.DataFrame:
        """Follow the hypervolume through the search.

        Returns:
            A row for each complete trial in the order of completion.
        """
        return self._hypervolume.copy()

    def importance(self) -> dict[str, float]:
        """Say how much each searched parameter mattered for reaching the front.

        Returns:
            Shares that sum to one, largest first; empty where the trials are too few to tell.
        """
        return dict(self._importance)

    def recall_changes(self) -> pd.DataFrame:
        """Say how each class has changed against the teacher.

        Returns:
            A row for each complete trial that has it, a column for each class.
        """
        return analysis.recall_table(self.records)

    def rung_correlation(self) -> pd.DataFrame:
        """Say how well each rung's score ranked the students that finished.

        Returns:
            A row for each rung below the top; `autokd.runs.ranking` describes the columns.
            Repeated trials are left out: their results are another's.
        """
        return self._rung_correlation.copy()

    def graph(self, slot: int) -> ArchGraph:
        """Read the graph of one slot's first student.

        Args:
            slot: Slot number.

        Returns:
            The graph.

        Raises:
            RunError: If it is missing.
        """
        return RunFolder(self.folder).read_graphs(slot)[0]

    @property
    def _min_top1(self) -> float | None:
        return self.spec.constraints.min_top1

    @cached_property
    def _trials(self) -> pd.DataFrame:
        return analysis.trials_table(self.records, [axis.metric for axis in self.axes])

    @cached_property
    def _front(self) -> pd.DataFrame:
        table = analysis.front_table(
            self._trials, self.axes, self.size_metric, min_top1=self._min_top1
        )
        tests = [self._tests.get(str(slot), {}) for slot in table["trial"]]
        test_top1 = [test.get("top1", float("nan")) for test in tests]
        table = table.reset_index(drop=True)
        table.insert(list(table.columns).index("reason") + 1, "test_top1", test_top1)
        return table

    @cached_property
    def _curves(self) -> pd.DataFrame:
        return analysis.curves_table(self.records)

    @cached_property
    def _hypervolume(self) -> pd.DataFrame:
        return analysis.hypervolume_table(self._trials, self.axes, min_top1=self._min_top1)

    @cached_property
    def _rung_correlation(self) -> pd.DataFrame:
        top = self.spec.fidelity.max_epochs
        # A repeated trial has the results of another one, which must not count twice.
        repeated = [record.slot for record in self.records if record.outcome == "repeated"]
        own = self._curves[~self._curves["trial"].isin(repeated)]
        return rung_correlation(own, self.first_metric, top=top)

    @cached_property
    def _importance(self) -> Mapping[str, float]:
        return importances(self.records, self.spec)
