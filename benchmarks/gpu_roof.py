"""The share of the roof on a GPU.

The roof is that of `roofline`: a matrix product and a copy on the same device in the same round,
6 floating-point operations for each multiply-accumulate of the forward pass, and 16 passes over
every convolution's output, here of two bytes a number, since students train in bfloat16.

Two figures stand below one roof. ``train`` is autokd's training as a trial has it: batches
gathered on the device, the step replayed from a CUDA graph, one look at the loss an epoch; its
first epoch, in which the graph is recorded, is apart (`gpu_trials` counts it). ``step`` is the
replayed step alone, on one batch; ``step_eager`` the same without the graph.
"""

import itertools
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from functools import cache, partial
from typing import Any

import torch
from describing import rounded, spread
from gpu_device import Stepper, kernel_shares, repeated, synchronise
from gpu_study import Save, Setting, Unit
from measuring import counted, disturbance, measure_rounds, rates
from models import NUM_CLASSES, make_model
from roofline import N_PASSES, work_per_image
from torch import nn

from autokd.data import Split
from autokd.distill import Answers, TrainingSource, train
from autokd.distill.losses.kd import kd
from autokd.distill.step import Step
from autokd.study import Training, ViewsSpec
from autokd.teachers import Normalised

AIM = 0.4
BATCH_SIZES = (64, 128, 256, 512, 1024)
LOSS = partial(kd, temperature=4.0, soft_weight=0.9)
VIEWS = ViewsSpec(crop_padding=4, flip=True)
_MEAN, _STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
_N_IMAGES, _N_VIEWS = 40 * 1024, 12  # a whole number of batches of each size
_SIDE, _COPY_BYTES = 8192, 2**30


def units(setting: Setting) -> list[Unit]:
    """List the batch sizes."""
    sizes = (16, 32) if setting.quick else BATCH_SIZES
    return [
        Unit(
            f"roof, batch {size}",
            {"student": setting.student, "batch_size": size, "seconds": setting.seconds},
            20 + 1.5 * setting.repeats * (5 * setting.seconds + 3),
            partial(measure, setting, size),
        )
        for size in sizes
    ]


def measure(setting: Setting, batch_size: int, unit: dict[str, Any], save: Save) -> None:
    """Measure one batch size in rounds."""
    unit["per_image"] = work_per_image(make_model(setting.student))
    unit["bytes_per_number"] = setting.dtype.itemsize
    device, seconds = setting.device, setting.seconds
    with ExitStack() as stack:
        steps = {
            name: stack.enter_context(closing(own_step(setting, batch_size, uses_graph=graph)))
            for name, graph in (("step", True), ("step_eager", False))
        }
        unit.setdefault("profile", kernel_shares(steps["step"].step, device))
        contenders = {
            "gemm": repeated(*multiply(setting), seconds=seconds, device=device),
            "copy": repeated(*copy_memory(setting), seconds=seconds, device=device),
            "train": training(setting, batch_size),
            **{
                name: repeated(one.step, batch_size, seconds=seconds, device=device)
                for name, one in steps.items()
            },
        }
        measure_rounds(unit, contenders, repeats=setting.repeats, save=save)


def multiply(setting: Setting) -> tuple[Callable[[], object], float]:
    """Prepare a matrix product, and count its floating-point operations."""
    side = 256 if setting.quick else _SIDE
    kind: dict[str, Any] = {"device": setting.device, "dtype": setting.dtype}
    one, other, product = (torch.randn(side, side, **kind) for _ in range(3))
    return lambda: torch.mm(one, other, out=product), 2.0 * side**3


def copy_memory(setting: Setting) -> tuple[Callable[[], object], float]:
    """Prepare a copy, and count the bytes read and written."""
    size = 2**20 if setting.quick else _COPY_BYTES
    source = torch.randint(256, (size,), dtype=torch.uint8, device=setting.device)
    target = torch.empty_like(source)
    return lambda: target.copy_(source), 2.0 * size


