"""The two terms that most methods are made of: hard labels and soft targets.

Each comes as a mean over the batch and as one number an image, for methods that weigh images. They
take plain tensors; what a method compares with what is in its own file.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from autokd.distill.losses.shapes import check_indices, check_labels, check_same

__all__ = ["hard_loss", "hard_losses", "label_and_others", "soft_loss", "soft_losses"]


def hard_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of a prediction with the hard labels.

    Args:
        logits: ``(batch, classes)``.
        labels: Class indices, int64, ``(batch,)``, or for mixed views class probabilities, of a
            floating type, ``(batch, classes)``.

    Returns:
        Mean over the batch in nats, shape ``()``; NaN for an empty batch.

    Raises:
        ShapeError: If logits and labels do not go together.
    """
    check_labels(logits, labels)
    return F.cross_entropy(logits, labels)


def hard_losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of each prediction with its hard label.

    Args:
        logits: ``(batch, classes)``.
        labels: As for `hard_loss`.

    Returns:
        Nats, one an image, ``(batch,)``.

    Raises:
        ShapeError: If logits and labels do not go together.
    """
    check_labels(logits, labels)
    return F.cross_entropy(logits, labels, reduction="none")


def soft_loss(student: Tensor, teacher: Tensor, *, temperature: float | Tensor) -> Tensor:
    """Divergence of the student's softened prediction from the teacher's.

    Towards infinite temperature it becomes half the squared distance of the two rows of logits,
    each less its mean, divided by the number of classes.

    Args:
        student: Student logits, ``(batch, classes)``.
        teacher: Teacher logits, ``(batch, classes)``, of any floating type; receives no gradient.
        temperature: Softening of both sides, > 0; a tensor has shape ``()`` and may be learned.
            The result is scaled by its square.

    Returns:
        KL(teacher || student) in nats times the squared temperature, mean over the batch and sum
        over the classes, shape ``()``; NaN for an empty batch.

    Raises:
        ShapeError: If the shapes differ.

    Source: Hinton et al. 2015, arXiv:1503.02531, section 2; its T is ``temperature``.
    """
    log_student, log_teacher = _softened(student, teacher, temperature)
    divergence = F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    return divergence * temperature**2


def soft_losses(student: Tensor, teacher: Tensor, *, temperature: float | Tensor) -> Tensor:
    """Divergence of each of the student's softened predictions from the teacher's.

    Args:
        student: As for `soft_loss`.
        teacher: As for `soft_loss`.
        temperature: As for `soft_loss`.

    Returns:
        KL(teacher || student) in nats times the squared temperature, one an image, ``(batch,)``.

    Raises:
        ShapeError: If the shapes differ.

    Source: as for `soft_loss`.
    """
    log_student, log_teacher = _softened(student, teacher, temperature)
    divergence = F.kl_div(log_student, log_teacher, reduction="none", log_target=True)
    return divergence.sum(dim=1) * temperature**2


def label_and_others(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Take each row of logits apart: that of its label, and those of the other classes.

    Args:
        logits: ``(batch, classes)``.
        labels: Class indices, int64, ``(batch,)``.

    Returns:
        The label's logit, ``(batch,)``, and the others in their order, ``(batch, classes - 1)``.

    Raises:
        ShapeError: If the labels are not one class index an image.
    """
    label = check_indices(logits, labels).unsqueeze(1)
    # Columns are left out rather than masked: a masked one would be a logit of minus infinity,
    # whose gradient is NaN, or of a large number that extreme logits exceed.
    columns = torch.arange(logits.shape[1] - 1, device=logits.device)
    return logits.gather(1, label).squeeze(1), logits.gather(1, columns + (columns >= label))


def _softened(
    student: Tensor, teacher: Tensor, temperature: float | Tensor
) -> tuple[Tensor, Tensor]:
    teacher = check_same(student, teacher).detach().to(student.dtype)
    log_student = F.log_softmax(student / temperature, dim=1)
    return log_student, F.log_softmax(teacher / temperature, dim=1)
