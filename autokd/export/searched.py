"""What the search saw of a family, and whether its fresh members spread like that.

The search's members trained for fewer epochs, on other views; both are few. So the two spreads
come with an interval around their ratio, which says how little is known. No torch.
"""

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

from scipy.stats import f as fisher

if TYPE_CHECKING:
    from autokd.runs import Run

__all__ = ["Searched", "compare_spreads", "ratio_interval", "searched"]

_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Searched:
    """A trial as the search left it.

    Attributes:
        epochs: Epochs that its students trained.
        n_students: Students of its family that were trained, >= 1.
        validation: Metrics on validation, their mean.
        std: Standard deviation (n - 1) over them; empty for one student.
    """

    epochs: int
    n_students: int
    validation: dict[str, float]
    std: dict[str, float]


def searched(run: "Run", slot: int) -> Searched:
    """Read what the search saw.

    Args:
        run: The run.
        slot: A slot whose trial reached a rung.

    Returns:
        The trial at the highest rung that it reached.

    Raises:
        RunError: If the run has no such trial, or cannot be read.
    """
    rung = run.record(slot).rungs[-1]
    return Searched(
        epochs=rung.epochs,
        n_students=run.spec.family_size,
        validation=dict(rung.metrics),
        std=dict(rung.spread),
    )


def compare_spreads(std: float, n: int, before: Searched, *, metric: str) -> str:
    """Set the spread of fresh members beside that of the search's.

    Args:
        std: Standard deviation (n - 1) over the fresh members, >= 0.
        n: Fresh members, >= 2.
        before: What the search saw.
        metric: Whose spread is compared.

    Returns:
        A sentence without its end.
    """
    earlier = before.std.get(metric)
    if earlier is None:
        return "the search trained one student of the family, so there is no spread to compare"
    if not std or not earlier:
        which = "fresh members" if not std else "the search's members"
        return f"{which} do not differ in {metric}, so there is no ratio to tell"
    low, high = ratio_interval(std, n, earlier, before.n_students)
    told = "larger" if low > 1 else "smaller" if high < 1 else "no difference can be told"
    return (
        f"{std / earlier:.2g} times that of the search's {before.n_students} members "
        f"(95 % interval {low:.2g} to {high:.2g}): {told}"
    )


def ratio_interval(one: float, n_one: int, other: float, n_other: int) -> tuple[float, float]:
    """Say between what two true spreads stand, given those of few members.

    Args:
        one: Standard deviation (n - 1) of the one, >= 0.
        n_one: Its members, >= 2.
        other: Standard deviation (n - 1) of the other, > 0.
        n_other: Its members, >= 2.

    Returns:
        The 95 % interval of the one over the other, for values that scatter normally.

    Source: The F distribution of the ratio of two normal samples' variances.
    """
    ratio, tail = one / other, (1 - _CONFIDENCE) / 2
    low, high = fisher.ppf([tail, 1 - tail], n_one - 1, n_other - 1)
    return ratio / sqrt(high), ratio / sqrt(low)
