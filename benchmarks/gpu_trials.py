"""Trials per hour on one GPU: whole searches, and a trial taken apart.

A trial draws a student of resnet20's size, trains it for 10 epochs on 40,000 images of CIFAR-10's
size and scores it on 10,000. There is one rung, so no trial is stopped early.

A search is a real `autokd.search` over a window of time: sampler, storage, run folder, graphs
drawn and recorded, validation, weights written. ``trials_per_hour`` is the steady rate: it counts
from when as many trials have ended as there are workers to the end of the window, and a trial that
lies partly within that time by the part of its own. ``by_thirds`` has the same for each third of
that time. What happens once is in ``trials_per_hour_of_40``: the rate of a search of 40 trials
that finds an empty cache, and so fills the teacher's table, opens everything, starts workers and
measures the test images.

The plain loop that it is compared with is in `gpu_plain`; the ratio is over the faster of its two
forms.
"""

import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any
from unittest import mock

import torch
from describing import rounded, spread
from gpu_device import synchronise
from gpu_plain import measure_plain
from gpu_study import Save, Setting, Unit, made_up, prepared, study

import autokd
from autokd.distill import PreparedStudy, climb, make_recipe, predict, score
from autokd.parameters import Point
from autokd.runs import Record
from autokd.search import mps
from autokd.search.family import draw_family
from autokd.students import build, save_weights

RATIO_AIM, RATE_AIM = 15.0, 600.0
N_TRIALS = 40
PLAIN = {"plain, float32": False, "plain, bfloat16": True}
PREPARATION, PARTS = "preparation", "parts of a trial"
_POINT: Point = {
    "architecture.op": "conv3x3",
    "architecture.depth": 6,
    "architecture.shortcuts": True,
    "kd.method": "kd",
    "kd.temperature": 4.0,
    "kd.soft_weight": 0.9,
}
_PARAMS, _QUICK_PARAMS = 2.7e5, 8.5e3
_PLAIN_WINDOW = 20.0

Span = tuple[float, float]
"""When something began and ended."""


@dataclass(frozen=True)
class Config:
    """One way to search.

    Attributes:
        workers: Worker processes.
        uses_mps: Whether they share the device through MPS, rather than take turns.
        generator: What the students are.
    """

    workers: int
    uses_mps: bool
    generator: str = "chain"

    @property
    def name(self) -> str:
        """Its name in the JSON."""
        workers = "1 worker" if self.workers == 1 else f"{self.workers} workers"
        sharing = ", MPS" if self.uses_mps else ""
        wiring = ", wired at random" if self.generator == "hierarchical" else ""
        return f"trials, {workers}{sharing}{wiring}"


CONFIGS = (
    Config(4, uses_mps=True),
    Config(1, uses_mps=False),
    Config(8, uses_mps=True),
    Config(2, uses_mps=True),
    Config(4, uses_mps=False),
    Config(2, uses_mps=False),
    Config(8, uses_mps=False),
    Config(4, uses_mps=True, generator="hierarchical"),
)
"""The ways to search, those that say most first."""

_QUICK_CONFIGS = (Config(1, uses_mps=False), Config(2, uses_mps=True))


def units(setting: Setting) -> list[Unit]:
    """List what is measured: both plain loops, preparation, a trial's parts, every search."""
    about = {"images": setting.images, "epochs": setting.n_epochs, "batch": setting.batch_size}
    plain_s = setting.seconds if setting.quick else _PLAIN_WINDOW
    window = {**about, "window": setting.window}
    return [
        *(
            Unit(
                name,
                {**about, "seconds": plain_s},
                60 + plain_s,
                partial(measure_plain, setting, uses_bfloat16, plain_s),
            )
            for name, uses_bfloat16 in PLAIN.items()
        ),
        Unit(PREPARATION, about, 90, partial(measure_preparation, setting)),
        Unit(PARTS, about, 60, partial(measure_parts, setting)),
        *(
            Unit(
                config.name,
                window,
                45 + setting.window,
                partial(measure_search, setting, config),
            )
            for config in (_QUICK_CONFIGS if setting.quick else CONFIGS)
        ),
    ]


# Searches.


