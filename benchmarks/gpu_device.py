"""The few calls of the GPU benchmarks that need CUDA, each with what a CPU does instead.

A CPU is there for a look at the logic alone (``gpu.py --quick --device cpu``).
"""

import gc
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

import torch
from describing import cpu_model, rounded
from torch.profiler import ProfilerActivity, profile

from autokd.distill.executors import WARM_UP_STEPS, make_executor
from autokd.distill.source import Batch
from autokd.distill.step import Step
from autokd.study import Training

_RATE = 0.01
_N_PROFILED = 5


def describe(device: torch.device) -> dict[str, Any]:
    """Name the device, and the versions that its figures depend on."""
    if device.type == "cpu":
        return {"name": cpu_model()}
    properties = torch.cuda.get_device_properties(device)
    return {
        "name": properties.name,
        "memory_gib": round(properties.total_memory / 2**30, 1),
        "driver": driver_version(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "float32_convolutions_in_tf32": torch.backends.cudnn.allow_tf32,
    }


def driver_version() -> str:
    """Ask the driver for its version; empty where nobody answers."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.split()[0] if done.stdout.split() else ""


def synchronise(device: torch.device) -> None:
    """Wait until the device has done all that it was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def repeated(
    work: Callable[[], object], amount: float, *, seconds: float, device: torch.device
) -> Callable[[], float]:
    """Make a contender: warm up, then repeat some work for about so long.

    Args:
        work: Asks the device for something, and need not wait for it.
        amount: What one call does, in any unit.
        seconds: About how long a measurement takes.
        device: Where the work is done.

    Returns:
        A function that measures the amount per second.
    """
    _timed(work, 2, device)
    most = 1e6  # of something that takes no time at all
    n = max(round(min(seconds / _timed(work, 2, device) * 2, most)), 1)
    return lambda: n * amount / _timed(work, n, device)


def _timed(work: Callable[[], object], n: int, device: torch.device) -> float:
    synchronise(device)
    began = time.perf_counter()
    for _ in range(n):
        work()
    synchronise(device)
    return time.perf_counter() - began


class Stepper:
    """Training steps on one batch, as they come or replayed from a CUDA graph.

    On a CPU both are as they come.

    Args:
        step: The step.
        batch: Its batch, on the device.
        device: Where both are.
        uses_graph: Whether the step is recorded.
    """

    def __init__(
        self, step: Step, batch: Batch, *, device: torch.device, uses_graph: bool
    ) -> None:
        training = Training(cuda_graph="auto" if uses_graph else "off")
        self._executor = make_executor(step, training=training, device=device)
        self._batch = batch
        for _ in range(WARM_UP_STEPS + 1):
            self.step()

    def step(self) -> None:
        """Take one step."""
        self._executor.run(self._batch, _RATE)

    def close(self) -> None:
        """Free the graph."""
        self._executor.close()


def kernel_shares(
    work: Callable[[], object], device: torch.device, *, n_largest: int = 12
) -> dict[str, float]:
    """Profile some work: the share of each kernel, or on a CPU of each operator.

    Kernels that run at the same time count each for itself; gaps between them do not count.
    """
    on_gpu = device.type == "cuda"
    activity = ProfilerActivity.CUDA if on_gpu else ProfilerActivity.CPU
    with profile(activities=[activity]) as found:
        for _ in range(_N_PROFILED):
            work()
        synchronise(device)
    attribute = "self_device_time_total" if on_gpu else "self_cpu_time_total"
    times = {event.key: float(getattr(event, attribute)) for event in found.key_averages()}
    return _largest(times, n_largest)


def _largest(times: Mapping[str, float], n: int) -> dict[str, float]:
    total = sum(times.values()) or 1.0
    largest = sorted(times.items(), key=lambda item: -item[1])[:n]
    return {name[:80]: rounded(value / total) for name, value in largest}


def peak_bytes(make: Callable[[], Stepper], device: torch.device) -> int | None:
    """Measure the most memory that steps take, weights and all; None on a CPU."""
    if device.type == "cpu":
        return None
    gc.collect()  # of what was measured before
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    with closing(make()) as stepper:
        for _ in range(_N_PROFILED):
            stepper.step()
        synchronise(device)
    return torch.cuda.max_memory_allocated(device) - before
