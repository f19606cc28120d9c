"""Who runs the training steps: one after another, or as a CUDA graph that is replayed.

A step of a small student is hundreds of kernels of microseconds each, and launching them from
Python takes longer than running them. On a CUDA device the whole step (forward, loss, backward,
optimizer) is therefore recorded once for each training as a CUDA graph; a batch is then copied
into the place that the graph reads, with its learning rate, and one call replays everything.

- The first steps run as they come, on the stream that records; they are steps of the training like
  all others, so nothing has to be undone.
- Recording runs nothing on the device. Where it fails, the reason is logged and training goes on
  step by step from where it is.
- A batch of another size, the last of a view, is trained on without the graph, one step an epoch.
- A network may draw random numbers from the device's default generator, as dropout does: torch
  moves that generator on with every replay.

The logic is here and runs on any device; the few calls that need CUDA are `GraphRecorder` in
`autokd.distill.cuda`.
"""

import logging
from collections.abc import Callable
from typing import Protocol

import torch

from autokd.distill import cuda
from autokd.distill.source import Batch
from autokd.distill.step import Step
from autokd.study import Training

__all__ = [
    "WARM_UP_STEPS",
    "EagerExecutor",
    "Executor",
    "GraphExecutor",
    "Recorder",
    "make_executor",
]

WARM_UP_STEPS = 3
"""Steps before recording: libraries choose algorithms and set up their workspaces in them."""

_LOG = logging.getLogger(__name__)


class Executor(Protocol):
    """Runs the steps of one training."""

    def run(self, batch: Batch, rate: float) -> None:
        """Train on one batch.

        Args:
            batch: The batch, on the device.
            rate: Learning rate, > 0.
        """
        ...

    def close(self) -> None:
        """Free what running took; there is no step after it."""
        ...


class Recorder(Protocol):
    """Records work on a device so that it can be replayed."""

    def warm_up(self, work: Callable[[], None]) -> None:
        """Do the work where it will be recorded.

        Args:
            work: Reads and writes tensors that stay where they are.
        """
        ...

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """Record the work without doing it.

        Args:
            work: As for `warm_up`.

        Returns:
            What does the work.

        Raises:
            RuntimeError: If it cannot be recorded.
        """
        ...

    def close(self) -> None:
        """Free what was recorded."""
        ...


class EagerExecutor:
    """Runs each step as it comes.

    Args:
        step: The step.
    """

    def __init__(self, step: Step) -> None:
        self._step = step

    def run(self, batch: Batch, rate: float) -> None:
        """Train on one batch.

        Args:
            batch: The batch, on the device.
            rate: Learning rate, > 0.
        """
        self._step(batch, rate)

    def close(self) -> None:
        """Do nothing: no step leaves anything behind."""


class GraphExecutor:
    """Records the step once, and replays it.

    Args:
        step: The step.
        recorder: Records it.
    """

    def __init__(self, step: Step, recorder: Recorder) -> None:
        self._step = step
        self._recorder = recorder
        self._rate = torch.zeros_like(step.total)
        self._batch: Batch | None = None
        self._n_warm = 0
        self._replay: Callable[[], None] | None = None

    def run(self, batch: Batch, rate: float) -> None:
        """Train on one batch.

        Args:
            batch: The batch, on the device; the first one's size is that of the graph.
            rate: Learning rate, > 0.
        """
        if self._batch is None:
            self._batch = batch.each(torch.empty_like)
        if batch.images.shape != self._batch.images.shape:
            self._step(batch, rate)
            return
        for place, part in zip(self._batch.tensors(), batch.tensors(), strict=True):
            place.copy_(part)
        self._rate.fill_(rate)
        if self._n_warm < WARM_UP_STEPS:
            self._n_warm += 1
            self._recorder.warm_up(self._work)
            return
        if self._replay is None:
            self._replay = self._record()
        self._replay()

    def close(self) -> None:
        """Free the graph and the place of its batch; there is no step after it."""
        self._replay = self._batch = None
        self._recorder.close()

    def _record(self) -> Callable[[], None]:
        try:
            return self._recorder.record(self._work)
        # Torch has no class of its own for what cannot be recorded. The same work has just run
        # several times, so it is not the work that is wrong.
        except RuntimeError as error:
            _LOG.warning("training goes on without a CUDA graph, more slowly: %s", error)
            self._step.drop_gradients()
            return self._work

    def _work(self) -> None:
        assert self._batch is not None
        self._step(self._batch, self._rate)


def make_executor(
    step: Step, *, training: Training, device: torch.device, eager: bool = False
) -> Executor:
    """Make what runs a training's steps.

    Args:
        step: The step.
        training: Says whether CUDA graphs may be used.
        device: Where the step runs.
        eager: Whether the loss decides something on the host, so that no graph can hold it.

    Returns:
        A graph's executor on a CUDA device, unless training says ``off`` or the loss cannot be
        recorded; else one that runs each step as it comes.
    """
    if device.type == "cuda" and training.cuda_graph == "auto" and not eager:
        return GraphExecutor(step, cuda.GraphRecorder(device))
    return EagerExecutor(step)
