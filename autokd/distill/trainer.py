"""Trains one network stretch by stretch, and undoes what was done for a score alone.

What is trained in which order, and with which rates, is `autokd.distill.schedule`; this is the
hand that does it. Going back and averaging happen between steps and change tensors in place, so
that a recorded CUDA graph goes on to read and write the same ones.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from autokd.distill import cuda
from autokd.distill.averaging import WeightAverage, estimate_norms
from autokd.distill.device import Precision
from autokd.distill.executors import make_executor
from autokd.distill.losses import Loss
from autokd.distill.memory import memory_errors
from autokd.distill.schedule import Stretch
from autokd.distill.source import TrainingSource
from autokd.distill.step import Step
from autokd.errors import Diverged
from autokd.seeds import derive_seed
from autokd.study import Training

__all__ = ["Trainer"]


class Trainer:
    """Trains one network; it holds all that training has besides the network.

    Args:
        module: Takes images in [0, 1], ``(batch, channels, size, size)``, on the source's device;
            changed in place.
        source: Images, labels and what is taught about them, by view.
        loss: What is learned from; a module's parameters are trained along.
        training: Batch size, optimizer, schedule.
        n_epochs: Epochs of the whole training, >= 1, for the progress that losses read.
        seed: Of whatever the network draws itself, epoch by epoch.
        precision: Of the network's forward pass.
        taps: Names of the module's parts whose outputs the loss reads.
        eager: Whether the loss decides something on the host.

    Raises:
        OutOfMemory: If the device has no memory left.
        ShapeError: If the network has no part of a tap's name.
    """

    def __init__(
        self,
        module: nn.Module,
        source: TrainingSource,
        *,
        loss: Loss,
        training: Training,
        n_epochs: int,
        seed: int,
        precision: Precision = "float32",
        taps: Sequence[str] = (),
        eager: bool = False,
    ) -> None:
        self._module = module
        self._source = source
        self._batch_size = training.batch_size
        self._n_epochs = n_epochs
        self._seed = seed
        self._device = device = source.device
        self._kept: list[Tensor] = []
        with memory_errors():
            self._average = (
                WeightAverage(module.parameters()) if training.schedule == "average" else None
            )
            self._step = Step(
                module,
                loss=loss,
                training=training,
                precision=precision,
                device=device,
                taps=taps,
            )
            self._executor = make_executor(
                self._step, training=training, device=device, eager=eager
            )

    def train(self, stretch: Stretch, *, stop_after: int, on_epoch: Callable[[int], None]) -> int:
        """Train a stretch, and make of the network what its score is taken of.

        Args:
            stretch: What is trained.
            stop_after: Epochs on the path after which training breaks off, above
                ``stretch.first``; nothing is averaged there.
            on_epoch: Called after each epoch with the epochs on the path.

        Returns:
            Epochs on the path.

        Raises:
            Diverged: If a loss is not finite.
            OutOfMemory: If the device has no memory left.
        """
        if stretch.is_undone and not stretch.n_averaged:
            self._keep()
        epochs = stretch.first
        for rates in stretch.rates[: stop_after - epochs]:
            # What is averaged ends with the stretch, and may begin epochs before its end.
            n_left = (stretch.last - epochs - 1) * len(rates)
            self._run(epochs, rates, n_averaged=stretch.n_averaged - n_left)
            epochs += 1
            on_epoch(epochs)
        if stretch.n_averaged and epochs == stretch.last:
            if stretch.is_undone:
                self._keep()
            self._install_average(epochs - 1)
        return epochs

    @torch.no_grad()
    def go_back(self) -> None:
        """Undo the last stretch that is to be undone: network, loss and optimizer."""
        for place, kept in zip(self._step.state(), self._kept, strict=True):
            place.copy_(kept)
        self._kept = []

    def close(self) -> None:
        """Free what training took; there is no epoch after it."""
        self._kept = []
        self._executor.close()
        self._step.close()

    def _run(self, epoch: int, rates: Sequence[float], *, n_averaged: int) -> None:
        self._step.total.zero_()
        self._module.train()
        seed = derive_seed(self._seed, "epoch", epoch)
        with memory_errors(), _own_generator(self._device, seed), torch.enable_grad():
            batches = self._source.batches(epoch, self._batch_size)
            for number, (batch, rate) in enumerate(zip(batches, rates, strict=True)):
                self._step.progress.fill_((epoch + number / len(rates)) / self._n_epochs)
                self._executor.run(batch, rate)
                if self._average is not None and number >= len(rates) - n_averaged:
                    self._average.add()
        # Asked once an epoch: on a GPU each question waits for all work that is under way.
        if not bool(self._step.total.isfinite()):
            raise Diverged(f"the loss is not finite in epoch {epoch + 1}")

    @torch.no_grad()
    def _keep(self) -> None:
        with memory_errors():
            self._kept = [tensor.clone() for tensor in self._step.state()]

    def _install_average(self, epoch: int) -> None:
        assert self._average is not None, "only a schedule that averages has such stretches"
        with memory_errors():
            self._average.install()
            estimate_norms(self._module, self._source.images(epoch, self._batch_size))


@contextmanager
def _own_generator(device: torch.device, seed: int) -> Iterator[None]:
    """Let the network draw from its own seed; the global generators stay as they were."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)
        cuda.seed_generator(device, seed)
        yield
