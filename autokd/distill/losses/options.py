"""What a point may ask of any method: standardised logits, a late start, an early end.

A gate g between 0 and 1 mixes the method's whole loss with the hard labels alone, ``g * loss +
(1 - g) * hard``. Whatever a method weighs and learns stays as it is where g is 1.
"""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from autokd.distill.losses.seen import Loss, Seen
from autokd.distill.losses.terms import hard_loss
from autokd.parameters import Value

__all__ = ["WithOptions", "gate", "with_options"]


def with_options(loss: Loss, options: Mapping[str, Value]) -> Loss:
    """Put a point's options around a method.

    Args:
        loss: The method.
        options: Values of `autokd.methods.OPTIONS` by name; those left out keep their default.

    Returns:
        The method itself where no option changes it.
    """
    standardises = bool(options.get("standardise", False))
    warm_up = float(options.get("soft_warmup_fraction", 0.0))
    off = float(options.get("kd_off_fraction", 1.0))
    if not standardises and warm_up == 0 and off == 1:
        return loss
    return WithOptions(loss, standardises=standardises, warm_up=warm_up, off=off)


class WithOptions(nn.Module):
    """A method inside its options.

    Args:
        loss: The method; a module's parameters are this one's.
        standardises: Whether logits are standardised before they are compared.
        warm_up: Share of the training over which the gate opens, in [0, 1].
        off: Share of the training after which the gate is shut, in (0, 1].
    """

    def __init__(self, loss: Loss, *, standardises: bool, warm_up: float, off: float) -> None:
        super().__init__()
        self.loss = loss
        self._standardises = standardises
        self._warm_up = warm_up
        self._off = off

    def forward(self, seen: Seen) -> Tensor:
        """Compute the loss.

        Args:
            seen: The batch.

        Returns:
            Shape ``()``.
        """
        shown = replace(seen, standardises=True) if self._standardises else seen
        whole = self.loss(shown)
        if self._warm_up == 0 and self._off == 1:
            return whole
        share = gate(seen.progress, warm_up=self._warm_up, off=self._off)
        return share * whole + (1 - share) * hard_loss(seen.student_logits, seen.labels)


def gate(progress: Tensor, *, warm_up: float, off: float) -> Tensor:
    """Say how much of a method acts.

    Args:
        progress: Share of the training that is done, ``()``, in [0, 1).
        warm_up: Share over which the gate opens evenly, in [0, 1]; 0 opens it at once.
        off: Share after which it is shut, in (0, 1]; 1 never shuts it.

    Returns:
        The gate, ``()``, in [0, 1]. Without a host's decision, so that a step can be recorded.

    Source: warming up: Zhao et al. 2022, arXiv:2203.08679, section 4 (over the first epochs);
        switching off: Cho and Hariharan 2019, arXiv:1910.01348, section 4.3.
    """
    opening = torch.ones_like(progress) if warm_up == 0 else (progress / warm_up).clamp(max=1.0)
    return torch.where(progress < off, opening, torch.zeros_like(progress))
