"""What the methods with several networks that teach have in common.

Their logits lie side by side, ``(batch, networks, classes)``. The teachers are the study's own,
first, and those under ``[[teachers]]``; the assistants are those under ``[[assistants]]``.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from autokd.distill.losses.seen import Seen
from autokd.distill.losses.shapes import check_same
from autokd.errors import ShapeError

__all__ = ["assistant_logits", "blended_logits", "soft_losses_of_each", "teacher_logits"]


def teacher_logits(seen: Seen) -> Tensor:
    """Put the logits of all teachers side by side, the study's own first.

    Args:
        seen: The batch; without further teachers the study's own is the only one.

    Returns:
        ``(batch, teachers, classes)``, in the student's type, without gradients.

    Raises:
        ShapeError: If the study's teacher is missing, or shapes do not go together.
    """
    own = check_same(seen.student_logits, seen.teacher_logits).detach()
    own = own.to(seen.student_logits.dtype).unsqueeze(1)
    if seen.more_logits is None:
        return own
    return torch.cat([own, _checked(seen.student_logits, seen.more_logits, "teachers")], dim=1)


def assistant_logits(seen: Seen) -> Tensor:
    """Give the assistants' logits.

    Args:
        seen: The batch.

    Returns:
        ``(batch, assistants, classes)``, in the study's order, in the student's type, without
        gradients.

    Raises:
        ShapeError: If there are none, or their shape does not go with the student's.
    """
    if seen.assistant_logits is None:
        raise ShapeError("logits of at least one assistant are needed, found none")
    return _checked(seen.student_logits, seen.assistant_logits, "assistants")


def soft_losses_of_each(student: Tensor, several: Tensor, *, temperature: float) -> Tensor:
    """Divergence of each of the student's softened predictions from that of each network.

    Args:
        student: Student logits, ``(batch, classes)``.
        several: Logits of the networks that teach, ``(batch, networks, classes)``; receive no
            gradient.
        temperature: Softening of both sides, > 0; the result is scaled by its square.

    Returns:
        KL(network || student) in nats times the squared temperature, ``(batch, networks)``.

    Source: Hinton et al. 2015, arXiv:1503.02531, section 2.
    """
    log_student = F.log_softmax(student / temperature, dim=1).unsqueeze(1).expand_as(several)
    log_several = F.log_softmax(several.detach() / temperature, dim=2)
    divergence = F.kl_div(log_student, log_several, reduction="none", log_target=True)
    return divergence.sum(dim=2) * temperature**2


def blended_logits(several: Tensor, weights: Tensor, *, temperature: float) -> Tensor:
    """Find logits whose softened prediction is the weighted mean of several softened predictions.

    Predictions are averaged in the space of probabilities, not of logits, and without leaving
    logarithms, so that extreme logits stay finite.

    Args:
        several: ``(batch, networks, classes)``.
        weights: Of the networks, >= 0, sum 1, ``(networks,)`` or ``(batch, networks)``.
        temperature: At which they are softened, > 0.

    Returns:
        ``(batch, classes)``: softmax(blended / temperature) is the weighted mean of
        softmax(several / temperature).
    """
    log_predictions = F.log_softmax(several / temperature, dim=2)
    return temperature * (log_predictions + weights.log().unsqueeze(-1)).logsumexp(dim=1)


def _checked(student: Tensor, several: Tensor, name: str) -> Tensor:
    fits = student.ndim == 2 and several.ndim == 3 and several.shape[1] >= 1
    if not fits or several[:, 0].shape != student.shape:
        raise ShapeError(
            f"student logits must be (batch, classes) and those of the {name} (batch, {name}, "
            f"classes), found {tuple(student.shape)} and {tuple(several.shape)}"
        )
    return several.detach().to(student.dtype)
