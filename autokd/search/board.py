"""The board: how every slot stands, kept in memory while a search runs.

It answers what the loop asks all the time (who is running, what a rung has shown, who is on the
front) without reading the ledger, which holds the same records durably. Everything is kept up to
date record by record: an answer costs the same after ten thousand trials as after ten.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from autokd.fidelity import Rung, Verdict
from autokd.pareto import Axis, hypervolume, is_front, minimised, reference_point
from autokd.pareto.arrays import Floats
from autokd.runs import Outcome, Record
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
        self._race_reference = reference_point(spec.race_axes)
        self._records: dict[int, Record] = {}
        self._running: dict[int, Record] = {}
        self._outcomes: Counter[Outcome] = Counter()
        self._rungs: dict[int, Rung] = {}
        self._front: list[Record] = []
        self._hypervolume = 0.0
        self._n_below = 0
        self._last_slot = -1
        self._n_arrived = 0
        self._span_s = 0.0

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, slot: int) -> Record:
        return self._records[slot]

    def keep(self, record: Record) -> None:
        """Put a record in the place of the slot's earlier one.

        Args:
            record: The record; a slot's rungs only grow, and its end is final.
        """
        earlier = self._records.get(record.slot)
        n_known = len(earlier.rungs) if earlier else self._n_inherited(record)
        if earlier:
            self._outcomes[earlier.outcome] -= 1
        self._outcomes[record.outcome] += 1
        self._records[record.slot] = record
        self._last_slot = max(self._last_slot, record.slot)
        # A repeat shows again what is known: in the race its results count once.
        for result in record.rungs[n_known:] if record.outcome != "repeated" else ():
            self._rung(result.epochs).add(_minimised([result.metrics], self._spec.race_axes)[0])
            self._n_arrived = max(self._n_arrived, result.arrival)
        if record.outcome == "running":
            self._running[record.slot] = record
            return
        self._running.pop(record.slot, None)
        self._span_s += (record.ended_s or 0.0) - record.began_s
        if record.outcome == "complete" and self._spec.constraints.admits(record.metrics):
            self._join_front(record)
        elif record.outcome == "complete":
            self._n_below += 1

    @property
    def last_slot(self) -> int:
        """The highest slot that has a record, -1 without any."""
        return self._last_slot

    @property
    def n_arrived(self) -> int:
        """Results at rungs that have arrived, those of attempts that are retried not counted."""
        return self._n_arrived

    @property
    def running(self) -> list[Record]:
        """Records of the slots that run now."""
        return list(self._running.values())

    @property
    def front(self) -> list[Record]:
        """Complete records that no other dominates, none below ``min_top1``, smallest first."""
        return list(self._front)

    def race(self, epochs: int, metrics: Mapping[str, float]) -> Verdict:
        """Compare a trial with those that reached the same rung before it.

        The bound ``min_top1`` plays no part: it is for the top rung, and students below it fall
        short of it by nature.

        Args:
            epochs: The rung.
            metrics: What the trial showed there; its record is kept afterwards.

        Returns:
            Whether it goes on, and why.
        """
        return self._rung(epochs).judge(_minimised([metrics], self._spec.race_axes)[0])

    def snapshot(self, elapsed_s: float) -> Snapshot:
        """Describe how the search stands.

        Args:
            elapsed_s: Seconds of searching.

        Returns:
            What a listener is told.
        """
        budget = self._spec.budget
        return Snapshot(
            complete=self._outcomes["complete"],
            stopped=self._outcomes["stopped"],
            repeated=self._outcomes["repeated"],
            infeasible=self._outcomes["infeasible"],
            failed=self._outcomes["failed"],
            running={slot: self._doing(record) for slot, record in self._running.items()},
            total=budget.trials,
            seconds_limit=budget.seconds,
            elapsed_s=elapsed_s,
            remaining_s=self._remaining_s(elapsed_s),
            hypervolume=self._hypervolume,
            front=[(record.slot, record.metrics) for record in self._front],
            n_below=self._n_below,
            objectives=tuple(axis.metric for axis in self._spec.axes),
        )

    def _rung(self, epochs: int) -> Rung:
        if epochs not in self._rungs:
            self._rungs[epochs] = Rung(self._race_reference, eta=self._spec.fidelity.eta)
        return self._rungs[epochs]

    def _n_inherited(self, record: Record) -> int:
        """Count the rungs that a trial has from the one that it continues."""
        if record.continues is None:
            return 0
        return len(self._records[record.continues].rungs)

    def _join_front(self, record: Record) -> None:
        """Add a complete record to the front if none there dominates it."""
        rivals = [*self._front, record]
        values = _minimised([rival.metrics for rival in rivals], self._spec.axes)
        mask = is_front(values)
        if mask[-1]:
            front = [rival for rival, stays in zip(rivals, mask, strict=True) if stays]
            self._front = sorted(front, key=lambda member: member.cost["params"])
            self._hypervolume = hypervolume(values[mask], self._reference)

    def _doing(self, record: Record) -> str:
        size = f"{record.cost['params']:,.0f} params"
        if not record.rungs:
            return size
        return f"{size}, {record.epochs} of {self._spec.fidelity.max_epochs} epochs"

    def _remaining_s(self, elapsed_s: float) -> float | None:
        budget, estimates = self._spec.budget, []
        if budget.seconds is not None:
            estimates.append(budget.seconds - elapsed_s)
        n_ended = len(self._records) - len(self._running)
        if budget.trials is not None and n_ended:
            left = budget.trials - n_ended
            estimates.append(left * self._span_s / n_ended / max(1, len(self._running)))
        return max(0.0, min(estimates)) if estimates else None


def _minimised(metrics: Sequence[Mapping[str, float]], axes: Sequence[Axis]) -> Floats:
    rows = [[each[axis.metric] for axis in axes] for each in metrics]
    return minimised(np.array(rows, dtype=float).reshape(-1, len(axes)), axes)
