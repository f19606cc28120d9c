"""A run, read back: what a search has learned, as tables.

Everything comes from the ledger and the run folder, so a run can be read while it grows, on
another machine, and after years. Tables are pandas DataFrames with one row a slot; a column is
named like the metric or parameter that it holds. Every call reads the ledger anew; what follows
from the records is worked out again only if they have changed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from autokd.errors import RunError
from autokd.graphs import ArchGraph
from autokd.parameters import Value
from autokd.pareto import Axis
from autokd.runs.findings import Findings
from autokd.runs.folder import RunFolder
from autokd.runs.reading import Reader, last_attempts
from autokd.runs.record import Record
from autokd.study import StudySpec

__all__ = ["Run", "load_run"]


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
        self._files = RunFolder(folder)
        self.folder = self._files.path
        self.spec: StudySpec = self._files.read_spec()
        self.info: Mapping[str, Any] = self._files.read_info()
        self._reader = Reader(self.info["storage"], self.info["study_name"])
        self._read: tuple[list[str], Mapping[str, Any]] = ([], {})
        self._last = self._work_out()

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    @property
    def teacher(self) -> Mapping[str, Any]:
        """The teacher: name, params, top1 (validation), test_top1, saw_validation, digest."""
        return self._last.teacher

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The objectives as `autokd.pareto` reads them."""
        return self._last.axes

    @property
    def first_metric(self) -> str:
        """The first objective that is measured on images, top1 if none is: what "best" means."""
        return self._last.first_metric

    @property
    def size_metric(self) -> str:
        """The objective that says how large a student is; ``params`` when no objective does."""
        return self._last.size_metric

    def findings(self) -> Findings:
        """Read everything at once.

        Returns:
            The same tables, all of this moment.

        Raises:
            RunError: If the storage fails.
        """
        read = self._reader.read()
        if read != self._read:
            self._read = read
            self._last = self._work_out()
        return self._last

    def records(self) -> list[Record]:
        """Read the last attempt at every slot.

        Returns:
            Records by slot.

        Raises:
            RunError: If the storage fails.
        """
        return list(self.findings().records)

    def trials(self) -> pd.DataFrame:
        """Tabulate every slot.

        Returns:
            A row a slot: ``trial`` (the slot), ``state``, ``reason``, ``origin`` where not all
            come from the sampler, the metrics at the highest rung reached, ``epochs`` (that rung),
            ``seconds`` (training), ``elapsed_s`` (at its end), then the point's parameters.

        Raises:
            RunError: If the storage fails.
        """
        return self.findings().trials()

    def front(self) -> pd.DataFrame:
        """Tabulate the Pareto front.

        Returns:
            The rows of `trials` that are complete and not dominated, smallest first, with
            ``test_top1`` (NaN until it was measured). A trial below ``min_top1`` is no member.

        Raises:
            RunError: If the storage fails.
        """
        return self.findings().front()

    def below(self) -> pd.DataFrame:
        """Tabulate the trials that finished the top rung below the study's ``min_top1``.

        Returns:
            Their rows of `trials`; none where the study does not bound top1.

        Raises:
            RunError: If the storage fails.
        """
        return self.findings().below()

    def curves(self) -> pd.DataFrame:
        """Tabulate every rung of every slot.

        Returns:
            Columns ``trial``, ``epochs``, ``seconds``, ``goes_on``, ``verdict`` and the metrics.

        Raises:
            RunError: If the storage fails.
        """
        return self.findings().curves()

    def hypervolume(self) -> pd.DataFrame:
        """Follow the hypervolume through the search.

        Returns:
            A row for each complete trial in the order of completion: ``trial``, ``elapsed_s``,
                ``hypervolume`` so far, as
            `autokd.pareto` defines it with the study's reference point.

        Raises:
            RunError: If the storage fails.
        """
        return self.findings().hypervolume()

    def importance(self) -> dict[str, float]:
        """Say how much each searched parameter mattered for reaching the front.

        Returns:
            Shares that sum to one, largest first; empty where the trials are too few to tell.

        Raises:
            RunError: If the storage fails.
        """
        return self.findings().importance()

    def recall_changes(self) -> pd.DataFrame:
        """Say how each class has changed against the teacher.

        Returns:
            A row for each complete trial, ``trial`` as its index, and a column for each class by
                index: recall on validation less the teacher's. Trials of studies with more than
                200 classes and of earlier versions are left out.

        Raises:
            RunError: If the storage fails.
        """
        return self.findings().recall_changes()

    def rung_correlation(self) -> pd.DataFrame:
        """Say how well each rung's score ranked the students that finished.

        Returns:
            Columns ``epochs``, ``n`` (trials that finished), ``tau`` (Kendall's tau-b with the
                top rung's), ``tau_low``, ``tau_high`` (95 %; NaN below ten trials).

        Raises:
            RunError: If the storage fails.
        """
        return self.findings().rung_correlation()

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
        return dict(self.record(slot).point)

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

    def _work_out(self) -> Findings:
        texts, tests = self._read
        records = last_attempts(texts)
        return Findings(self.folder, spec=self.spec, info=self.info, records=records, tests=tests)


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
