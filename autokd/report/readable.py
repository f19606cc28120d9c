"""What the report asks of a run.

A protocol, so that the report depends on what a run tells and not on how it is stored: reading a
run needs Optuna, reading the report does not.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from autokd.graphs import ArchGraph
from autokd.pareto import Axis
from autokd.study import StudySpec

__all__ = ["ReadableRun"]


class ReadableRun(Protocol):
    """A run as the report reads it; `autokd.runs.run.Run` is one and describes each table.

    So are its findings (`autokd.runs.findings`), whose tables are all of one moment.
    """

    @property
    def folder(self) -> Path:
        """Folder of the run."""

    @property
    def spec(self) -> StudySpec:
        """The study."""

    @property
    def teacher(self) -> Mapping[str, Any]:
        """Name, params, top1, test_top1, saw_validation."""

    @property
    def info(self) -> Mapping[str, Any]:
        """Versions, hardware, device, start and end."""

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The objectives."""

    @property
    def first_metric(self) -> str:
        """The quality metric."""

    @property
    def size_metric(self) -> str:
        """The size metric."""

    def trials(self) -> pd.DataFrame:
        """Every trial."""

    def front(self) -> pd.DataFrame:
        """The front, smallest student first."""

    def below(self) -> pd.DataFrame:
        """The trials that finished below ``min_top1``."""

    def curves(self) -> pd.DataFrame:
        """Every rung that a trial reached."""

    def hypervolume(self) -> pd.DataFrame:
        """Running hypervolume by order of completion."""

    def importance(self) -> Mapping[str, float]:
        """Share of each parameter."""

    def rung_correlation(self) -> pd.DataFrame:
        """Kendall's tau of each rung with the top one."""

    def recall_changes(self) -> pd.DataFrame:
        """Recall by class less the teacher's, of each complete trial."""

    def graph(self, slot: int, /) -> ArchGraph:
        """First student of a trial.

        Args:
            slot: The trial.
        """
