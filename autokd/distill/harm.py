"""What distillation did to single classes, measured against the teacher.

A student that loses one point of top1 may have lost it evenly or in one class; CEV and SDE tell
these apart. They look at two rates of each class, false positives and false negatives, and at how
much each has changed relative to the teacher's. CEV is the variance of these changes over the
classes; SDE says how lopsided they are, which is so where a student says a class more, or less,
often than the teacher does.

A teacher without a mistake in some class has a rate of zero, and nothing can be relative to that.
So every rate here counts one mistake more than was made, the student's and the teacher's alike
(ours; the authors leave the division as it is). Then a change is finite, and it is what it was
where mistakes are many. With few images both numbers are mostly chance.

The authors' notebook counts in percent, averages CEV over the two rates and measures SDE as a
distance from a line: its numbers are 5000 times our CEV and ``100 / sqrt(2)`` times our SDE.
"""

import torch
from torch import Tensor

from autokd.errors import ShapeError

__all__ = ["MOST_CLASSES", "harm", "rate_changes", "recall_changes"]

MOST_CLASSES = 200
"""Classes above which no change of recall is kept for each: a record stays small."""

_DIGITS = 4


def rate_changes(
    predicted: Tensor, teacher_predicted: Tensor, labels: Tensor, *, num_classes: int
) -> Tensor:
    """Compare a student's mistakes with the teacher's, class by class.

    Args:
        predicted: Classes that the student predicts, ``(n,)``, int64.
        teacher_predicted: Classes that the teacher predicts, ``(n,)``.
        labels: Class indices, ``(n,)``.
        num_classes: Classes, >= 2.

    Returns:
        Change of the rate of false positives and of false negatives, relative to the teacher's,
        ``(classes, 2)``, float64, finite, > -1; classes without an image are left out. Both
        networks have seen the same images, so their rates change as their counts do: ``(student +
        1) / (teacher + 1) - 1``.

    Source: Blakeney et al. 2021, arXiv:2106.07849; the one that is added is ours.
    """
    student = _mistakes(predicted, labels, num_classes)
    teacher = _mistakes(teacher_predicted, labels, num_classes)
    is_present = torch.bincount(labels, minlength=num_classes) > 0
    return ((student + 1) / (teacher + 1) - 1)[is_present]


def harm(
    predicted: Tensor, teacher_predicted: Tensor, labels: Tensor, *, num_classes: int
) -> dict[str, Tensor]:
    """Sum up how unevenly the classes have changed.

    Args:
        predicted: Classes that the student predicts, ``(n,)``, int64, n >= 1.
        teacher_predicted: Classes that the teacher predicts, ``(n,)``.
        labels: Class indices, ``(n,)``.
        num_classes: Classes, >= 2.

    Returns:
        Each of shape ``()``, float64, >= 0. ``cev``: mean over the classes of the squared distance
        between a class's two changes and their centroid. ``sde``: mean over the classes of the
        difference between its two changes, without sign. Both are 0 for a student that makes the
        teacher's mistakes.

    Source: Blakeney et al. 2021, arXiv:2106.07849, combined error variance and symmetric distance
        error, on shares instead of percent; see also arXiv:2110.04397.
    """
    changes = rate_changes(predicted, teacher_predicted, labels, num_classes=num_classes)
    return {
        "cev": (changes - changes.mean(dim=0)).square().sum(dim=1).mean(),
        "sde": (changes[:, 0] - changes[:, 1]).abs().mean(),
    }


def recall_changes(logits: Tensor, teacher_logits: Tensor, labels: Tensor) -> tuple[float, ...]:
    """Compare a student's recall with the teacher's, class by class.

    Args:
        logits: The student's logits, ``(n, classes)``.
        teacher_logits: The teacher's, same shape.
        labels: Class indices, ``(n,)``, int64.

    Returns:
        Recall of the student less that of the teacher by class, in [-1, 1], rounded to 0.0001; 0
        for a class without images. Empty above `MOST_CLASSES` classes.

    Raises:
        ShapeError: If the logits have different shapes.
    """
    if logits.shape != teacher_logits.shape:
        shapes = f"{tuple(logits.shape)} and {tuple(teacher_logits.shape)}"
        raise ShapeError(f"logits of student and teacher must have one shape, found {shapes}")
    num_classes = logits.shape[1]
    if num_classes > MOST_CLASSES:
        return ()
    gained = _hits(logits.argmax(dim=1), labels, num_classes) - _hits(
        teacher_logits.argmax(dim=1), labels, num_classes
    )
    n_images = torch.bincount(labels, minlength=num_classes).clamp(min=1)
    return tuple(round(change, _DIGITS) for change in (gained.double() / n_images).tolist())


def _hits(predicted: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    return torch.bincount(labels[predicted == labels], minlength=num_classes)


def _mistakes(predicted: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Count false positives and false negatives, ``(classes, 2)``."""
    hits = _hits(predicted, labels, num_classes)
    said = torch.bincount(predicted, minlength=num_classes)
    held = torch.bincount(labels, minlength=num_classes)
    return torch.stack([said - hits, held - hits], dim=1).double()
