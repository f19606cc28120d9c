"""One training step: forward, loss, backward, optimizer.

Nothing in it waits for a GPU: the losses are added up in a tensor that is read once an epoch. Who
runs steps, as they come or as a recorded CUDA graph, is `autokd.distill.executors`.
"""

from collections.abc import Iterator, Sequence
from itertools import chain

import torch
from torch import Tensor, nn

from autokd.distill.device import Precision
from autokd.distill.losses import Loss, Seen
from autokd.distill.optimizer import Sgd
from autokd.distill.source import Batch
from autokd.distill.taps import Tap
from autokd.study import Training

__all__ = ["Step"]


class Step:
    """The step of one network; it holds the optimizer's state.

    Attributes:
        total: Sum of the losses since it was last set to 0, float32, ``()``, on the device.
        progress: Share of the training that is done, float32, ``()``, on the device; whoever runs
            steps sets it.

    Args:
        module: Takes images in [0, 1], ``(batch, channels, size, size)``; changed in place.
        loss: Gives a tensor of shape ``()``; what it learns itself is trained along.
        training: The optimizer's options.
        precision: Of the forward pass; weights and losses stay float32.
        device: Where the module is.
        taps: Names of the module's parts whose outputs the loss reads.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        loss: Loss,
        training: Training,
        precision: Precision,
        device: torch.device,
        taps: Sequence[str] = (),
    ) -> None:
        self.total = torch.zeros((), device=device)
        self.progress = torch.zeros((), device=device)
        self._tap = Tap(module, taps)
        self._learned = [module, loss] if isinstance(loss, nn.Module) else [module]
        self._loss = loss
        self._optimizer = Sgd(self._parameters(), training)
        self._device_type = device.type
        self._uses_bfloat16 = precision == "bfloat16"

    def __call__(self, batch: Batch, rate: float | Tensor) -> None:
        """Train on one batch, and add its loss to the total.

        Args:
            batch: Images, what is taught about them, and labels, on the device.
            rate: Learning rate, > 0; a tensor of shape ``()`` is read on the device.
        """
        with torch.autocast(self._device_type, torch.bfloat16, enabled=self._uses_bfloat16):
            logits, maps = self._tap(batch.images)
        value = self._loss(
            Seen(
                student_logits=logits.float(),
                labels=batch.labels,
                teacher_logits=batch.teacher_logits,
                images=batch.images,
                indices=batch.indices,
                more_logits=batch.more_logits,
                assistant_logits=batch.assistant_logits,
                student_maps=maps,
                teacher_maps=batch.teacher_maps,
                progress=self.progress,
            )
        )
        torch.autograd.backward(value)
        self._optimizer.step(rate)
        self.total += value.detach()

    def state(self) -> list[Tensor]:
        """List all that steps change: weights and buffers of network and loss, and momenta.

        Returns:
            The tensors themselves, of shapes ``(...)``, always in the same order.
        """
        found = [[*module.parameters(), *module.buffers()] for module in self._learned]
        return [*chain.from_iterable(found), *self._optimizer.momenta()]

    def drop_gradients(self) -> None:
        """Forget the gradients that a step left behind when it broke off."""
        for parameter in self._parameters():
            parameter.grad = None

    def close(self) -> None:
        """Take the taps off the module; there is no step after it."""
        self._tap.close()

    def _parameters(self) -> Iterator[nn.Parameter]:
        for module in self._learned:
            yield from module.parameters()
