"""Method ``funmatch``: the student imitates the teacher's function on mixed images, and no labels.

What makes the method is in the views: teacher and student see the same crop of the same mixed
image, with mixing as strong as the images allow, for far longer than labels alone would bear. The
loss itself is the soft term of plain distillation. Short trainings therefore rank it too low.
"""

from torch import Tensor

from autokd.distill.losses.seen import Seen
from autokd.distill.losses.terms import soft_loss

__all__ = ["funmatch"]


def funmatch(seen: Seen, *, temperature: float) -> Tensor:
    """Divergence of the student's prediction from the teacher's, without hard labels.

    Args:
        seen: The batch; reads student and teacher logits, ``(batch, classes)``, which may be
            standardised.
        temperature: Softening of both sides, > 0; 1, 2, 5 or 10 by data set in the source.

    Returns:
        KL(teacher || student) in nats times the squared temperature, mean over the batch, shape
        ``()``; NaN for an empty batch.

    Raises:
        ShapeError: If there are no teacher logits, or their shape differs.

    Source: Beyer et al. 2022, arXiv:2106.05237, section 3.
    """
    student, teacher = seen.pair()
    return soft_loss(student, teacher, temperature=temperature)
