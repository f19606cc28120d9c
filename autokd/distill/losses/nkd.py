"""Method ``nkd``: the label and the other classes, each compared on a scale of its own.

The teacher's probability of the label says how much each label counts once more, and the other
classes are compared after both sides are normalised without the label.
"""

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from autokd.distill.losses.seen import Seen
from autokd.distill.losses.terms import hard_loss, hard_losses, label_and_others

__all__ = ["nkd"]


def nkd(seen: Seen, *, temperature: float, gamma: float) -> Tensor:
    """Hard labels, plus the labels weighed by the teacher, plus the other classes normalised.

    Args:
        seen: The batch; reads teacher logits, ``(batch, classes)``, and class indices.
        temperature: Softening of the other classes on both sides, > 0; their term is scaled by its
            square. The label's term is not softened.
        gamma: Weight of the other classes, >= 0.

    Returns:
        ``hard + label + gamma * others`` in nats, mean over the batch, shape ``()``. These are
        cross-entropies, so that agreement with the teacher does not make them 0.

    Raises:
        ShapeError: If the shapes do not go together, labels are probabilities, or there are no
            teacher logits.

    Source: Yang et al. 2023, arXiv:2303.13005; ``temperature`` and ``gamma`` as in its code.
    """
    student, teacher = seen.pair()
    _, student_others = label_and_others(student, seen.labels)
    _, teacher_others = label_and_others(teacher, seen.labels)
    confidence = (-hard_losses(teacher, seen.labels)).exp()
    label = (confidence * hard_losses(student, seen.labels)).mean()
    shares = (teacher_others / temperature).softmax(dim=1)
    others = F.cross_entropy(student_others / temperature, shares) * temperature**2
    return hard_loss(seen.student_logits, seen.labels) + label + gamma * others