def measure_search(setting: Setting, config: Config, unit: dict[str, Any], save: Save) -> None:
    """Search for a window of time."""
    spec = study(setting, config.generator)
    prepared(setting, spec)  # so that the table is there
    folder = setting.scratch / config.name.replace(", ", "-").replace(" ", "-")
    shutil.rmtree(folder, ignore_errors=True)
    with sharing(uses_mps=config.uses_mps) as ran:
        began = time.perf_counter()
        run = autokd.search(
            spec,
            run_dir=folder,
            workers=config.workers,
            device=str(setting.device),
            data_dir=setting.data,
            cache_dir=setting.scratch / "cache",
            **made_up(setting),
        )
        wall_s = time.perf_counter() - began
    if run.info["interrupted"]:
        raise SystemExit(f"{config.name}: interrupted")
    unit.update({"workers": config.workers, "mps_ran": any(ran)})
    unit.update({"precision": run.info["precision"], "wall_s": rounded(wall_s)})
    unit.update(described(run.records()))
    found = steady(spans(run.records()), config.workers, window=setting.window)
    once_s = wall_s - max((end for _, end in spans(run.records())), default=0.0)
    unit.update({"once_s": rounded(once_s), **found})
    save()


def described(records: Sequence[Record]) -> dict[str, Any]:
    """Say what became of the trials, and what they were."""
    done = [record for record in records if record.outcome == "complete"]
    figures = {
        "trial_s": [(record.ended_s or 0.0) - record.began_s for record in done],
        "training_s": [record.seconds for record in done],
        "params": [record.cost["params"] for record in done],
        "macs": [record.cost["macs"] for record in done],
    }
    return {
        "outcomes": dict(Counter(record.outcome for record in records)),
        "reasons": sorted({record.reason for record in records if record.outcome == "failed"}),
        **{name: spread(values) for name, values in figures.items() if values},
    }


def spans(records: Sequence[Record]) -> list[Span]:
    """List from when to when each complete trial took, seconds of searching."""
    done = [record for record in records if record.outcome == "complete"]
    return [(record.began_s, record.ended_s or 0.0) for record in done]


def steady(found: Sequence[Span], n_workers: int, *, window: float) -> dict[str, Any]:
    """Work out the rate at which trials went by while all workers were busy."""
    ends = sorted(end for _, end in found)
    # The first trial of each worker waits for its start; past the window workers run empty.
    if len(ends) < n_workers or ends[n_workers - 1] >= window:
        return {"too_short": f"{len(ends)} trials were complete, window {window:g} s"}
    first = ends[n_workers - 1]
    edges = [first + third * (window - first) / 3 for third in range(4)]
    return {
        "first_s": rounded(first),
        "n_steady": rounded(n_within(found, first, window)),
        "trials_per_hour": rounded(3600 * n_within(found, first, window) / (window - first)),
        "by_thirds": spread(
            [3600 * n_within(found, low, high) / (high - low) for low, high in pairwise(edges)]
        ),
    }


def n_within(found: Sequence[Span], low: float, high: float) -> float:
    """Count trials within a time, those that lie partly in it by that part."""
    return sum(max(min(end, high) - max(begin, low), 0.0) / (end - begin) for begin, end in found)


def rate_of_a_whole_search(unit: Mapping[str, Any], table_s: float) -> float:
    """Work out the trials per hour of a search of 40 trials from an empty cache."""
    later_s = (N_TRIALS - unit["workers"]) * 3600 / unit["trials_per_hour"]
    return rounded(3600 * N_TRIALS / (table_s + unit["once_s"] + unit["first_s"] + later_s))


@contextmanager
def sharing(*, uses_mps: bool) -> Iterator[list[bool]]:
    """Let workers share the device through MPS, or never; notes whether it ran."""
    if "CUDA_MPS_PIPE_DIRECTORY" in os.environ:
        raise SystemExit("a daemon of MPS runs already: searches without it cannot be measured")
    real, ran = mps.served, []

    @contextmanager
    def served(device: torch.device) -> Iterator[Mapping[str, str]]:
        none: AbstractContextManager[Mapping[str, str]] = nullcontext({})
        with real(device) if uses_mps else none as variables:
            ran.append(bool(variables))
            yield variables

    with mock.patch.object(mps, "served", served):
        yield ran


# What happens once, and the parts of a trial.


def measure_preparation(setting: Setting, unit: dict[str, Any], save: Save) -> None:
    """Time the preparation from an empty cache, and from a full one."""
    spec, folder = study(setting), setting.scratch / "cold"
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("empty_cache_s", "full_cache_s"):
        began = time.perf_counter()
        prepared(setting, spec, cache=folder.name)
        synchronise(setting.device)
        unit[name] = rounded(time.perf_counter() - began)
    save()


