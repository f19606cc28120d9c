"""A run, read back: what a search has learned, as tables.

Everything comes from the ledger and the run folder, so a run can be read while it grows, on
another machine, and after years. Tables are pandas DataFrames with one row a slot; a column is
named like the metric or parameter that it holds.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from autokd.errors import RunError
from autokd.graphs import ArchGraph
from autokd.parameters import Value
from autokd.pareto import Axis
from autokd.runs import analysis
from autokd.runs.folder import RunFolder
from autokd.runs.importance import importances
from autokd.runs.ledger import Ledger
from autokd.runs.record import Record
from autokd.study import StudySpec

__all__ = ["Run", "load_run"]

_SIZE_METRICS = ("params", "macs", "peak_bytes", "latency_s")


class Run:
    """One execution of a study.

    Args:
        folder: The run folder.

    Attributes:
        folder: The run folder.
        spec: The study.
        info: Versions, hardware, device, storage, start and end.

    Raises:
        RunError: If this is no run folder, or its storage cannot be reached.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = RunFolder(folder)
        self.spec: StudySpec = self._files.read_spec()
        self.info: Mapping[str, Any] = self._files.read_info()
        self._ledger = Ledger(self.info["storage"], self.info["study_name"])

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    @property
    def teacher(self) -> Mapping[str, Any]:
        """The teacher: name, params, top1 (validation), test_top1, saw_validation, digest."""
        teacher: Mapping[str, Any] = self.info["teacher"]
        return teacher

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The objectives as `autokd.pareto` reads them."""
        return self.spec.axes

    @property
    def first_metric(self) -> str:
        """The first objective that is measured on images: what "best" means."""
        metrics = [objective.metric for objective in self.spec.objectives]
        return next(metric for metric in metrics if metric not in _SIZE_METRICS)

    @property
    def size_metric(self) -> str:
        """The objective that says how large a student is; ``params`` when no objective does."""
        metrics = [objective.metric for objective in self.spec.objectives]
        return next((metric for metric in metrics if metric in _SIZE_METRICS), "params")

    def records(self) -> list[Record]:
        """Read the last attempt at every slot.

        Returns:
            Records by slot.

        Raises:
            RunError: If the storage fails.
        """
        return self._ledger.records()

    def trials(self) -> pd.DataFrame:
        """Tabulate every slot.

        Returns:
            A row a slot: ``trial`` (the slot), ``state``, ``reason``, the metrics at the highest
                rung reached, ``epochs`` (that rung),
            ``seconds`` (training), ``elapsed_s`` (seconds of searching when it ended), then the
            point's parameters.

        Raises:
            RunError: If the storage fails.
        """
        return analysis.trials_table(self.records())

    def front(self) -> pd.DataFrame:
        """Tabulate the Pareto front.

        Returns:
            The rows of `trials` that are complete and not dominated, smallest first, with
            ``test_top1`` (NaN until it was measured).

        Raises:
            RunError: If the storage fails.
        """
        table = analysis.front_table(self.trials(), self.axes, self.size_metric)
        tests = self._ledger.noted("tests") or {}
        test_top1 = [tests.get(str(slot), {}).get("top1", float("nan")) for slot in table["trial"]]
        table.insert(list(table.columns).index("reason") + 1, "test_top1", test_top1)
        return table.reset_index(drop=True)

    def curves(self) -> pd.DataFrame:
        """Tabulate every rung of every slot.

        Returns:
            Columns ``trial``, ``epochs``, ``seconds``, ``goes_on``, ``verdict`` and the metrics.

        Raises:
            RunError: If the storage fails.
        """
        return analysis.curves_table(self.records())

    def hypervolume(self) -> pd.DataFrame:
        """Follow the hypervolume through the search.

        Returns:
            A row for each complete trial in the order of completion: ``trial``, ``elapsed_s``,
                ``hypervolume`` so far, as
            `autokd.pareto` defines it with the study's reference point.

        Raises:
            RunError: If the storage fails.
        """
        return analysis.hypervolume_table(self.trials(), self.axes)

    def importance(self) -> dict[str, float]:
        """Say how much each searched parameter mattered for reaching the front.

        Returns:
            Shares that sum to one, largest first; empty when there are too few complete trials.

        Raises:
            RunError: If the storage fails.
        """
        return importances(self._ledger.study())

    def rung_correlation(self) -> pd.DataFrame:
        """Say how well each rung's score ranked the students that finished.

        Returns:
            Columns ``epochs``, ``n`` (trials that finished), ``tau`` (Kendall's tau-b between the
            score at this rung and at the top).

        Raises:
            RunError: If the storage fails.
        """
        return analysis.rung_correlation(self.curves(), self.first_metric)

    def record(self, slot: int) -> Record:
        """Read one slot's record.

        Args:
            slot: Slot number.

        Returns:
            The last attempt's record.

        Raises:
            RunError: If there is no such slot.
        """
        for record in self.records():
            if record.slot == slot:
                return record
        raise RunError(f"{self.folder} has no trial {slot}")

    def point(self, slot: int) -> dict[str, Value]:
        """Read one slot's point.

        Args:
            slot: Slot number.

        Returns:
            Value by full parameter name, fixed ones included.

        Raises:
            RunError: If there is no such slot.
        """
        return self.record(slot).point

    def seed(self, slot: int) -> int:
        """Read one slot's seed.

        Args:
            slot: Slot number.

        Returns:
            The seed from which its graphs and weights follow.

        Raises:
            RunError: If there is no such slot.
        """
        return self.record(slot).seed

    def graphs(self, slot: int) -> tuple[ArchGraph, ...]:
        """Read the graphs of one slot's family.

        Args:
            slot: Slot number.

        Returns:
            One graph a student.

        Raises:
            RunError: If they are missing.
        """
        return self._files.read_graphs(slot)

    def graph(self, slot: int) -> ArchGraph:
        """Read the graph of one slot's first student.

        Args:
            slot: Slot number.

        Returns:
            The graph.

        Raises:
            RunError: If it is missing.
        """
        return self.graphs(slot)[0]

    def weights(self, slot: int) -> Path | None:
        """Find the weights of one slot's first student.

        Args:
            slot: Slot number.

        Returns:
            The safetensors file; None when they were not kept (only the front's are).
        """
        path = self._files.weights(slot)
        return path if path.is_file() else None


def load_run(path: str | Path) -> Run:
    """Open a run for reading.

    Args:
        path: The run folder.

    Returns:
        The run.

    Raises:
        RunError: If this is no run folder, or its storage cannot be reached.
    """
    return Run(Path(path))
