"""Method ``tfnkd``: no teacher, labels that count by how sure the student is of them."""

from torch import Tensor

from autokd.distill.losses.seen import Seen
from autokd.distill.losses.shapes import check_indices
from autokd.distill.losses.terms import hard_losses

__all__ = ["tfnkd"]


def tfnkd(seen: Seen) -> Tensor:
    """Hard labels, plus the hard labels weighed by the student's own confidence.

    An image weighs ``1 + p - mean(p)`` in the second term, where p is the student's probability of
    the label and the mean is that of the batch; so the weights of a batch have mean 1. They carry
    no gradient.

    Args:
        seen: The batch; reads student logits, ``(batch, classes)``, and class indices.

    Returns:
        Mean over the batch in nats, shape ``()``; NaN for an empty batch.

    Raises:
        ShapeError: If logits and labels do not go together, or labels are probabilities.

    Source: Yang et al. 2022, arXiv:2208.10139: tf-NKD.
    """
    losses = hard_losses(seen.student_logits, check_indices(seen.student_logits, seen.labels))
    confidence = (-losses.detach()).exp()
    weights = 1.0 + confidence - confidence.mean()
    return losses.mean() + (weights * losses).mean()
