"""Method ``ctkd``: the temperature is learned against the student.

One number moves with the student's optimizer, but up the loss instead of down: its gradient is
reversed, more and more over the first part of the training, so that distilling becomes harder.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from autokd.distill.losses.seen import Seen, Setting
from autokd.distill.losses.terms import hard_loss, soft_loss

__all__ = ["Ctkd", "reversal"]


class Ctkd(nn.Module):
    """Soft targets with a learned temperature, beside the hard labels.

    The temperature is ``t_start + t_end * sigmoid(theta)``, where theta begins at 1: with the
    paper's 1 and 20 it begins at 15.62.

    Attributes:
        theta: What is learned, float32, ``()``.

    Args:
        setting: Not read: nothing here depends on data or student.
        t_start: Lower bound of the temperature, > 0.
        t_end: How far the temperature can rise above the lower bound, >= 0.
        decay_fraction: Share of the training after which the gradient is reversed in full, in
            (0, 1].
        soft_weight: Weight of the soft term, in [0, 1]; the hard term gets the rest.

    Source: Li et al. 2023, arXiv:2211.16231: its global temperature. Its curriculum goes by
        epochs, 10 of 240; ours by the share of steps. Its code decays theta like a weight; our
        optimizer decays no single numbers.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        t_start: float,
        t_end: float,
        decay_fraction: float,
        soft_weight: float,
    ) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.ones(()))
        self._t_start = t_start
        self._t_end = t_end
        self._decay_fraction = decay_fraction
        self._soft_weight = soft_weight

    def temperature(self, progress: Tensor) -> Tensor:
        """Work out the temperature.

        Args:
            progress: Share of the training that is done, ``()``, in [0, 1).

        Returns:
            Temperature, ``()``; what reaches theta through it is reversed.
        """
        factor = reversal(progress, decay_fraction=self._decay_fraction)
        theta: Tensor = _ScaledGradient.apply(self.theta, factor)
        return self._t_start + self._t_end * theta.sigmoid()

    def forward(self, seen: Seen) -> Tensor:
        """Compute the loss.

        Args:
            seen: The batch; reads labels and teacher logits, ``(batch, classes)``.

        Returns:
            ``soft_weight * soft + (1 - soft_weight) * hard`` in nats, shape ``()``; NaN for an
            empty batch.

        Raises:
            ShapeError: If the shapes do not go together, or there are no teacher logits.
        """
        student, teacher = seen.pair()
        soft = soft_loss(student, teacher, temperature=self.temperature(seen.progress))
        hard = hard_loss(seen.student_logits, seen.labels)
        return self._soft_weight * soft + (1.0 - self._soft_weight) * hard


def reversal(progress: Tensor, *, decay_fraction: float) -> Tensor:
    """Say by what the gradient of the temperature is multiplied.

    Args:
        progress: Share of the training that is done, ``()``, in [0, 1).
        decay_fraction: Share after which it stays -1, in (0, 1].

    Returns:
        ``-(1 - cos(pi * t)) / 2``, where t is the share of the ramp that is done, ``()``, in
        [-1, 0].

    Source: Li et al. 2023, arXiv:2211.16231: the cosine curriculum.
    """
    share = (progress / decay_fraction).clamp(max=1.0)
    return -0.5 * (1.0 - (math.pi * share).cos())


class _ScaledGradient(torch.autograd.Function):
    """The same value; its gradient is multiplied by a factor, which may be negative."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, factor: Tensor) -> Tensor:
        ctx.save_for_backward(factor)
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (factor,) = ctx.saved_tensors
        return gradients[0] * factor, None
