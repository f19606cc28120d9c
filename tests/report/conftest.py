"""A run that never happened, told through the same records and tables as a real one."""

import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autokd.errors import InfeasibleError
from autokd.graphs import GENERATORS, ArchGraph, InputShape, cost
from autokd.parameters import Value
from autokd.pareto import Axis
from autokd.report.gathered import Gathered, gather
from autokd.runs.findings import Findings
from autokd.runs.record import Record, RungResult
from autokd.space import CategoricalDomain, Dimension, FixedDomain
from autokd.study import StudySpec, read_study

SHAPE = InputShape(1, 8, 10)
TOP1 = {"metric": "top1", "direction": "maximize", "reference": 0.2}
PARAMS = {"metric": "params", "direction": "minimize", "reference": 2e5}
MACS = {"metric": "macs", "direction": "minimize", "reference": 1e9}
PEAK = {"metric": "peak_bytes", "direction": "minimize", "reference": 1e7}
LATENCY = {"metric": "latency_s", "direction": "minimize", "reference": 1.0}
ECE = {"metric": "ece", "direction": "minimize", "reference": 0.5}
KL = {"metric": "kl", "direction": "minimize", "reference": 2.0}

STUDY: dict[str, Any] = {
    "title": "Digits: small students of a resnet20",
    "search_space": {
        "title": "Small hierarchical random graphs",
        "generator": "hierarchical",
        "architecture": {
            "params_budget": {"type": "float", "low": 1e3, "high": 1e5, "log": True},
            "op": {"type": "categorical", "choices": ["conv3x3", "sepconv3x3"]},
            "top_nodes": {"type": "int", "low": 3, "high": 5},
            "top_neighbours": {"type": "int", "low": 2, "high": 4},
            "top_rewiring": {"type": "float", "low": 0.1, "high": 0.9},
            "middle_nodes": {"type": "int", "low": 1, "high": 2},
            "bottom_nodes": {"type": "int", "low": 3, "high": 4},
            "bottom_neighbours": {"type": "fixed", "value": 2},
            "bottom_rewiring": {"type": "float", "low": 0.1, "high": 0.9},
        },
        "kd": {
            "method": {"type": "categorical", "choices": ["none", "kd"]},
            "temperature": {"type": "float", "low": 1.0, "high": 20.0, "log": True},
            "soft_weight": {"type": "float", "low": 0.0, "high": 1.0},
        },
    },
    "data": {"source": "digits"},
    "teacher": {"source": "zoo", "model": "resnet20"},
    "training": {},
    "fidelity": {"min_epochs": 3, "max_epochs": 27, "eta": 3},
    "objectives": [TOP1, PARAMS],
    "budget": {"trials": 60},
}


@dataclass
class FakeRun:
    """What the report asks of a run, answered by the findings from its records.

    Importance is as it was given, since to find it takes seconds, and graphs are not in files.
    """

    folder: Path
    spec: StudySpec
    records: list[Record]
    students: Mapping[int, ArchGraph]
    tests: Mapping[int, float]
    teacher: Mapping[str, Any] = field(
        default_factory=lambda: {
            "name": "resnet20",
            "params": 272_186,
            "top1": 0.9789,
            "test_top1": 0.9806,
            "saw_validation": False,
            "digest": "0f",
        }
    )
    info: Mapping[str, Any] = field(
        default_factory=lambda: {
            "device": "cpu",
            "versions": {"python": "3.11.9", "torch": "2.8.0"},
            "hardware": {"cpu": "2 cores"},
            "storage": "postgresql://user:secret@host/db",
            "n_workers": 2,
        }
    )
    shares: Mapping[str, float] = field(
        default_factory=lambda: {
            "architecture.params_budget": 0.61,
            "architecture.op": 0.14,
            "kd.temperature": 0.1,
            "kd.soft_weight": 0.08,
            "architecture.top_nodes": 0.07,
        }
    )

    @cached_property
    def found(self) -> Findings:
        tests = {str(slot): {"top1": top1} for slot, top1 in self.tests.items()}
        info = {**self.info, "teacher": self.teacher}
        return Findings(self.folder, spec=self.spec, info=info, records=self.records, tests=tests)

    @property
    def axes(self) -> tuple[Axis, ...]:
        return self.found.axes

    @property
    def first_metric(self) -> str:
        return self.found.first_metric

    @property
    def size_metric(self) -> str:
        return self.found.size_metric

    def trials(self) -> pd.DataFrame:
        return self.found.trials()

    def front(self) -> pd.DataFrame:
        return self.found.front()

    def below(self) -> pd.DataFrame:
        return self.found.below()

    def curves(self) -> pd.DataFrame:
        return self.found.curves()

    def hypervolume(self) -> pd.DataFrame:
        return self.found.hypervolume()

    def importance(self) -> Mapping[str, float]:
        return self.shares

    def rung_correlation(self) -> pd.DataFrame:
        return self.found.rung_correlation()

    def recall_changes(self) -> pd.DataFrame:
        return self.found.recall_changes()

    def graph(self, slot: int, /) -> ArchGraph:
        return self.students[slot]


