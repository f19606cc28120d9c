"""Method ``none``: no distillation, cross-entropy with the hard labels."""

from torch import Tensor

from autokd.distill.losses.seen import Seen
from autokd.distill.losses.terms import hard_loss

__all__ = ["none"]


def none(seen: Seen) -> Tensor:
    """Cross-entropy of the student's prediction with the hard labels.

    Args:
        seen: The batch; reads student logits, ``(batch, classes)``, and labels.

    Returns:
        Mean over the batch in nats, shape ``()``; NaN for an empty batch.

    Raises:
        ShapeError: If logits and labels do not go together.
    """
    return hard_loss(seen.student_logits, seen.labels)
