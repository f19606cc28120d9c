"""Method ``kd``: soft targets beside the hard labels.

``soft_weight`` multiplies the *soft* term; in the literature alpha stands on either side.
"""

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from autokd.distill.losses.none import hard_label_loss
from autokd.distill.losses.shapes import check_same

__all__ = ["kd_loss", "soft_target_loss"]


def soft_target_loss(student: Tensor, teacher: Tensor, *, temperature: float) -> Tensor:
    """Divergence of the student's softened prediction from the teacher's.

    Towards infinite temperature it becomes half the squared distance of the two rows of logits,
    each less its mean, divided by the number of classes.

    Args:
        student: Student logits, ``(batch, classes)``.
        teacher: Teacher logits, ``(batch, classes)``, of any floating type; receives no gradient.
        temperature: Softening of both sides, > 0; the result is scaled by its square.

    Returns:
        KL(teacher || student) in nats times the squared temperature, mean over the batch, shape
        ``()``; NaN for an empty batch.

    Raises:
        ShapeError: If the shapes differ.

    Source: Hinton et al. 2015, arXiv:1503.02531, section 2; its T is ``temperature``.
    """
    teacher = check_same(student, teacher).detach().to(student.dtype)
    log_student = F.log_softmax(student / temperature, dim=1)
    log_teacher = F.log_softmax(teacher / temperature, dim=1)
    divergence = F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    return divergence * temperature**2


def kd_loss(
    student: Tensor,
    teacher: Tensor | None,
    labels: Tensor,
    *,
    temperature: float,
    soft_weight: float,
) -> Tensor:
    """Weighted sum of soft targets and hard labels.

    Args:
        student: Student logits, ``(batch, classes)``.
        teacher: Teacher logits, ``(batch, classes)``; receives no gradient. None is refused.
        labels: Class indices, ``(batch,)``, int64, or for mixed views class probabilities,
            ``(batch, classes)``, of a floating type.
        temperature: Softening of both sides in the soft term, > 0; the hard term is not softened.
        soft_weight: Weight of the soft term, in [0, 1]; the hard term gets the rest.

    Returns:
        ``soft_weight * soft + (1 - soft_weight) * hard`` in nats, shape ``()``; NaN for an empty
        batch.

    Raises:
        ShapeError: If the shapes do not go together, or there are no teacher logits.

    Source: Hinton et al. 2015, arXiv:1503.02531, section 2.
    """
    soft = soft_target_loss(student, check_same(student, teacher), temperature=temperature)
    hard = hard_label_loss(student, None, labels)
    return soft_weight * soft + (1.0 - soft_weight) * hard
