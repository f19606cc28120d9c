"""What is kept of a trial.

A record is one JSON value in Optuna's storage, the trial's user attribute ``autokd``. It grows by
rung and is complete in itself: with Optuna's own trial (its parameters, state and values) it is
all that a report or a resumed search needs. Students' graphs and weights are files of the run
folder, named by slot.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

from autokd.parameters import GENERATOR, Value

__all__ = ["Outcome", "Record", "RungResult"]

Outcome = Literal[
    "running", "complete", "stopped", "repeated", "infeasible", "failed", "interrupted"
]
"""How a trial stands: ``stopped`` by the race; ``repeated`` when an earlier trial had the same
students and the same distillation, so that its results hold and nothing is trained;
``interrupted`` when the search ended before it (its slot is retried).
"""


@dataclass(frozen=True, slots=True)
class RungResult:
    """What a trial showed at one rung.

    Attributes:
        epochs: The rung.
        metrics: Metrics on validation and size, the family's mean.
        spread: Standard deviation over the family (n - 1), of sizes too; empty for a single
            student.
        seconds: Training and scoring of this rung's segment, seconds.
        goes_on: Whether the race let the trial train on; at the top rung always False.
        verdict: What the worker notes of the training, if anything, and the race's reason.
        arrival: Results of all trials at all rungs that had arrived with this one: the order in
            which the race saw them, from 1; 0 in records of earlier versions.
        recall_changes: Recall on validation less the teacher's by class, the family's mean; empty
            below the top rung, of many classes, and in records of earlier versions.
    """

    epochs: int
    metrics: dict[str, float]
    spread: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    goes_on: bool = False
    verdict: str = ""
    arrival: int = 0
    recall_changes: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """One attempt at one slot.

    Attributes:
        slot: Number of the planned trial, >= 0.
        attempt: 0 for the first attempt at the slot, then counted on.
        seed: Seed of the slot; graphs and weights of the family follow from it.
        point: The whole point, fixed values included.
        outcome: How it stands.
        cost: ``params``, ``macs``, ``peak_bytes`` and, where measured, ``latency_s``: the family's
            mean.
        graphs: Digests of the family's graphs.
        rungs: Results by rung, lowest first.
        reason: Why it was stopped, infeasible or failed; empty otherwise.
        began_s: Seconds of searching, all sessions counted, when it began.
        ended_s: The same when it ended; None while it runs.
        repeats: Slot whose results these are, for a repeated trial.
        continues: Slot that the race stopped and whose students this one trains on; their seed and
            their rungs, which took no time again, are this record's.
        origin: Why it was tried, where no sampler proposed it: ``chain baseline of 3,000 params``,
            ``front of runs/x, trial 17``.
    """

    slot: int
    attempt: int
    seed: int
    point: dict[str, Value]
    outcome: Outcome = "running"
    cost: dict[str, float] = field(default_factory=dict)
    graphs: tuple[str, ...] = ()
    rungs: tuple[RungResult, ...] = ()
    reason: str = ""
    began_s: float = 0.0
    ended_s: float | None = None
    repeats: int | None = None
    continues: int | None = None
    origin: str = ""

    @property
    def is_baseline(self) -> bool:
        """Whether another generator than the search space's drew its students."""
        return GENERATOR in self.point

    @property
    def epochs(self) -> int:
        """The highest rung reached, epochs; 0 before the first."""
        return self.rungs[-1].epochs if self.rungs else 0

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics at the highest rung reached; before the first, the cost alone."""
        return self.rungs[-1].metrics if self.rungs else dict(self.cost)

    @property
    def seconds(self) -> float:
        """Seconds of training and scoring, all rungs together."""
        return sum(rung.seconds for rung in self.rungs)

    def costing(self, cost: Mapping[str, float], *, graphs: Sequence[str]) -> Self:
        """Add what is known once the graphs are drawn.

        Args:
            cost: Cost by metric.
            graphs: Digests of the graphs.

        Returns:
            A fuller record.
        """
        return replace(self, cost=dict(cost), graphs=tuple(graphs))

    def with_rung(self, result: RungResult) -> Self:
        """Add a rung's result.

        Args:
            result: The result.

        Returns:
            A longer record.
        """
        return replace(self, rungs=(*self.rungs, result))

    def ended(self, outcome: Outcome, *, at_s: float, reason: str = "") -> Self:
        """Close the record.

        Args:
            outcome: How the trial ended.
            at_s: Seconds of searching at its end.
            reason: Why, where it did not complete.

        Returns:
            The closed record; a killed or interrupted attempt drops its rung results, since its
            slot is retried.
        """
        rungs = () if outcome == "interrupted" else self.rungs
        return replace(self, outcome=outcome, ended_s=at_s, reason=reason, rungs=rungs)

    def repeating(self, earlier: "Record", *, at_s: float) -> Self:
        """Close the record with another trial's results.

        Args:
            earlier: The closed record of a trial with the same students and distillation.
            at_s: Seconds of searching at its end.

        Returns:
            The closed record; its rungs took no time.
        """
        rungs = tuple(replace(rung, seconds=0.0) for rung in earlier.rungs)
        reason = f"the students and the distillation of trial {earlier.slot}"
        taken = replace(self, rungs=rungs, repeats=earlier.slot)
        return replace(taken, outcome="repeated", ended_s=at_s, reason=reason)

    def continuing(self, earlier: "Record") -> Self:
        """Begin where another trial was stopped.

        Args:
            earlier: The record of a stopped trial with the same students and distillation.

        Returns:
            A record with its point, its seed and its rungs, at whose last one the trial now goes
            on. Another point can stand for the same graphs, but not with this seed. A baseline's
            point is not taken: it is a chain, which no seed changes, so that the trial's own point
            stands for it too, and is one of the search space.
        """
        *below, last = (replace(rung, seconds=0.0) for rung in earlier.rungs)
        verdict = f"{last.verdict}; proposed again as trial {self.slot}"
        rungs = (*below, replace(last, goes_on=True, verdict=verdict))
        point = self.point if earlier.is_baseline else earlier.point
        found = replace(self, point=point, seed=earlier.seed, rungs=rungs)
        return replace(found, continues=earlier.slot)

    def as_dict(self) -> dict[str, Any]:
        """Give the record as JSON types.

        Returns:
            A mapping that `from_dict` reads back.
        """
        # By hand: `asdict` copies deeply, which takes ten times as long.
        content = {name: getattr(self, name) for name in Record.__slots__}
        rungs = [
            {name: getattr(rung, name) for name in RungResult.__slots__} for rung in self.rungs
        ]
        return {**content, "rungs": rungs}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Record":
        """Read a record.

        Args:
            raw: What `as_dict` gave.

        Returns:
            The record.
        """
        rungs = tuple(_rung(rung) for rung in raw["rungs"])
        return cls(**{**raw, "rungs": rungs, "graphs": tuple(raw["graphs"])})


def _rung(raw: Mapping[str, Any]) -> RungResult:
    return RungResult(**{**raw, "recall_changes": tuple(raw.get("recall_changes", ()))})
