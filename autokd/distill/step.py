"""One training step: forward, loss, backward, optimizer.

Nothing in it waits for a GPU: the losses are added up in a tensor that is read once an epoch. Who
runs steps, as they come or as a recorded CUDA graph, is `autokd.distill.executors`.
"""

import torch
from torch import Tensor, nn

from autokd.distill.device import Precision
from autokd.distill.losses import Loss
from autokd.distill.optimizer import Sgd
from autokd.distill.source import Batch
from autokd.study import Training

__all__ = ["Step"]


class Step:
    """The step of one network; it holds the optimizer's state.

    Attributes:
        total: Sum of the losses since it was last set to 0, float32, ``()``, on the device.

    Args:
        module: Takes images in [0, 1], ``(batch, channels, size, size)``; changed in place.
        loss: ``loss(student_logits, teacher_logits, labels)``, a tensor of shape ``()``.
        training: The optimizer's options.
        precision: Of the forward pass; weights and losses stay float32.
        device: Where the module is.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        loss: Loss,
        training: Training,
        precision: Precision,
        device: torch.device,
    ) -> None:
        self.total = torch.zeros((), device=device)
        self._module = module
        self._loss = loss
        self._optimizer = Sgd(module.parameters(), training)
        self._device_type = device.type
        self._uses_bfloat16 = precision == "bfloat16"

    def __call__(self, batch: Batch, rate: float | Tensor) -> None:
        """Train on one batch, and add its loss to the total.

        Args:
            batch: Images, teacher logits and labels, on the device.
            rate: Learning rate, > 0; a tensor of shape ``()`` is read on the device.
        """
        with torch.autocast(self._device_type, torch.bfloat16, enabled=self._uses_bfloat16):
            logits = self._module(batch.images)
        value = self._loss(logits.float(), batch.teacher_logits, batch.labels)
        torch.autograd.backward(value)
        self._optimizer.step(rate)
        self.total += value.detach()

    def drop_gradients(self) -> None:
        """Forget the gradients that a step left behind when it broke off."""
        for parameter in self._module.parameters():
            parameter.grad = None
