"""Method ``dist``: the order of classes and of images instead of exact probabilities.

Correlations do not ask a small student for the teacher's probabilities, only that they rise and
fall together: over the classes of an image, and over the images of a batch.
"""

import torch
from torch import Tensor

from autokd.distill.losses.seen import Seen
from autokd.distill.losses.terms import hard_loss

__all__ = ["correlations", "dist"]

_FLAT = 1e-12
"""Sum of squares below which a row counts as constant; ours."""


def dist(seen: Seen, *, temperature: float, beta: float, gamma: float) -> Tensor:
    """Hard labels, plus what both correlations of the softened predictions lack to 1.

    Args:
        seen: The batch; reads labels and teacher logits, ``(batch, classes)``.
        temperature: Softening of both sides, > 0; both terms are scaled by its square.
        beta: Weight of the correlation over the classes, mean over the images, >= 0.
        gamma: Weight of the correlation over the images of the batch, mean over the classes, >= 0.

    Returns:
        ``hard + beta * (1 - classes) + gamma * (1 - images)``, shape ``()``. A batch of one image
        has no correlation over images, two classes have one of 1 or -1: such terms are constant.

    Raises:
        ShapeError: If the shapes do not go together, or there are no teacher logits.

    Source: Huang et al. 2022, arXiv:2205.10536; its inter-class loss has weight
        ``beta``, its intra-class loss ``gamma``; the squared temperature is in the authors' code.
    """
    student, teacher = ((logits / temperature).softmax(dim=1) for logits in seen.pair())
    classes = 1.0 - correlations(student, teacher).mean()
    images = 1.0 - correlations(student.T, teacher.T).mean()
    hard = hard_loss(seen.student_logits, seen.labels)
    return hard + (beta * classes + gamma * images) * temperature**2


def correlations(first: Tensor, second: Tensor) -> Tensor:
    """Pearson's correlation of each row with the other matrix's.

    Args:
        first: ``(rows, values)``.
        second: Same shape.

    Returns:
        ``(rows,)``, in [-1, 1]; 0 and without gradient where either row is constant.
    """
    return (_normalised(first) * _normalised(second)).sum(dim=1)


def _normalised(rows: Tensor) -> Tensor:
    centred = rows - rows.mean(dim=1, keepdim=True)
    squares = centred.square().sum(dim=1, keepdim=True)
    # Both places: a root at 0 would have an infinite gradient, which no later choice takes back.
    is_flat = squares < _FLAT
    root = torch.where(is_flat, torch.ones_like(squares), squares).rsqrt()
    return torch.where(is_flat, torch.zeros_like(centred), centred * root)
