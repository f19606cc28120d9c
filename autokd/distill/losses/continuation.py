"""Method ``continuation``: from a faint teacher to the teacher itself, and on to the labels.

The student follows the teacher's logits scaled down, which grow in steps to their full size, while
the hard labels take over.
"""

from torch import Tensor

from autokd.distill.losses.seen import Seen
from autokd.distill.losses.terms import hard_loss

__all__ = ["continuation", "sharpness", "squared_gaps"]


def continuation(seen: Seen, *, t_max: int, margin: float, hard_fraction: float) -> Tensor:
    """Follow scaled teacher logits up to a margin, and the hard labels more and more.

    Let t be the share of ``hard_fraction`` that is done, at most 1, and phi the `sharpness` at t.
    Each image costs ``t * hard + (1 - t) * max(0, gap - margin * phi)``.

    Standardised logits have one size only; a smaller teacher is then a weaker pull in the same
    direction.

    Args:
        seen: The batch; reads labels, progress and teacher logits, ``(batch, classes)``.
        t_max: Steps in which the teacher's logits grow, >= 1.
        margin: Squared gap of logits, mean over the classes, that costs nothing, >= 0.
        hard_fraction: Share of the training after which only the hard labels count, in (0, 1].

    Returns:
        Mean over the batch, shape ``()``.

    Raises:
        ShapeError: If the shapes do not go together, or there are no teacher logits.

    Source: Jafari et al. 2022, arXiv:2212.05998, equations 3 to 5; its psi is t. Ours: the squared
        gap is a mean over the classes, so that one learning rate and margin serve few and many;
        progress goes by steps; and the teacher is at its full size when t reaches 1. In the
        paper's settings for images the labels alone are left while the teacher is still at 0.8,
        and its algorithm as printed ends above 1.
    """
    share = (seen.progress / hard_fraction).clamp(max=1.0)
    scale = sharpness(share, t_max=t_max)
    soft = (squared_gaps(seen, scale=scale) - margin * scale).relu().mean()
    hard = hard_loss(seen.student_logits, seen.labels)
    return share * hard + (1.0 - share) * soft


def sharpness(share: Tensor, *, t_max: int) -> Tensor:
    """Say by what the teacher's logits are multiplied.

    Args:
        share: Share of the annealing that is done, ``()``, in [0, 1].
        t_max: Steps, >= 1; the temperature falls from it by 1 at a time, and not below 1.

    Returns:
        ``1 - (temperature - 1) / t_max``, ``()``, in [1 / t_max, 1].

    Source: Jafari et al. 2022, arXiv:2212.05998, equation 5.
    """
    temperature = (t_max - (share * t_max).floor()).clamp(min=1.0)
    return 1.0 - (temperature - 1.0) / t_max


def squared_gaps(seen: Seen, *, scale: Tensor) -> Tensor:
    """Compare the student's logits with the teacher's, scaled.

    Args:
        seen: The batch; reads teacher logits, ``(batch, classes)``.
        scale: Of the teacher's logits, ``()``.

    Returns:
        Squared difference, mean over the classes, ``(batch,)``.

    Raises:
        ShapeError: If there are no teacher logits, or their shape differs.
    """
    student, teacher = seen.pair()
    return (student - scale * teacher).square().mean(dim=1)
