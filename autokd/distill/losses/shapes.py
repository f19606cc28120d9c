"""What all losses ask of their inputs' shapes."""

from torch import Tensor

from autokd.errors import ShapeError

__all__ = ["check_indices", "check_labels", "check_same"]


def check_indices(logits: Tensor, labels: Tensor) -> Tensor:
    """Refuse labels that are not one class index an image.

    Args:
        logits: Student logits, ``(batch, classes)``.
        labels: Class indices, int64, ``(batch,)``.

    Returns:
        The labels, ``(batch,)``.

    Raises:
        ShapeError: If they have another shape, or are probabilities.
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or labels.is_floating_point():
        raise ShapeError(
            "logits must be (batch, classes) and labels class indices (batch,), found "
            f"{tuple(logits.shape)} and {labels.dtype} {tuple(labels.shape)}"
        )
    return labels


def check_labels(logits: Tensor, labels: Tensor) -> None:
    """Refuse labels that do not go with the logits.

    Args:
        logits: Student logits, ``(batch, classes)``.
        labels: Class indices, int64, ``(batch,)``, or class probabilities, of a floating type,
            ``(batch, classes)``.

    Raises:
        ShapeError: If either has another shape.
    """
    shape = logits.shape if labels.is_floating_point() else logits.shape[:1]
    if logits.ndim != 2 or labels.shape != shape:
        raise ShapeError(
            "logits must be (batch, classes) and labels (batch,), or probabilities (batch, "
            f"classes), found {tuple(logits.shape)} and {tuple(labels.shape)}"
        )


def check_same(student: Tensor, teacher: Tensor | None) -> Tensor:
    """Refuse teacher logits that do not go with the student's.

    Args:
        student: Student logits, ``(batch, classes)``.
        teacher: Teacher logits of the same shape, or None where there is no teacher.

    Returns:
        The teacher logits.

    Raises:
        ShapeError: If there are none, or their shape differs.
    """
    if teacher is None:
        raise ShapeError(f"teacher logits of shape {tuple(student.shape)} are needed, found none")
    if student.ndim != 2 or student.shape != teacher.shape:
        raise ShapeError(
            "student and teacher logits must both be (batch, classes), "
            f"found {tuple(student.shape)} and {tuple(teacher.shape)}"
        )
    return teacher
