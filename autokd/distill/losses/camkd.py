"""Method ``camkd``: teachers that are right about an image count more for it.

A teacher's confidence in an image is its cross-entropy with the label; no weight is learned. The
source compares maps with every teacher's, and judges the student's by each teacher's own last
layer. Here maps are those of the study's teacher, whose confidence in an image weighs them too.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from autokd.distill.losses.map_layers import Standardised
from autokd.distill.losses.map_terms import channel_pairs, map_pairs
from autokd.distill.losses.seen import Seen, Setting
from autokd.distill.losses.several import soft_losses_of_each, teacher_logits
from autokd.distill.losses.terms import hard_loss, hard_losses
from autokd.errors import ShapeError

__all__ = ["Camkd", "confidence_weights"]


class Camkd(nn.Module):
    """Hard labels, the teachers' logits and the teacher's last map, weighted image by image.

    Attributes:
        adaptor: From the channels of the student's last map to those of the teacher's, ending in
            batch normalisation; it is dropped after training.

    Args:
        setting: Gives the channels of the maps, and the epochs.
        temperature: Softening of both sides in the soft term, > 0; 4 in the source.
        alpha: Weight of the soft term, >= 0; 1 in the source.
        beta: Weight of the term of maps, >= 0, from the second epoch on; 50 in the authors' code.

    Raises:
        ShapeError: If the setting has no maps, or not as many of student and teacher.

    Source: Zhang et al. 2022, arXiv:2201.00007, section 2. Weights sum to 1 over the teachers; the
        authors' code then divides by their number K once more, so that its alpha and beta are K
        times ours. Its adaptor also ends in batch normalisation, without which a weight of 50
        makes training unstable at usual learning rates; no rectifier follows here, since the
        teacher's maps may be negative.
    """

    def __init__(self, setting: Setting, *, temperature: float, alpha: float, beta: float) -> None:
        super().__init__()
        self._temperature = temperature
        self._alpha = alpha
        self._beta = beta
        self._first_epoch = 1.0 / setting.n_epochs
        channels = channel_pairs(setting)[-1]
        self.adaptor = nn.Sequential(
            nn.Conv2d(*channels, kernel_size=1, bias=False), Standardised(channels[1])
        )

    def forward(self, seen: Seen) -> Tensor:
        """Compute the loss.

        Args:
            seen: The batch; reads student and teacher logits, ``(batch, classes)``, further
                teachers' logits, ``(batch, teachers, classes)``, labels, maps and progress.

        Returns:
            ``hard + alpha * soft + beta * maps`` in nats, shape ``()``; NaN for an empty batch.

        Raises:
            ShapeError: If a teacher or the maps are missing, or shapes do not go together.
        """
        several = teacher_logits(seen)
        weights = confidence_weights(several, seen.labels)
        divergences = soft_losses_of_each(
            seen.student_logits, several, temperature=self._temperature
        )
        soft = (weights * divergences).sum(dim=1).mean()
        maps = (weights[:, 0] * self._distances(seen)).mean()
        # Exact at the border: both sides are rounded to float32.
        beta = self._beta * (seen.progress >= self._first_epoch)
        return hard_loss(seen.student_logits, seen.labels) + self._alpha * soft + beta * maps

    def _distances(self, seen: Seen) -> Tensor:
        last = replace(
            seen, student_maps=seen.student_maps[-1:], teacher_maps=seen.teacher_maps[-1:]
        )
        ((student, teacher),) = map_pairs(last)
        distances = F.mse_loss(self.adaptor(student), teacher, reduction="none")
        return distances.mean(dim=(1, 2, 3))


def confidence_weights(several: Tensor, labels: Tensor) -> Tensor:
    """Weigh teachers image by image by how well they know the label.

    Args:
        several: Teachers' logits, ``(batch, teachers, classes)``, of at least two teachers.
        labels: Class indices, int64, ``(batch,)``, or class probabilities, ``(batch, classes)``.

    Returns:
        ``(1 - softmax(cross-entropies)) / (teachers - 1)``, ``(batch, teachers)``, each in [0,
        1 / (teachers - 1)], sum 1 over the teachers; without gradients.

    Raises:
        ShapeError: If there is a single teacher, or the labels do not go with the logits.

    Source: Zhang et al. 2022, arXiv:2201.00007, equation 2.
    """
    n_teachers = several.shape[1]
    if n_teachers < 2:
        raise ShapeError(f"logits of at least 2 teachers are needed, found {n_teachers}")
    entropies = [hard_losses(several.detach()[:, k], labels) for k in range(n_teachers)]
    return (1.0 - torch.stack(entropies, dim=1).softmax(dim=1)) / (n_teachers - 1)
