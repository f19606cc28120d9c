"""How long a network takes for a batch, measured on this machine.

Forward passes only, without gradients, after a warm-up; the median is taken, since what disturbs a
measurement makes it longer. Pausing everything else that runs is the caller's business.
"""

import copy
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from autokd.graphs.ir import InputShape

__all__ = ["measure_latency"]

_N_WARM_UP = 5


def measure_latency(
    module: nn.Module,
    shape: InputShape,
    *,
    batch_size: int,
    threads: int,
    repeats: int,
    device: torch.device | str = "cpu",
) -> float:
    """Time forward passes of a copy of the network in eval mode.

    Args:
        module: Reads ``(batch, channels, size, size)``.
        shape: What it reads.
        batch_size: Images a batch, >= 1.
        threads: CPU threads during the measurement, >= 1; the number from before is restored.
        repeats: Timed batches, >= 1.
        device: Where it is timed; on CUDA the clock waits for the device.

    Returns:
        Median seconds per batch.
    """
    device = torch.device(device)
    probe = copy.deepcopy(module).to(device).eval()
    images = torch.full((batch_size, shape.channels, shape.size, shape.size), 0.5, device=device)
    with torch.no_grad(), _limit_threads(threads):
        for _ in range(_N_WARM_UP):
            _seconds(probe, images)
        return statistics.median(_seconds(probe, images) for _ in range(repeats))


def _seconds(module: nn.Module, images: Tensor) -> float:
    _wait(images.device)
    start = time.perf_counter()
    module(images)
    _wait(images.device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def _limit_threads(threads: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