MakeRun = Callable[..., FakeRun]


def make(
    name: str = "digits-1", *, n_trials: int = 60, seed: int = 0, gain: float = 0.0, **changes: Any
) -> FakeRun:
    """Make up a run: top1 grows with size, and half of the trials reach the top rung.

    Args:
        name: Name of the run's folder.
        n_trials: Trials.
        seed: Seed of everything.
        gain: Added to every top1.
        changes: Replaced parts of the study.
    """
    spec = read_study({**STUDY, **changes}, source="studies/fake.toml")
    rng = np.random.default_rng(seed)
    records, students = [], {}
    for slot in range(n_trials):
        point = draw_point(spec.search_space.dimensions(), rng)
        try:
            students[slot] = draw_graph(spec, point, slot + 1000 * seed)
        except InfeasibleError as error:
            records.append(
                Record(slot, 0, slot, point, "infeasible", reason=str(error), ended_s=4.0 * slot)
            )
            continue
        records.append(make_record(spec, slot, point, students[slot], rng, gain=gain))
    tests = {
        r.slot: r.metrics["top1"] - float(rng.normal(0.006, 0.006))
        for r in records
        if r.outcome == "complete"
    }
    return FakeRun(Path("runs") / name, spec, records, students, tests)


def draw_point(dimensions: Sequence[Dimension], rng: np.random.Generator) -> dict[str, Value]:
    point: dict[str, Value] = {}
    for dimension in dimensions:
        if dimension.methods is None or point["kd.method"] in dimension.methods:
            point[dimension.name] = draw_value(dimension.domain, rng)
    return point


def draw_value(domain: Any, rng: np.random.Generator) -> Value:
    if isinstance(domain, FixedDomain):
        return domain.value
    if isinstance(domain, CategoricalDomain):
        return domain.choices[int(rng.integers(len(domain.choices)))]
    if domain.type == "int":
        return int(rng.integers(domain.low, domain.high + 1))
    if domain.log:
        return float(np.exp(rng.uniform(np.log(domain.low), np.log(domain.high))))
    return float(rng.uniform(domain.low, domain.high))


def draw_graph(spec: StudySpec, point: Mapping[str, Value], seed: int) -> ArchGraph:
    parameters = tuple(
        (name.removeprefix("architecture."), value)
        for name, value in point.items()
        if name.startswith("architecture.")
    )
    return drawn(spec.search_space.generator, parameters, seed)


@cache
def drawn(generator: str, parameters: tuple[tuple[str, Value], ...], seed: int) -> ArchGraph:
    """Most runs of a session share their students, and drawing them takes most of the time."""
    return GENERATORS[generator].draw(dict(parameters), seed=seed, shape=SHAPE)


