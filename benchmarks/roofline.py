"""How near the machine's limit a student trains, and what two workers get out of two cores.

    python benchmarks/roofline.py [--repeats 5] [--quick]

Claims measured, resnet20 with autokd's training path (views, table, step), batch 64, float32:

1. The share of the roof on one thread: images a second over what the slower of two limits allows,
   both measured in the same round. GEMM roof: a float32 product of two 2048 x 2048 matrices, 6
   floating-point operations for each multiply-accumulate of the network's forward pass (2 forward,
   4 backward). DRAM roof: a copy of 256 MiB, counted as one read and one write, against 16 passes
   over every convolution's output: what convolution, batch norm, ReLU, addition and their backward
   passes read and write when none of them are fused.
2. Two workers against one: what two processes of one thread each train together over what one
   trains alone, beside the same ratio of the product and of the copy, and the training's ratio
   over each of these two, which are what the machine has to give.

The JSON beside it was written by this command without options, with OMP_NUM_THREADS=1. Its
``summary`` has the first claim as ``share_of_roof``, the second as ``two_workers``: ``train`` is
the training's ratio, ``gemm`` and ``copy`` the machine's, ``train_over_*`` the one over the other.
``profile`` gives each torch operator's share of the CPU time of one epoch.
"""

import argparse
import json
import multiprocessing
import time
from collections.abc import Callable, Mapping
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from contenders import BATCH_SIZE, Autokd
from describing import rounded, spread
from measuring import (
    Contender,
    Result,
    counted,
    disturbance,
    measure_rounds,
    operator_shares,
    rates,
    read_options,
    use_one_thread,
)
from models import NUM_CLASSES, make_model
from torch import Tensor, nn

from autokd.data import Split

RESULT = Path(__file__).with_suffix(".json")
STUDENT = "resnet20"
N_PASSES = 16
KINDS = ("gemm", "copy", "train")
_SIDE = 2048
_COPY_BYTES = 256 * 2**20
_N_IMAGES = 256
"""Images of one epoch of the training: about a second, so that workers end together."""


def main() -> None:
    """Measure the missing rounds, then print the summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options = read_options(parser, seconds=8.0, quick_seconds=1.0, quick="one round")
    use_one_thread()
    settings = {"student": STUDENT, "batch_size": BATCH_SIZE, "seconds": options.seconds}
    result = Result(None if options.quick else RESULT, {**settings, "n_passes": N_PASSES})
    unit = result.unit(STUDENT)
    unit["per_image"] = work_per_image(make_model(STUDENT))
    unit["profile"] = operator_shares(WORK["train"]())
    with Workers(2) as workers:
        contenders = {
            f"{kind}_{n}": workers.contender(kind, n, options.seconds)
            for kind in KINDS
            for n in (1, 2)
        }
        measure_rounds(unit, contenders, repeats=options.repeats, save=result.save)
    result.save(summary=summary(unit))
    print(json.dumps(result.content["summary"], indent=1))


def multiply() -> Callable[[], float]:
    """Prepare a matrix product; a call returns its floating-point operations."""
    one, other, product = (torch.rand(_SIDE, _SIDE) for _ in range(3))

    def work() -> float:
        torch.mm(one, other, out=product)
        return 2.0 * _SIDE**3

    return work


def copy_memory() -> Callable[[], float]:
    """Prepare a copy; a call returns the bytes read and written."""
    source = torch.rand(_COPY_BYTES // 4)
    target = torch.empty_like(source)

    def work() -> float:
        target.copy_(source)
        return 2.0 * _COPY_BYTES

    return work


def train_student() -> Callable[[], float]:
    """Prepare the training of a student; a call returns the images trained on."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (_N_IMAGES, 3, 32, 32), dtype=torch.uint8, generator=generator)
    labels = torch.randint(NUM_CLASSES, (_N_IMAGES,), generator=generator)
    table = torch.randn(1, _N_IMAGES, NUM_CLASSES, generator=generator).half()
    loop = Autokd(make_model(STUDENT), Split(images, labels), table)
    return lambda: float(loop.epochs(1))


