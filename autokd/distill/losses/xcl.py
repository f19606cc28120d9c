"""Method ``xcl``: match the teacher where it is uncertain, on mixed images, without labels.

The source extends the data by uncertain images and matches the teacher's distribution on all of
them; its details were not to be had. The form here is ours: mixed views extend the data, and an
image weighs the more the less certain the teacher is of it.
"""

import math

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from autokd.distill.losses.seen import Seen
from autokd.distill.losses.terms import soft_losses

__all__ = ["uncertainty_weights", "xcl"]

_TINY = 1e-12
"""Added to every weight, so that a batch of which the teacher is certain throughout counts too."""


def xcl(seen: Seen, *, temperature: float, uncertainty_power: float) -> Tensor:
    """Divergence from the teacher, weighted by the teacher's uncertainty, without hard labels.

    Args:
        seen: The batch; reads student and teacher logits, ``(batch, classes)``, which may be
            standardised.
        temperature: Softening of both sides, > 0; the result is scaled by its square.
        uncertainty_power: How steeply weights rise with the entropy, >= 0; 0 weighs all images
            the same.

    Returns:
        Weighted mean of KL(teacher || student) in nats times the squared temperature, shape
        ``()``; NaN for an empty batch.

    Raises:
        ShapeError: If there are no teacher logits, or their shape differs.

    Source: Pouransari et al. 2020, arXiv:2007.00051; the weighting is ours.
    """
    student, teacher = seen.pair()
    losses = soft_losses(student, teacher, temperature=temperature)
    assert seen.teacher_logits is not None  # or there was no pair
    weights = uncertainty_weights(seen.teacher_logits.to(losses.dtype), power=uncertainty_power)
    return (weights * losses).sum()


def uncertainty_weights(teacher: Tensor, *, power: float) -> Tensor:
    """Weigh images by how uncertain the teacher is of them.

    Args:
        teacher: Teacher logits as they are, neither softened nor standardised, which would hide
            how certain the teacher is, ``(batch, classes)``.
        power: Of the normalised entropy, >= 0.

    Returns:
        ``(batch,)``, sum 1, without gradients: proportional to the entropy, as a share of the
        largest possible one, to the power; equal where the teacher is certain of every image.
    """
    log_teacher = F.log_softmax(teacher.detach(), dim=1)
    entropies = -(log_teacher.exp() * log_teacher).sum(dim=1) / math.log(teacher.shape[1])
    weights = entropies.clamp_min(0.0) ** power + _TINY
    return weights / weights.sum()
