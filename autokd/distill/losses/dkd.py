"""Method ``dkd``: decoupled distillation, the soft term taken apart by the label.

How sure the teacher is of the label and how it sees the other classes are weighed separately; in
plain distillation the second is hidden where the teacher is sure.
"""

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from autokd.distill.losses.seen import Seen
from autokd.distill.losses.terms import hard_loss, label_and_others, soft_loss

__all__ = ["dkd"]


def dkd(seen: Seen, *, temperature: float, alpha: float, beta: float) -> Tensor:
    """Hard labels, plus the divergence on the label, plus the divergence among the others.

    With p the teacher's softened probability of the label, the soft term of `kd` is the first
    divergence plus 1 - p times the second: ``alpha = 1`` and ``beta = 1`` is plain distillation
    only where p is 0. Two classes leave nothing to compare among the others.

    Args:
        seen: The batch; reads teacher logits, ``(batch, classes)``, and class indices.
        temperature: Softening of both sides, > 0; the divergences are scaled by its square.
        alpha: Weight of the divergence of (label, not label), >= 0.
        beta: Weight of the divergence among the other classes, >= 0.

    Returns:
        ``hard + alpha * label + beta * others`` in nats, mean over the batch, shape ``()``. The
        paper's warm-up over the first epochs is the option ``soft_warmup_fraction``.

    Raises:
        ShapeError: If the shapes do not go together, labels are probabilities, or there are no
            teacher logits.

    Source: Zhao et al. 2022, arXiv:2203.08679; its TCKD is the divergence on the label, its NCKD
        that among the others, and the hard labels have weight 1.
    """
    student, teacher = (
        label_and_others(logits / temperature, seen.labels) for logits in seen.pair()
    )
    label = _divergence_of_odds(_odds(*student), _odds(*teacher)).mean() * temperature**2
    # The others are softened already.
    others = soft_loss(student[1], teacher[1], temperature=1.0) * temperature**2
    return hard_loss(seen.student_logits, seen.labels) + alpha * label + beta * others


def _odds(label: Tensor, others: Tensor) -> Tensor:
    """Log-odds of the label; exact where either probability rounds to 0."""
    return label - others.logsumexp(dim=1)


def _divergence_of_odds(student: Tensor, teacher: Tensor) -> Tensor:
    """Divergence of two coins, whose sides are the label and not the label."""
    heads = teacher.sigmoid() * (F.logsigmoid(teacher) - F.logsigmoid(student))
    tails = (-teacher).sigmoid() * (F.logsigmoid(-teacher) - F.logsigmoid(-student))
    return heads + tails
