"""Method ``bdkd``: divergence in both directions, balanced image by image.

The forward divergence punishes a student that leaves out what the teacher holds possible, the
reverse one a student that holds possible what the teacher leaves out. Which of them counts in full
is decided by whose prediction is the flatter one.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from autokd.distill.losses.seen import Seen
from autokd.distill.losses.terms import hard_loss

__all__ = ["bdkd"]


def bdkd(seen: Seen, *, temperature: float, soft_weight: float, lower_weight: float) -> Tensor:
    """Hard labels beside forward and reverse divergence, weighed by the gap of entropies.

    Where the teacher's prediction has the greater entropy the student is too sure: the forward
    divergence has weight 1 and the reverse one ``lower_weight``. Elsewhere, and where both are
    equal, it is the other way round.

    Args:
        seen: The batch; reads labels and teacher logits, ``(batch, classes)``.
        temperature: Softening of both sides and in the entropies, > 0; the divergences are scaled
            by its square.
        soft_weight: Weight of both divergences, in [0, 1]; the hard term gets the rest.
        lower_weight: Weight of the direction that counts less, in [0, 1].

    Returns:
        ``soft_weight * soft + (1 - soft_weight) * hard`` in nats, mean over the batch, shape
        ``()``.

    Raises:
        ShapeError: If the shapes do not go together, or there are no teacher logits.

    Source: Amara et al. 2022, arXiv:2212.12965. The paper trains the teacher too, ours stays as it
        is; its weights and threshold were not to be found, so both weights and the comparison
        above are ours.
    """
    log_student, log_teacher = (F.log_softmax(z / temperature, dim=1) for z in seen.pair())
    forward = _divergences(log_teacher, log_student)
    reverse = _divergences(log_student, log_teacher)
    is_too_sure = _entropies(log_teacher) > _entropies(log_student.detach())
    soft = torch.where(
        is_too_sure, forward + lower_weight * reverse, lower_weight * forward + reverse
    )
    hard = hard_loss(seen.student_logits, seen.labels)
    return soft_weight * soft.mean() * temperature**2 + (1.0 - soft_weight) * hard


def _divergences(log_p: Tensor, log_q: Tensor) -> Tensor:
    """KL(p || q) of each row."""
    return (log_p.exp() * (log_p - log_q)).sum(dim=1)


def _entropies(log_p: Tensor) -> Tensor:
    return -(log_p.exp() * log_p).sum(dim=1)
