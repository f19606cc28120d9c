"""Trains one network up the ladder, on views.

One epoch is one view. The learning rate rises and falls once on every rung
(`autokd.distill.schedule`); momentum is kept across rungs, since it forgets within some ten steps
and a rung starts with a rate near 0. Networks train channels last in memory, one rule for all: on
a CPU and 8 x 8 pixels the smallest students were some 8 % slower for it, those of 40,000 weights
10 % faster, separable convolutions up to a third. They are handed back as they came.

Two trainings with the same arguments on the same CPU and number of threads end in the same
weights, whatever happens at the rungs. On a CUDA device the steps are replayed from a recorded
graph (`autokd.distill.executors`); they end in the same weights up to rounding.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from autokd.distill import cuda
from autokd.distill.device import Precision
from autokd.distill.executors import make_executor
from autokd.distill.losses import Loss
from autokd.distill.memory import memory_errors
from autokd.distill.schedule import learning_rates, segments, steps_per_epoch
from autokd.distill.source import TrainingSource
from autokd.distill.step import Step
from autokd.errors import Diverged
from autokd.seeds import derive_seed
from autokd.study import Training

__all__ = ["TrainingSource", "climb", "train"]


def _ignore(epochs: int) -> None:
    """Do nothing after an epoch."""


def train(
    module: nn.Module,
    source: TrainingSource,
    *,
    loss: Loss,
    training: Training,
    rungs: Sequence[int],
    seed: int,
    at_rung: Callable[[int], bool],
    precision: Precision = "float32",
    taps: Sequence[str] = (),
    eager: bool = False,
    stop_after: int | None = None,
    on_epoch: Callable[[int], None] = _ignore,
) -> int:
    """Train a network until a rung says stop or the ladder ends.

    Args:
        module: Takes images in [0, 1], ``(batch, channels, size, size)``, on the source's device;
            changed in place, left in evaluation mode.
        source: Images, labels and what is taught about them, by view.
        loss: Gives a tensor of shape ``()`` for what it sees of a batch; a module's parameters are
            trained along.
        training: Batch size, optimizer, and what may save time or memory.
        rungs: Epochs, strictly ascending, each >= 1.
        seed: Of whatever the network draws itself, such as dropout. Batches do not depend on it.
        at_rung: Called at each rung with the epochs trained, the module in evaluation mode and
            without gradients; False stops.
        precision: Of the network's forward pass; weights, losses and scores stay float32.
        taps: Names of the module's parts whose outputs the loss reads, `Seen.student_maps`.
        eager: Whether the loss decides something on the host, so that steps cannot be replayed.
        stop_after: Epochs after which training breaks off in the midst of its schedule, >= 1; None
            goes on to the last rung.
        on_epoch: Called after each epoch with the epochs trained.

    Returns:
        Epochs trained.

    Raises:
        Diverged: If a loss or a weight is not finite.
        OutOfMemory: If the device has no memory left.
        ShapeError: If the source has fewer views than the ladder has epochs.
    """
    epochs = 0
    climbing = climb(
        module,
        source,
        loss=loss,
        training=training,
        rungs=rungs,
        seed=seed,
        precision=precision,
        taps=taps,
        eager=eager,
        stop_after=stop_after,
        on_epoch=on_epoch,
    )
    with closing(climbing):
        for epochs in climbing:
            with torch.no_grad():
                goes_on = at_rung(epochs)
            if not goes_on:
                break
    return epochs


def climb(
    module: nn.Module,
    source: TrainingSource,
    *,
    loss: Loss,
    training: Training,
    rungs: Sequence[int],
    seed: int,
    precision: Precision = "float32",
    taps: Sequence[str] = (),
    eager: bool = False,
    stop_after: int | None = None,
    on_epoch: Callable[[int], None] = _ignore,
) -> Generator[int, None, None]:
    """Train a network from rung to rung, so that several can climb side by side.

    Args:
        module: As for `train`.
        source: As for `train`.
        loss: As for `train`.
        training: As for `train`.
        rungs: As for `train`.
        seed: As for `train`.
        precision: As for `train`.
        taps: As for `train`.
        eager: As for `train`.
        stop_after: As for `train`.
        on_epoch: As for `train`.

    Yields:
        Epochs trained, at each rung and where training breaks off, the module in evaluation mode;
        ``close()`` stops for good.

    Raises:
        Diverged: If a loss or a weight is not finite.
        OutOfMemory: If the device has no memory left.
        ShapeError: If the source has fewer views than the ladder has epochs.
    """
    last = stop_after or max(rungs)
    source.check_epochs(last)
    _set_recomputation(module, training.recompute)
    steps = steps_per_epoch(len(source.split), training.batch_size)
    epochs = 0
    with (
        _channels_last(module),
        closing(_Trainer(module, source, loss, training, precision, taps, eager)) as trainer,
    ):
        for n_epochs in segments(rungs):
            rates = learning_rates(n_epochs * steps, training)
            for start in range(0, min(n_epochs, last - epochs) * steps, steps):
                path_seed = derive_seed(seed, "epoch", epochs)
                trainer.run(
                    epochs,
                    rates[start : start + steps],
                    n_epochs=max(rungs),
                    seed=path_seed,
                )
                epochs += 1
                on_epoch(epochs)
            _check_weights(module, epochs)
            module.eval()
            yield epochs
            if epochs == last:
                return


class _Trainer:
    def __init__(
        self,
        module: nn.Module,
        source: TrainingSource,
        loss: Loss,
        training: Training,
        precision: Precision,
        taps: Sequence[str],
        eager: bool,
    ) -> None:
        self.module = module
        self.source = source
        self.batch_size = training.batch_size
        self.device = device = source.device
        with memory_errors():
            self.step = Step(
                module,
                loss=loss,
                training=training,
                precision=precision,
                device=device,
                taps=taps,
            )
            self.executor = make_executor(self.step, training=training, device=device, eager=eager)

    def run(self, epoch: int, rates: Sequence[float], *, n_epochs: int, seed: int) -> None:
        self.step.total.zero_()
        self.module.train()
        with memory_errors(), _own_generator(self.device, seed), torch.enable_grad():
            batches = self.source.batches(epoch, self.batch_size)
            for number, (batch, rate) in enumerate(zip(batches, rates, strict=True)):
                self.step.progress.fill_((epoch + number / len(rates)) / n_epochs)
                self.executor.run(batch, rate)
        # Asked once an epoch: on a GPU each question waits for all work that is under way.
        if not bool(self.step.total.isfinite()):
            raise Diverged(f"the loss is not finite in epoch {epoch + 1}")

    def close(self) -> None:
        self.executor.close()
        self.step.close()


@runtime_checkable
class _Recomputes(Protocol):
    """A part of a student that can drop what it reads, such as `autokd.students.ops.ConvNode`."""

    recomputes: bool


def _set_recomputation(module: nn.Module, recomputes: bool) -> None:
    for part in module.modules():
        if isinstance(part, _Recomputes):
            part.recomputes = recomputes


@contextmanager
def _own_generator(device: torch.device, seed: int) -> Iterator[None]:
    """Let the network draw from its own seed; the global generators stay as they were."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)
        cuda.seed_generator(device, seed)
        yield


@contextmanager
def _channels_last(module: nn.Module) -> Iterator[None]:
    module.to(memory_format=torch.channels_last)
    try:
        yield
    finally:
        module.to(memory_format=torch.contiguous_format)


def _check_weights(module: nn.Module, epochs: int) -> None:
    state = [tensor for tensor in _weights(module) if tensor.is_floating_point()]
    if not bool(torch.stack([tensor.isfinite().all() for tensor in state]).all()):
        raise Diverged(f"a weight is not finite after epoch {epochs}")


def _weights(module: nn.Module) -> Iterator[Tensor]:
    yield from module.parameters()
    yield from module.buffers()
