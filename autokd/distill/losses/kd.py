"""Method ``kd``: soft targets beside the hard labels.

``soft_weight`` multiplies the *soft* term; in the literature alpha stands on either side.
"""

from torch import Tensor

from autokd.distill.losses.seen import Seen
from autokd.distill.losses.terms import hard_loss, soft_loss

__all__ = ["kd"]


def kd(seen: Seen, *, temperature: float, soft_weight: float) -> Tensor:
    """Weighted sum of soft targets and hard labels.

    Args:
        seen: The batch; reads labels and teacher logits, ``(batch, classes)``.
        temperature: Softening of both sides in the soft term, > 0; the hard term is not softened.
        soft_weight: Weight of the soft term, in [0, 1]; the hard term gets the rest.

    Returns:
        ``soft_weight * soft + (1 - soft_weight) * hard`` in nats, shape ``()``; NaN for an empty
        batch.

    Raises:
        ShapeError: If the shapes do not go together, or there are no teacher logits.

    Source: Hinton et al. 2015, arXiv:1503.02531, section 2.
    """
    student, teacher = seen.pair()
    soft = soft_loss(student, teacher, temperature=temperature)
    hard = hard_loss(seen.student_logits, seen.labels)
    return soft_weight * soft + (1.0 - soft_weight) * hard
