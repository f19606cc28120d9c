"""Randomly wired students on a GPU: autokd's training step against that of a plain executor.

Students, weights, loss and optimizer are those of `student_cases`; both sides train in bfloat16,
channels last. ``plain`` is the plain executor, step by step; ``student`` is autokd's, replayed
from a CUDA graph, and ``speed`` its rate over the plain one's. ``plain_graph`` and
``student_eager`` tell what of the factor is the graph's. ``memory`` is the peak of autokd's
training with `recomputes` over that of the plain executor, both step by step.
"""

from collections.abc import Mapping
from contextlib import ExitStack, closing
from functools import partial
from typing import Any

import torch
from describing import rounded, spread
from gpu_device import Stepper, kernel_shares, peak_bytes, repeated
from gpu_study import Save, Setting, Unit
from measuring import disturbance, measure_rounds, rates
from student_cases import (
    BATCH_SIZE,
    CASES,
    TRAINING,
    VARIANTS,
    Case,
    batch,
    draw,
    largest_difference,
    make_variant,
)
from students import TOLERANCE

from autokd.distill.losses.none import none
from autokd.distill.source import Batch
from autokd.distill.step import Step

AIM = 5.0
CONTENDERS = {
    "plain": ("plain", False),
    "plain_graph": ("plain", True),
    "student_eager": ("student", False),
    "student": ("student", True),
}
"""How each contender is executed, and whether it is recorded."""


def units(setting: Setting) -> list[Unit]:
    """List the cases."""
    return [
        Unit(
            f"student, {case.name}",
            {"batch_size": BATCH_SIZE, "seconds": setting.seconds},
            20 + 1.5 * setting.repeats * 4 * setting.seconds,
            partial(measure, setting, case),
        )
        for case in (CASES[:1] if setting.quick else CASES)
    ]


def measure(setting: Setting, case: Case, unit: dict[str, Any], save: Save) -> None:
    """Measure one case in rounds, once both executors are seen to compute the same."""
    unit["largest_difference"] = rounded(largest_difference(case))
    if unit["largest_difference"] > TOLERANCE:
        raise SystemExit(f"{case.name}: the executors differ: {unit['largest_difference']}")
    graph, device = draw(case), setting.device
    unit["graph"] = {"digest": graph.digest, "nodes": len(graph.nodes)}
    unit.setdefault("peak_bytes", peaks(setting, case))
    with ExitStack() as stack:
        steppers = {
            name: stack.enter_context(
                closing(case_step(setting, case, variant, uses_graph=is_graph))
            )
            for name, (variant, is_graph) in CONTENDERS.items()
        }
        unit.setdefault("profile", kernel_shares(steppers["student"].step, device))
        contenders = {
            name: repeated(one.step, BATCH_SIZE, seconds=setting.seconds, device=device)
            for name, one in steppers.items()
        }
        measure_rounds(unit, contenders, repeats=setting.repeats, save=save)


def peaks(setting: Setting, case: Case) -> dict[str, int | None]:
    """Measure the memory of each variant's training, step by step, bytes."""
    return {
        variant: peak_bytes(
            partial(case_step, setting, case, variant, uses_graph=False), setting.device
        )
        for variant in VARIANTS
    }


def case_step(setting: Setting, case: Case, variant: str, *, uses_graph: bool) -> Stepper:
    """Make one variant's step: cross-entropy, the same for all."""
    network = make_variant(case, variant).train().to(setting.device)
    step = Step(
        network.to(memory_format=torch.channels_last),
        loss=none,
        training=TRAINING,
        precision=setting.precision,
        device=setting.device,
    )
    images, labels = batch(BATCH_SIZE)
    taught = Batch(
        images.to(setting.device).contiguous(memory_format=torch.channels_last),
        None,
        labels.to(setting.device),
    )
    return Stepper(step, taught, device=setting.device, uses_graph=uses_graph)


def summary(found: Mapping[str, Any]) -> dict[str, Any]:
    """Summarise the cases that are measured, and all of them together."""
    cases = {name: summarise(unit) for name, unit in found.items() if unit.get("rounds")}
    if not cases:
        return {}
    medians = [case["speed"]["median"] for case in cases.values()]
    return {"cases": cases, "speed": spread(medians), "aim": AIM}


def summarise(unit: Mapping[str, Any]) -> dict[str, Any]:
    """Give one case's factors, round by round."""
    names = list(CONTENDERS)
    rate = {name: rates(unit, name) for name in names}

    def factor(name: str, other: str) -> dict[str, Any]:
        return spread([one / two for one, two in zip(rate[name], rate[other], strict=True)])

    peak = unit["peak_bytes"]
    has_memory = all(value is not None for value in peak.values())
    return {
        "graph": unit["graph"],
        "largest_difference": unit["largest_difference"],
        "images_per_s": {name: spread(values) for name, values in rate.items()},
        "speed": factor("student", "plain"),
        "speed_without_graphs": factor("student_eager", "plain"),
        "speed_with_both_in_graphs": factor("student", "plain_graph"),
        "peak_bytes": peak,
        "memory": rounded(peak["recomputing"] / peak["plain"]) if has_memory else None,
        "profile": unit["profile"],
        "machine": disturbance(unit),
    }