def own_step(setting: Setting, batch_size: int, *, uses_graph: bool) -> Stepper:
    """Make the step of the student on one batch."""
    batch = next(source(setting).batches(0, batch_size))
    step = Step(
        student(setting).to(memory_format=torch.channels_last).train(),
        loss=LOSS,
        training=Training(batch_size=batch_size),
        precision=setting.precision,
        device=setting.device,
    )
    return Stepper(step, batch, device=setting.device, uses_graph=uses_graph)


def training(setting: Setting, batch_size: int) -> Callable[[], float]:
    """Make a contender of autokd's own training; the rate is that of a later epoch."""
    n_epochs = 3

    def rate() -> float:
        nonlocal n_epochs
        times = epoch_seconds(setting, batch_size, n_epochs)
        later = statistics.median(times[1:])
        n_epochs = min(max(round(setting.seconds / later), 2) + 1, _N_VIEWS)
        return len(source(setting).split) / later

    rate()  # warms up, and finds how many epochs fill the time
    return rate


def epoch_seconds(setting: Setting, batch_size: int, n_epochs: int) -> list[float]:
    """Train a student, and time its epochs; each ends with a look at the loss, and so waits."""
    synchronise(setting.device)
    times = [time.perf_counter()]
    train(
        student(setting),
        source(setting),
        loss=LOSS,
        training=Training(batch_size=batch_size, learning_rate=0.05),
        rungs=[n_epochs],
        seed=0,
        at_rung=lambda _: True,
        precision=setting.precision,
        on_epoch=lambda _: times.append(time.perf_counter()),
    )
    return [after - before for before, after in itertools.pairwise(times)]


def student(setting: Setting) -> nn.Module:
    """Make the student, on the device."""
    return Normalised(make_model(setting.student), mean=_MEAN, std=_STD).to(setting.device)


@cache
def source(setting: Setting) -> TrainingSource:
    """Make up images and a table of answers, on the device."""
    n = 64 if setting.quick else _N_IMAGES
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (n, 3, 32, 32), dtype=torch.uint8, generator=generator)
    labels = torch.randint(NUM_CLASSES, (n,), generator=generator)
    table = torch.randn(_N_VIEWS, n, NUM_CLASSES, generator=generator).half()
    split = Split(images, labels).to(setting.device)
    return TrainingSource(split, VIEWS, Answers(table.to(setting.device)))


def summary(found: Mapping[str, Any]) -> dict[str, Any]:
    """Give rates, the roofs in images a second, and the share round by round."""
    return {name: summarise(unit) for name, unit in found.items() if unit.get("rounds")}


def summarise(unit: Mapping[str, Any]) -> dict[str, Any]:
    """Summarise one batch size."""
    flops = 6 * unit["per_image"]["macs"]
    moved = N_PASSES * unit["bytes_per_number"] * unit["per_image"]["convolution_outputs"]
    shares: dict[str, list[float]] = {"train": [], "step": []}
    for one in counted(unit):
        rate = {name: sample["rate"] for name, sample in one["samples"].items()}
        roof = min(rate["gemm"] / flops, rate["copy"] / moved)
        for name, found in shares.items():
            found.append(rate[name] / roof)
    gemm, memory = spread(rates(unit, "gemm")), spread(rates(unit, "copy"))
    names = ("train", "step", "step_eager")
    return {
        "images_per_s": {name: spread(rates(unit, name)) for name in names},
        "gemm_flops": gemm,
        "copy_bytes_per_s": memory,
        "gemm_roof_images_per_s": rounded(gemm["median"] / flops),
        "memory_roof_images_per_s": rounded(memory["median"] / moved),
        "share_of_roof": {**spread(shares["train"]), "aim": AIM},
        "share_of_roof_of_step": spread(shares["step"]),
        "profile": unit["profile"],
        "machine": disturbance(unit),
    }
