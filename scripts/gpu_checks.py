"""Runs the tests that need a GPU, times a training step there, and prints a JSON summary.

    python scripts/gpu_checks.py [--no-tests] [--no-speed] [--batch-size N] [--steps N]

Needs an environment with: pip install -e ".[dev]". The exit status is 1 if a test failed, or if
there is no GPU. The times are for a first look, on made-up images; benchmarks/ holds the claims.
"""

import argparse
import json
import statistics
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from autokd.data import Split
from autokd.distill import Answers, TrainingSource
from autokd.distill.cuda import GraphRecorder
from autokd.distill.executors import WARM_UP_STEPS, EagerExecutor, Executor, GraphExecutor
from autokd.distill.losses.kd import kd
from autokd.distill.source import Batch
from autokd.distill.step import Step
from autokd.study import Training, ViewsSpec
from autokd.teachers.zoo import cifar_resnet

DEVICE = torch.device("cuda", 0)
TESTS = [str(Path(__file__).parents[1] / "tests" / room) for room in ("data", "distill", "search")]


class Outcomes:
    """Counts what becomes of tests."""

    def __init__(self) -> None:
        self.counts = {"passed": 0, "failed": 0, "skipped": 0}
        self.failures: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take a report: of the test itself, or of a fixture that failed or skipped it."""
        if report.when == "call" or not report.passed:
            self.counts[report.outcome] += 1
        if report.failed:
            self.failures[report.nodeid] = report.longreprtext.strip().splitlines()[-1]


def run_tests() -> dict[str, Any]:
    """Run every test that is marked ``cuda``, in this process."""
    outcomes = Outcomes()
    options = ["-m", "cuda", "-n", "0", "-q", "--timeout", "600", *TESTS]
    code = pytest.main(options, plugins=[outcomes])
    return {"exit": int(code), **outcomes.counts, "failures": outcomes.failures}


def describe() -> dict[str, Any]:
    """Say what ran the tests."""
    properties = torch.cuda.get_device_properties(DEVICE)
    return {
        "device": properties.name,
        "memory_gib": round(properties.total_memory / 2**30, 1),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
    }


def make_batch(batch_size: int) -> Batch:
    """Make a batch of noise."""
    images = torch.randint(0, 256, (batch_size, 3, 32, 32), dtype=torch.uint8)
    split = Split(images, torch.arange(batch_size) % 10).to(DEVICE)
    source = TrainingSource(split, ViewsSpec(), Answers(torch.randn(1, batch_size, 10)))
    return next(source.batches(0, batch_size))


def time_steps(*, uses_graph: bool, batch_size: int, n_steps: int) -> dict[str, float]:
    """Time steps of resnet20 in bfloat16."""
    network = cifar_resnet(20, channels=3, num_classes=10).to(DEVICE)
    step = Step(
        network.to(memory_format=torch.channels_last),
        loss=partial(kd, temperature=4.0, soft_weight=0.5),
        training=Training(batch_size=batch_size),
        precision="bfloat16",
        device=DEVICE,
    )
    executor: Executor = (
        GraphExecutor(step, GraphRecorder(DEVICE)) if uses_graph else EagerExecutor(step)
    )
    batch = make_batch(batch_size)
    recording_s = time_run(executor, batch, WARM_UP_STEPS + 1)
    step_s = statistics.median(time_run(executor, batch, n_steps) / n_steps for _ in range(5))
    executor.close()
    return {"recording_s": recording_s, "step_s": step_s, "images_per_s": batch_size / step_s}


def time_run(executor: Executor, batch: Batch, n_steps: int) -> float:
    """Time a few steps, seconds."""
    torch.cuda.synchronize(DEVICE)
    began = time.perf_counter()
    for _ in range(n_steps):
        executor.run(batch, 0.01)
    torch.cuda.synchronize(DEVICE)
    return time.perf_counter() - began


def main() -> int:
    """Run what is asked for; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-tests", action="store_true")
    parser.add_argument("--no-speed", action="store_true")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=100)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print(json.dumps({"error": "no CUDA device"}))
        return 1
    summary: dict[str, Any] = {"hardware": describe()}
    if not options.no_tests:
        summary["tests"] = run_tests()
    if not options.no_speed:
        summary["speed"] = {
            name: time_steps(
                uses_graph=uses_graph, batch_size=options.batch_size, n_steps=options.steps
            )
            for name, uses_graph in (("eager", False), ("graph", True))
        }
    print(json.dumps(summary, indent=2))
    return int(summary.get("tests", {}).get("exit", 0) != 0)


if __name__ == "__main__":
    sys.exit(main())
