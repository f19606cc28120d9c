"""Trains one network up the ladder, on views.

One epoch is one view. How the learning rate goes to each rung, and what is scored there, is the
schedule (`autokd.distill.schedule`); momentum is kept across rungs, since it forgets within some
ten steps. What is trained or averaged for the score of a lower rung alone is undone after it:
weights, norm statistics, momenta and whatever the loss has learned become what they were.

Networks train channels last in memory, one rule for all: on a CPU and 8 x 8 pixels the smallest
students were some 8 % slower for it, those of 40,000 weights 10 % faster, separable convolutions
up to a third. They are handed back as they came.

Two trainings with the same arguments on the same CPU and number of threads end in the same
weights, whatever happens at the rungs. On a CUDA device the steps are replayed from a recorded
graph (`autokd.distill.executors`); they end in the same weights up to rounding.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from autokd.distill.device import Precision
from autokd.distill.losses import Loss
from autokd.distill.schedule import plan, steps_per_epoch
from autokd.distill.source import TrainingSource
from autokd.distill.trainer import Trainer
from autokd.errors import Diverged
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
        on_epoch: Called after each epoch with the epochs on the path from the start to it: where
            epochs are undone, a number comes twice.

    Returns:
        Epochs on the path to the last score.

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
        Epochs trained, at each rung and where training breaks off, the module in evaluation mode
        and as it is to be scored; ``close()`` stops for good and leaves it so.

    Raises:
        Diverged: If a loss or a weight is not finite.
        OutOfMemory: If the device has no memory left.
        ShapeError: If the source has fewer views than the ladder has epochs.
    """
    last = stop_after or max(rungs)
    source.check_epochs(last)
    _set_recomputation(module, training.recompute)
    steps = steps_per_epoch(len(source.split), training.batch_size)
    with (
        _channels_last(module),
        closing(
            Trainer(
                module,
                source,
                loss=loss,
                training=training,
                n_epochs=max(rungs),
                seed=seed,
                precision=precision,
                taps=taps,
                eager=eager,
            )
        ) as trainer,
    ):
        for stretch in plan(rungs, steps=steps, training=training):
            epochs = trainer.train(stretch, stop_after=last, on_epoch=on_epoch)
            if epochs == last or stretch.ends_rung:
                _check_weights(module, epochs)
                module.eval()
                yield epochs
            if epochs == last:
                return
            if stretch.is_undone:
                trainer.go_back()


@runtime_checkable
class _Recomputes(Protocol):
    """A part of a student that can drop what it reads, such as `autokd.students.ops.ConvNode`."""

    recomputes: bool


def _set_recomputation(module: nn.Module, recomputes: bool) -> None:
    for part in module.modules():
        if isinstance(part, _Recomputes):
            part.recomputes = recomputes


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
