"""What is to be tried next, whoever says so: a sampler, a queue, or an earlier session."""

from dataclasses import dataclass, field
from typing import Any

from optuna.distributions import BaseDistribution

from autokd.parameters import Value
from autokd.runs import Record

__all__ = ["Proposal"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A point, as the study and as Optuna see it.

    Attributes:
        point: Value of every active parameter by full name.
        params: The searched ones among them.
        distributions: Their Optuna distributions.
        notes: What the sampler noted with the trial, such as NSGA-II's generation.
        origin: Where the point comes from, if not from the sampler.
    """

    point: dict[str, Value]
    params: dict[str, Value]
    distributions: dict[str, BaseDistribution]
    notes: dict[str, Any] = field(default_factory=dict)
    origin: str = ""

    def record(self, slot: int, attempt: int, *, seed: int, at_s: float) -> Record:
        """Begin the record of a trial.

        Args:
            slot: Slot number.
            attempt: Attempt at the slot.
            seed: The slot's seed.
            at_s: Seconds of searching so far.

        Returns:
            The record.
        """
        return Record(slot, attempt, seed, self.point, began_s=at_s, origin=self.origin)