WORK: dict[str, Callable[[], Callable[[], float]]] = {
    "gemm": multiply,
    "copy": copy_memory,
    "train": train_student,
}


class Workers:
    """Processes of one thread each that work at the same time.

    Args:
        n: How many.
    """

    def __init__(self, n: int) -> None:
        context = multiprocessing.get_context("spawn")
        pipes = [context.Pipe() for _ in range(n)]
        self._ends = [here for here, _ in pipes]
        self._processes = [
            context.Process(target=serve, args=(there,), daemon=True) for _, there in pipes
        ]

    def __enter__(self) -> "Workers":
        for process in self._processes:
            process.start()
        for kind in KINDS:  # warms up
            self._rate(kind, len(self._ends), 0.0)
        return self

    def __exit__(self, *_: object) -> None:
        for end in self._ends:
            end.send(None)
        for process in self._processes:
            process.join()

    def contender(self, kind: str, n: int, seconds: float) -> Contender:
        """Let some of the workers do one kind of work; the rate is that of all together."""
        return lambda: self._rate(kind, n, seconds)

    def _rate(self, kind: str, n: int, seconds: float) -> float:
        for end in self._ends[:n]:
            end.send((kind, seconds))
        return sum(end.recv() for end in self._ends[:n])


def serve(end: Connection) -> None:
    """Do as told until told to stop: work for so long, answer with the rate."""
    use_one_thread()
    prepared = cache(lambda kind: WORK[kind]())
    while (order := end.recv()) is not None:
        kind, seconds = order
        work, amount, began = prepared(kind), 0.0, time.perf_counter()
        while not amount or time.perf_counter() - began < seconds:
            amount += work()
        end.send(amount / (time.perf_counter() - began))


def work_per_image(network: nn.Module) -> dict[str, int]:
    """Count multiply-accumulates and convolution outputs of a forward pass of one image."""
    counts = {"macs": 0, "convolution_outputs": 0}

    def count(module: nn.Module, _: object, output: Tensor) -> None:
        if isinstance(module, nn.Conv2d):
            counts["macs"] += output.numel() * module.weight[0].numel()
            counts["convolution_outputs"] += output.numel()
        elif isinstance(module, nn.Linear):
            counts["macs"] += module.weight.numel()

    handles = [module.register_forward_hook(count) for module in network.modules()]
    with torch.no_grad():
        network.eval()(torch.zeros(1, 3, 32, 32))
    for handle in handles:
        handle.remove()
    return counts


def summary(unit: Mapping[str, Any]) -> dict[str, Any]:
    """Give rates, the roofs in images a second, and both claims round by round."""
    flops = 6 * unit["per_image"]["macs"]
    moved = N_PASSES * 4 * unit["per_image"]["convolution_outputs"]
    shares, scalings = [], []
    for one in counted(unit):
        rate = {name: sample["rate"] for name, sample in one["samples"].items()}
        shares.append(rate["train_1"] / min(rate["gemm_1"] / flops, rate["copy_1"] / moved))
        gain = {kind: rate[f"{kind}_2"] / rate[f"{kind}_1"] for kind in KINDS}
        over = {f"train_over_{kind}": gain["train"] / gain[kind] for kind in KINDS[:2]}
        scalings.append(gain | over)
    gemm, memory = spread(rates(unit, "gemm_1")), spread(rates(unit, "copy_1"))
    return {
        "images_per_s": spread(rates(unit, "train_1")),
        "gemm_flops": gemm,
        "copy_bytes_per_s": memory,
        "gemm_roof_images_per_s": rounded(gemm["median"] / flops),
        "dram_roof_images_per_s": rounded(memory["median"] / moved),
        "share_of_roof": {**spread(shares), "aim": 0.5},
        "two_workers": {key: spread([found[key] for found in scalings]) for key in scalings[0]},
        "two_workers_aim": {"train_over_gemm": 0.9, "train_over_copy": 0.9},
        "profile": unit["profile"],
        "machine": disturbance(unit),
    }


if __name__ == "__main__":
    main()
