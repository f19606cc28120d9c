"""Randomly wired students: autokd's executor against a plain one, in time and in memory.

    python benchmarks/students.py [--repeats 5] [--quick]

Claims measured, hierarchical graphs of 20 to 200 op nodes and 20,000 to 1,000,000 weights on 32 x
32 colour images, one thread, batch 64, float32, channels last, equal loss and optimizer:

1. Training steps a second of autokd's `Student` over those of a plain executor of the same graph
   with the same weights (`plain_student`), in turns. Before, one forward and backward pass of both
   is compared in float64: `largest_difference` is that of logits and gradients, relative to the
   largest entry of the tensor.
2. With `recomputes` on every convolution node: the peak training memory over the plain executor's,
   and the time it costs over the `Student` without. The memory is the high-water mark of the
   resident set of a process of its own over five training steps, less what it held before the
   network was made: weights, gradients, momentum, activations and temporaries, whoever allocates
   them (`student_memory.py`). Counting what autograd saves would miss what a custom backward pass
   keeps for itself.

The JSON beside it was written by this command without options, with OMP_NUM_THREADS=1. Its
``summary`` has for each case the first claim as ``speed``, the second as ``memory`` (recomputing
over plain, five steps) and ``time_of_recomputing`` (the rate without over the rate with it);
``speed_recomputing`` is that of the recomputing student over plain, ``profile`` each torch
operator's share of the CPU time of one step.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

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
    timed,
    use_one_thread,
)
from student_cases import BATCH_SIZE, CASES, VARIANTS, Case, Stepper, draw, largest_difference

RESULT = Path(__file__).with_suffix(".json")
AIMS = {"speed": 1.2, "memory": 0.7}
TOLERANCE = 1e-5


def main() -> None:
    """Measure every case that lacks rounds, then print the summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options = read_options(parser, seconds=4.0, quick_seconds=0.1, quick="two students")
    use_one_thread()
    settings = {"batch_size": BATCH_SIZE, "threads": 1, "seconds": options.seconds}
    result = Result(None if options.quick else RESULT, settings)
    for case in CASES[:2] if options.quick else CASES:
        print(case.name, flush=True)
        measure(case, result, options)
    print(json.dumps(in_short(result.content["summary"]), indent=1))


def measure(case: Case, result: Result, options: argparse.Namespace) -> None:
    """Measure one case's missing figures and summarise all cases."""
    unit = result.unit(case.name)
    graph = draw(case)
    unit["graph"] = {"digest": graph.digest, "nodes": len(graph.nodes)}
    unit["graph"]["op_nodes"] = sum(node.op == case.op for node in graph.nodes)
    steppers = {variant: Stepper(case, variant) for variant in VARIANTS}
    unit["graph"]["params"] = steppers["plain"].n_params
    unit["largest_difference"] = rounded(largest_difference(case))
    if unit["largest_difference"] > TOLERANCE:
        raise SystemExit(f"{case.name}: the executors differ: {unit['largest_difference']}")
    contenders = {name: repeated(one.step, options.seconds) for name, one in steppers.items()}
    if "profile" not in unit:
        unit["profile"] = operator_shares(steppers["student"].step)
    measure_rounds(unit, contenders, repeats=options.repeats, save=result.save)
    if "memory" not in unit:
        unit["memory"] = {variant: peak_bytes(case, variant) for variant in VARIANTS}
    result.save(summary=summary(result.content["units"]))


def repeated(step: Callable[[], None], seconds: float) -> Contender:
    """Warm up, and let it take as many steps as fill the time; the rate is images a second."""

    def steps(n: int) -> float:
        for _ in range(n):
            step()
        return float(n * BATCH_SIZE)

    steps(2)
    rate = timed(partial(steps, 1))()
    return timed(partial(steps, max(round(seconds * rate / BATCH_SIZE), 2)))


def peak_bytes(case: Case, variant: str) -> list[int]:
    """Measure a variant's peak memory of five steps in a process of its own."""
    script = Path(__file__).with_name("student_memory.py")
    # A map of its own for every large tensor: what is freed leaves the resident set at once.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, script, case.name, variant],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    found: list[int] = json.loads(done.stdout)
    return found


def summary(units: Mapping[str, Any]) -> dict[str, Any]:
    """Summarise the cases that are measured, and all of them together."""
    cases = {
        case.name: summarise(units[case.name])
        for case in CASES
        if "memory" in units.get(case.name, {})
    }
    medians = {
        key: [found[key]["median"] for found in cases.values()]
        for key in ("speed", "speed_recomputing", "time_of_recomputing", "memory")
    }
    return {
        "cases": cases,
        "medians_of_cases": {key: spread(values) for key, values in medians.items()},
        "aims": AIMS,
    }


def in_short(found: Mapping[str, Any]) -> dict[str, Any]:
    """Leave the medians."""
    keys = ("speed", "speed_recomputing", "time_of_recomputing", "memory")
    return {
        name: {key: one[key]["median"] for key in keys}
        for name, one in [*found["cases"].items(), ("all cases", found["medians_of_cases"])]
    }


def summarise(unit: Mapping[str, Any]) -> dict[str, Any]:
    """Give the factors of one case, round by round."""
    found = [
        {name: sample["rate"] for name, sample in one["samples"].items()} for one in counted(unit)
    ]
    peak = {variant: max(values) for variant, values in unit["memory"].items()}
    ratios = [
        one / other
        for one, other in zip(unit["memory"]["recomputing"], unit["memory"]["plain"], strict=True)
    ]
    return {
        "graph": unit["graph"],
        "largest_difference": unit["largest_difference"],
        "images_per_s": {name: spread(rates(unit, name)) for name in VARIANTS},
        "speed": spread([rate["student"] / rate["plain"] for rate in found]),
        "speed_recomputing": spread([rate["recomputing"] / rate["plain"] for rate in found]),
        "time_of_recomputing": spread([rate["student"] / rate["recomputing"] for rate in found]),
        "peak_bytes": peak,
        "memory": spread(ratios),
        "memory_without_recomputing": rounded(peak["student"] / peak["plain"]),
        "profile": unit["profile"],
        "machine": disturbance(unit),
    }


if __name__ == "__main__":
    main()
