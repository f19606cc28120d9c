"""The bounds of a study: what is refused before training, and what is no member of the front."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from autokd.checking import Checked

__all__ = ["Constraints", "plain"]

_Count = Annotated[int, Field(ge=1)]
_Seconds = Annotated[float, Field(gt=0)]
_Fraction = Annotated[float, Field(gt=0, lt=1)]


class Constraints(Checked):
    """Bounds on a student.

    What a student costs is known before training: one beyond ``max_...`` is refused and never
    trained. What it will reach is not: a trial that finished the top rung below ``min_top1`` is
    complete like any other, and no member of the front. The race knows nothing of ``min_top1``,
    since below the top rung students fall short of it by nature.

    Attributes:
        max_params: Largest number of weights.
        max_macs: Most multiply-accumulates per image.
        max_latency_s: Longest seconds per batch, as ``[latency]`` measures them.
        max_peak_bytes: Largest peak of activations, bytes.
        min_top1: Least top1 on validation at the top rung, in (0, 1).
    """

    later: ClassVar = frozenset({"min_top1"})

    max_params: _Count | None = None
    max_macs: _Count | None = None
    max_latency_s: _Seconds | None = None
    max_peak_bytes: _Count | None = None
    min_top1: _Fraction | None = None

    def __str__(self) -> str:
        bounds = self.model_dump(exclude_none=True)
        return ", ".join(f"{name} {plain(bound)}" for name, bound in bounds.items())

    def shortfalls(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """Say how far a student falls short of the bounds on what it reaches.

        Args:
            metrics: What it has shown at the top rung, ``top1`` among it.

        Returns:
            For each such bound that is set how far it is missed, relative to it: > 0 if it is, and
            at most 0 if it is kept, as Optuna counts constraints.
        """
        if self.min_top1 is None:
            return {}
        return {"min_top1": 1 - metrics["top1"] / self.min_top1}

    def admits(self, metrics: Mapping[str, float]) -> bool:
        """Say whether a student that finished the top rung can be a member of the front.

        Args:
            metrics: What it has shown there, ``top1`` among it.

        Returns:
            True if it keeps every bound on what a student reaches.
        """
        return all(shortfall <= 0 for shortfall in self.shortfalls(metrics).values())

    def tell_below(self, n_below: int, n_finished: int) -> str:
        """Say how many trials ``min_top1`` keeps off the front.

        Args:
            n_below: Trials that finished the top rung below it.
            n_finished: Trials that finished the top rung.

        Returns:
            ``12 of 31 trials that finished are below min_top1 0.95``; empty where it is not set.
        """
        if self.min_top1 is None:
            return ""
        verb = "is" if n_below == 1 else "are"
        bound = plain(self.min_top1)
        return f"{n_below:,} of {n_finished:,} trials that finished {verb} below min_top1 {bound}"


def plain(number: float) -> str:
    """Write a bound, or what is compared with it.

    Args:
        number: A count, a fraction or seconds, >= 0.

    Returns:
        ``20,000`` from 100 on, ``0.95`` below.
    """
    return f"{number:,.0f}" if number >= 100 else f"{number:.4g}"
