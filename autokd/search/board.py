"""The board: how every slot stands, kept in memory while a search runs.

It answers what the loop asks all the time (who is running, what a rung has shown, who is on the
front) without reading the ledger, which holds the same records durably.
"""

from collections.abc import Iterable, Mapping
from statistics import fmean

import numpy as np

from autokd.fidelity import Verdict, goes_on
from autokd.pareto import hypervolume, is_front, minimised, reference_point
from autokd.runs import Record
from autokd.search.progress import Snapshot
from autokd.study import StudySpec

__all__ = ["Board"]


class Board:
    """Records by slot.

    Args:
        spec: The study.
    """

    def __init__(self, spec: StudySpec) -> None:
        self._spec = spec
        self._reference = reference_point(spec.axes)
        self._records: dict[int, Record] = {}

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, slot: int) -> Record:
        return self._records[slot]

    def keep(self, record: Record) -> None:
        """Put a record in the place of the slot's earlier one.

        Args:
            record: The record.
        """
        self._records[record.slot] = record

    @property
    def slots(self) -> Iterable[int]:
        """Slots that have a record."""
        return self._records.keys()

    @property
    def running(self) -> list[Record]:
        """Records of the slots that run now."""
        return [record for record in self._records.values() if record.outcome == "running"]

    @property
    def front(self) -> list[Record]:
        """Complete records that no other dominates, smallest first."""
        complete = [r for r in self._records.values() if r.outcome == "complete"]
        if not complete:
            return []
        mask = is_front(self._minimised(record.metrics for record in complete))
        front = [record for record, on_front in zip(complete, mask, strict=True) if on_front]
        return sorted(front, key=lambda record: record.cost["params"])

    def race(self, slot: int, epochs: int, metrics: Mapping[str, float]) -> Verdict:
        """Compare a trial with those that reached the same rung before it.

        Args:
            slot: The trial's slot.
            epochs: The rung.
            metrics: What it showed there.

        Returns:
            Whether it goes on, and why.
        """
        others = [
            rung.metrics
            for record in self._records.values()
            if record.slot != slot
            for rung in record.rungs
            if rung.epochs == epochs
        ]
        return goes_on(
            self._minimised([metrics])[0],
            self._minimised(others),
            reference=self._reference,
            eta=self._spec.fidelity.eta,
        )

    def snapshot(self, elapsed_s: float) -> Snapshot:
        """Describe how the search stands.

        Args:
            elapsed_s: Seconds of searching.

        Returns:
            What a listener is told.
        """
        outcomes = [record.outcome for record in self._records.values()]
        front, budget = self.front, self._spec.budget
        values = self._minimised(record.metrics for record in front)
        return Snapshot(
            complete=outcomes.count("complete"),
            stopped=outcomes.count("stopped"),
            infeasible=outcomes.count("infeasible"),
            failed=outcomes.count("failed"),
            running={record.slot: self._doing(record) for record in self.running},
            total=budget.trials,
            seconds_limit=budget.seconds,
            elapsed_s=elapsed_s,
            remaining_s=self._remaining_s(elapsed_s),
            hypervolume=hypervolume(values, self._reference),
            front=[(record.slot, record.metrics) for record in front],
        )

    def _minimised(self, metrics: Iterable[Mapping[str, float]]) -> np.ndarray:
        axes = self._spec.axes
        rows = [[each[axis.metric] for axis in axes] for each in metrics]
        return minimised(np.array(rows, dtype=float).reshape(-1, len(axes)), axes)

    def _doing(self, record: Record) -> str:
        size = f"{record.cost['params']:,.0f} params"
        if not record.rungs:
            return size
        return f"{size}, {record.epochs} of {self._spec.fidelity.max_epochs} epochs"

    def _remaining_s(self, elapsed_s: float) -> float | None:
        budget, estimates = self._spec.budget, []
        if budget.seconds is not None:
            estimates.append(budget.seconds - elapsed_s)
        spans = [r.ended_s - r.began_s for r in self._records.values() if r.ended_s is not None]
        if budget.trials is not None and spans:
            left = budget.trials - len(spans)
            estimates.append(left * fmean(spans) / max(1, len(self.running)))
        return max(0.0, min(estimates)) if estimates else None