def make_record(
    spec: StudySpec,
    slot: int,
    point: dict[str, Value],
    graph: ArchGraph,
    rng: np.random.Generator,
    *,
    gain: float,
) -> Record:
    measured = cost(graph, SHAPE)
    costs = {
        "params": float(measured.params),
        "macs": float(measured.macs),
        "peak_bytes": float(measured.peak_bytes),
        **({"latency_s": 1e-9 * measured.macs} if spec.needs_latency else {}),
    }
    common: dict[str, Any] = {
        "slot": slot,
        "attempt": 0,
        "seed": slot,
        "point": point,
        "cost": costs,
        "began_s": 4.0 * slot,
    }
    if slot % 29 == 17:
        return Record(
            outcome="failed",
            reason="Diverged: the loss is not finite",
            ended_s=4.0 * slot + 3,
            **common,
        )
    final = (
        0.992
        - 0.45 * (measured.params / 700) ** -0.95
        + gain
        - abs(float(rng.normal(0, 0.02)))
        - (0.02 if point["architecture.op"] == "sepconv3x3" else 0)
    )
    rungs = []
    for rung in spec.fidelity.ladder.rungs:
        top1 = float(np.clip(final - 0.3 / rung**1.3 + rng.normal(0, 0.004), 0.1, 1))
        metrics = {
            "top1": round(top1, 4),
            "ece": round(0.02 + 0.5 * (1 - top1), 4),
            "nll": 0.1,
            "agreement": round(min(top1 + 0.004, 1), 4),
            "kl": round(1.2 * (1 - top1), 4),
            "cev": 0.4,
            "sde": 0.3,
            **costs,
        }
        spread = {"top1": 0.004} if spec.family_size > 1 else {}
        goes_on = rung < spec.fidelity.max_epochs and float(rng.uniform()) < 0.72
        result = RungResult(rung, metrics, spread, seconds=rung * 0.2, goes_on=goes_on)
        if rung == spec.fidelity.max_epochs:
            changes = top1 - 0.98 + np.random.default_rng(slot).normal(0, 0.02, SHAPE.num_classes)
            result = replace(result, recall_changes=tuple(np.round(changes, 4).tolist()))
        rungs.append(result)
        if not goes_on:
            break
    is_complete = rungs[-1].epochs == spec.fidelity.max_epochs
    return Record(
        outcome="complete" if is_complete else "stopped",
        rungs=tuple(rungs),
        reason="" if is_complete else "stopped by the race",
        ended_s=4.0 * slot + rungs[-1].epochs * 0.4,
        **common,
    )


def refused(run: FakeRun) -> FakeRun:
    """Tell of a run of the same points that found no feasible student."""
    records = [
        Record(r.slot, 0, r.slot, r.point, "infeasible", reason="StudentTooSmall", ended_s=1.0)
        for r in run.records
    ]
    return replace(run, records=records, tests={})


def broken_off(run: FakeRun) -> FakeRun:
    """Tell of a run that was interrupted in its first trial."""
    first = Record(0, 0, 0, run.records[0].point).ended("interrupted", at_s=1.0)
    return replace(run, records=[first], tests={})


def with_chains(run: FakeRun, slots: Collection[int]) -> FakeRun:
    """Tell of a run some of whose trials were baselines."""
    origin = "chain baseline of 3,000 params"
    records = [
        replace(r, origin=origin, point={"generator": "chain", **r.point})
        if r.slot in slots
        else r
        for r in run.records
    ]
    return replace(run, records=records)


def without(run: FakeRun, *metrics: str) -> FakeRun:
    """Tell of a run of an earlier version, which did not measure some metrics."""

    def kept(found: Mapping[str, float]) -> dict[str, float]:
        return {name: value for name, value in found.items() if name not in metrics}

    records = [
        replace(
            r,
            cost=kept(r.cost),
            rungs=tuple(replace(rung, metrics=kept(rung.metrics)) for rung in r.rungs),
        )
        for r in run.records
    ]
    return replace(run, records=records)


@pytest.fixture(scope="session")
def make_run() -> MakeRun:
    return make


@pytest.fixture(scope="session")
def run() -> FakeRun:
    return make()


@pytest.fixture(scope="session")
def gathered(run: FakeRun) -> Gathered:
    return gather([run])[0]


@pytest.fixture(scope="session")
def long(gathered: Gathered) -> Gathered:
    """The run again, with a front three times as long."""
    front = pd.concat([gathered.front] * 3, ignore_index=True)
    slots = range(len(front))
    graphs = {
        slot: gathered.graphs[int(old)] for slot, old in zip(slots, front["trial"], strict=True)
    }
    return replace(gathered, front=front.assign(trial=slots), graphs=graphs, knee=4)


@pytest.fixture(scope="session")
def browser() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        found = shutil.which(name)
        if found:
            return found
    pytest.skip("needs a browser: chromium or google-chrome on PATH")
