"""Method ``none``: no distillation, cross-entropy with the hard labels."""

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from autokd.distill.losses.shapes import check_labels

__all__ = ["hard_label_loss"]


def hard_label_loss(student: Tensor, teacher: Tensor | None, labels: Tensor) -> Tensor:
    """Cross-entropy of the student's prediction with the hard labels.

    Args:
        student: Student logits, ``(batch, classes)``.
        teacher: Teacher logits, ``(batch, classes)``, or None; not read.
        labels: Class indices, ``(batch,)``, int64, or for mixed views class probabilities,
            ``(batch, classes)``, of a floating type.

    Returns:
        Mean over the batch in nats, shape ``()``; NaN for an empty batch.

    Raises:
        ShapeError: If logits and labels do not go together.
    """
    check_labels(student, labels)
    return F.cross_entropy(student, labels)