def measure_parts(setting: Setting, unit: dict[str, Any], save: Save) -> None:
    """Time one trial's parts one after another, in this process, several times over."""
    ready = prepared(setting, study(setting))
    trials = [trial_parts(ready, setting, seed) for seed in range(setting.repeats + 1)]
    later = trials[1:]  # the first one warms up
    unit["seconds"] = {name: spread([trial[name] for trial in later]) for name in later[0]}
    save()


def trial_parts(ready: PreparedStudy, setting: Setting, seed: int) -> dict[str, float]:
    """Take one trial apart."""
    clock = Clock(setting.device)
    point = {**_POINT, "architecture.params_budget": _QUICK_PARAMS if setting.quick else _PARAMS}
    (graph,) = draw_family(ready.spec, point, seed=seed, shape=ready.shape)
    clock.lap("draw")
    mean, std = ready.dataset.mean, ready.dataset.std
    student = build(graph, ready.shape, mean=mean, std=std, seed=seed).to(ready.device)
    clock.lap("build")
    rungs = ready.spec.fidelity.ladder.rungs
    recipe = make_recipe(ready, student, point, seed=seed, n_epochs=rungs[-1])
    climbing = climb(
        student,
        recipe.source,
        loss=recipe.loss,
        training=ready.spec.training,
        rungs=rungs,
        seed=seed,
        precision=ready.precision,
        on_epoch=lambda epochs: clock.lap("first epoch" if epochs == 1 else "later epochs"),
    )
    with closing(climbing):
        next(climbing)
        clock.lap("check weights")
        logits = predict(student, ready.dataset.validation.images)
        clock.lap("predict")
        score(logits, ready.dataset.validation.labels, ready.outputs.validation)
        clock.lap("score")
        save_weights(student, setting.scratch / "weights.safetensors")
        clock.lap("write weights")
    clock.lap("close")
    return clock.seconds


class Clock:
    """Adds up seconds by name.

    Args:
        device: Waited for at every look.
    """

    def __init__(self, device: torch.device) -> None:
        self.seconds: dict[str, float] = {}
        self._device = device
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Count the seconds since the last look to a name."""
        synchronise(self._device)
        now = time.perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._last
        self._last = now


def summary(found: Mapping[str, Any]) -> dict[str, Any]:
    """Give the rates of all searches and of the plain loop, and both claims."""
    plain = {name: unit["trials_per_hour"] for name, unit in found.items() if name in PLAIN}
    searches = {name: unit for name, unit in found.items() if "outcomes" in unit}
    return {
        "plain_trials_per_hour": plain,
        "searches": {
            name: of_search(unit, plain=max(plain.values(), default=None), once=_once(found, name))
            for name, unit in searches.items()
        },
        "aim": {"trials_per_hour": RATE_AIM, "ratio": RATIO_AIM},
        PREPARATION: _part(found, PREPARATION, ("empty_cache_s", "full_cache_s")),
        PARTS: _part(found, PARTS, ("seconds",)),
    }


def of_search(
    unit: Mapping[str, Any], *, plain: float | None, once: float | None
) -> dict[str, Any]:
    """Summarise one search.

    Args:
        unit: The search.
        plain: Trials per hour of the faster plain loop, if measured.
        once: Seconds that the teacher's table takes, if measured for these students.
    """
    names = ("too_short", "trials_per_hour", "by_thirds", "n_steady", "mps_ran", "outcomes")
    result = _part({"unit": unit}, "unit", (*names, "trial_s", "training_s", "params", "macs"))
    if "trials_per_hour" not in unit:
        return result
    if once is not None:
        result["trials_per_hour_of_40"] = rate_of_a_whole_search(unit, once)
    if plain is not None:
        result["ratio"] = rounded(unit["trials_per_hour"] / plain)
    return result


def _once(found: Mapping[str, Any], name: str) -> float | None:
    if PREPARATION not in found or "wired" in name:
        return None
    unit = found[PREPARATION]
    return float(unit["empty_cache_s"] - unit["full_cache_s"])


def _part(found: Mapping[str, Any], name: str, keys: Sequence[str]) -> dict[str, Any]:
    unit = found.get(name, {})
    return {key: unit[key] for key in keys if key in unit}
