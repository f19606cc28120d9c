"""Method ``meal``: the mean prediction of several teachers takes the place of the labels.

As an option, a discriminator learns to tell the student's logits from the teachers' mean logits,
and the student learns to be mistaken for them: what the discriminator sends back to the student is
reversed on the way. The released code does not reverse it, so that there both lower the same loss
and nothing is adversarial; and it clips the discriminator's last layer below 0. We do neither.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from autokd.distill.losses.seen import Seen, Setting, standardised
from autokd.distill.losses.several import teacher_logits

__all__ = ["Meal", "mean_prediction_loss", "reversed_gradient"]

_NARROWEST = 8
"""Least width of the discriminator's layers; ours, since an eighth of ten classes is one."""


class Meal(nn.Module):
    """Cross-entropy with the mean prediction of the teachers, without hard labels.

    Attributes:
        discriminator: From standardised logits, ``(batch, classes)``, to how likely they are the
            student's, ``(batch, 1)``, before the sigmoid; None without one. It is no part of the
            student.

    Args:
        setting: Gives the number of classes.
        temperature: Softening of both sides, > 0; 1 in the source.
        discriminator: Whether there is a discriminator.
        discriminator_weight: Weight of the discriminator's cross-entropy, >= 0, for itself and,
            reversed, for the student; 1 in the authors' code.

    Source: Shen and Savvides 2020, arXiv:2009.08453, section 3. The discriminator has its three
        layers (classes, an eighth of them, a 64th, one); logits are standardised before it, ours,
        so that neither their scale gives the student away nor extreme ones upset the training.
    """

    discriminator: nn.Sequential | None

    def __init__(
        self,
        setting: Setting,
        *,
        temperature: float,
        discriminator: bool,
        discriminator_weight: float,
    ) -> None:
        super().__init__()
        self._temperature = temperature
        self._weight = discriminator_weight
        self.discriminator = _discriminator(setting.num_classes) if discriminator else None

    def forward(self, seen: Seen) -> Tensor:
        """Compute the loss.

        Args:
            seen: The batch; reads student and teacher logits, ``(batch, classes)``, and further
                teachers' logits, ``(batch, teachers, classes)``.

        Returns:
            Shape ``()``; NaN for an empty batch.

        Raises:
            ShapeError: If there are no teacher logits, or the shapes do not go together.
        """
        student, several = seen.student_logits, teacher_logits(seen)
        loss = mean_prediction_loss(student, several, temperature=self._temperature)
        if self.discriminator is None:
            return loss
        return loss + self._weight * self._told_apart(student, several.mean(dim=1))

    def _told_apart(self, student: Tensor, teacher: Tensor) -> Tensor:
        assert self.discriminator is not None
        rows = torch.cat([reversed_gradient(standardised(student)), standardised(teacher)])
        scores: Tensor = self.discriminator(rows).squeeze(1)
        is_student = torch.zeros_like(scores)
        is_student[: len(student)] = 1.0
        return F.binary_cross_entropy_with_logits(scores, is_student)


def mean_prediction_loss(student: Tensor, several: Tensor, *, temperature: float) -> Tensor:
    """Cross-entropy of the student's prediction with the mean of several predictions.

    Args:
        student: Student logits, ``(batch, classes)``.
        several: Teachers' logits, ``(batch, teachers, classes)``; receive no gradient.
        temperature: Softening of both sides, > 0; the result is scaled by its square.

    Returns:
        Cross-entropy in nats times the squared temperature, mean over the batch, shape ``()``; NaN
        for an empty batch.

    Source: Shen and Savvides 2020, arXiv:2009.08453, equations 1 and 2, at temperature 1.
    """
    target = (several.detach() / temperature).softmax(dim=2).mean(dim=1)
    return F.cross_entropy(student / temperature, target) * temperature**2


def reversed_gradient(values: Tensor) -> Tensor:
    """Pass values on as they are, and gradients back with the opposite sign.

    Args:
        values: Any shape, such as ``(batch, classes)``.

    Returns:
        The same values.

    Source: Ganin and Lempitsky 2015, arXiv:1409.7495, section 3.
    """
    return 2 * values.detach() - values


def _discriminator(num_classes: int) -> nn.Sequential:
    first, second = max(num_classes // 8, _NARROWEST), max(num_classes // 64, _NARROWEST)
    return nn.Sequential(
        nn.Linear(num_classes, first),
        nn.ReLU(),
        nn.Linear(first, second),
        nn.ReLU(),
        nn.Linear(second, 1),
    )
