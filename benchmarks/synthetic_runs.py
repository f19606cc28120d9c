"""Run folders that no search has written: as many trials as wanted, invented but plausible.

    python benchmarks/synthetic_runs.py FOLDER [--trials 10000] [--seed 0]

For measurements of what reads a run. The study is `cifar10` with three objectives (top1, params,
macs): NAGO's hierarchical space and rungs at 30, 60 and 120 epochs. Half of the points are drawn
evenly, half near one that did well, as a sampler with a model would. top1 grows with params and
epochs, shifted by the parameters and by chance. At each rung the better half for its size goes on.
One trial in a hundred diverges, one in two hundred is infeasible. Only the front has its graphs,
drawn for real: nobody reads those of other trials.

The trials are written in bulk, straight into the tables that Optuna has made: one by one through
the ledger they would take the better part of an hour.
"""

import argparse
import datetime
import json
import math
from bisect import bisect, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.storages._rdb import models
from optuna.trial import TrialState
from sqlalchemy import Connection, create_engine, insert

import autokd
from autokd.graphs import InputShape
from autokd.parameters import Value
from autokd.runs import Ledger, Outcome, Record, RunFolder, RungResult, load_run, quiet_optuna
from autokd.runs.importance import optuna_distribution
from autokd.search.family import draw_family, slot_seed
from autokd.space import CategoricalDomain, Domain, FixedDomain, FloatDomain, IntDomain
from autokd.study import Objective, StudySpec

SHAPE = InputShape(3, 32, 10)
BEGAN = datetime.datetime(2026, 1, 1)
SECONDS_PER_EPOCH = 0.5
TEACHER_TOP1 = 0.942
EXPLORED = 0.5
"""Share of the points that are drawn evenly."""

STATES: dict[Outcome, TrialState] = {
    "complete": TrialState.COMPLETE,
    "stopped": TrialState.PRUNED,
    "infeasible": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


def main() -> None:
    """Write the run that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    make_run(options.folder, n_trials=options.trials, seed=options.seed)
    print(load_run(options.folder).trials()["state"].value_counts().to_string())


def make_run(path: Path, *, n_trials: int, seed: int = 0) -> RunFolder:
    """Write a run folder.

    Args:
        path: The folder; it must not exist.
        n_trials: Trials, >= 1.
        seed: Seed of everything.

    Returns:
        The folder.
    """
    quiet_optuna()
    spec = three_objectives()
    folder = RunFolder(path)
    folder.create(spec, definitions={})
    folder.write_info(describe(folder))
    Ledger(folder.database, path.name, objectives=spec.objectives)
    write_trials(folder, spec, Race(spec, seed=seed).records(n_trials))
    finish(folder, spec)
    return folder


def three_objectives() -> StudySpec:
    """Make the study."""
    spec = autokd.load_study("cifar10")
    macs = Objective(metric="macs", direction="minimize", reference=5e9)
    return spec.model_copy(update={"objectives": (*spec.objectives, macs)})


def describe(folder: RunFolder) -> dict[str, Any]:
    """Say in ``run.json`` what a search says there."""
    return {
        "storage": folder.database,
        "study_name": folder.path.name,
        "teacher": {
            "name": "resnet56",
            "params": 855_770,
            "top1": TEACHER_TOP1,
            "test_top1": 0.9385,
            "saw_validation": False,
            "digest": "0" * 64,
        },
        "device": "cpu",
        "hardware": "invented",
        "versions": {name: version(name) for name in ("optuna", "numpy", "networkx")},
        "started": BEGAN.isoformat(),
        "ended": BEGAN.isoformat(),
        "interrupted": False,
    }


class Race:
    """Invents one record after the other.

    Args:
        spec: The study.
        seed: Seed of everything.
    """

    def __init__(self, spec: StudySpec, *, seed: int) -> None:
        self.spec = spec
        self.rng = np.random.default_rng(seed)
        self.dimensions = spec.search_space.dimensions()
        self.leads: dict[int, list[float]] = {rung: [] for rung in spec.fidelity.ladder.rungs}
        self.good: list[dict[str, Value]] = []
        self.elapsed_s = 0.0

    def records(self, n_trials: int) -> Iterator[Record]:
        """Invent so many."""
        for slot in range(n_trials):
            yield self._record(slot)

    def _record(self, slot: int) -> Record:
        point = self._point()
        seed = slot_seed(self.spec.seed, slot)
        record = Record(slot, 0, seed, point, began_s=round(self.elapsed_s, 3))
        luck = self.rng.uniform()
        if luck < 0.005:
            reason = "StudentTooSmall: 100,000 params leave no width of 1 for 412 nodes"
            return record.ended("infeasible", at_s=record.began_s, reason=reason)
        record = record.costing(self._cost(point), graphs=[self.rng.bytes(32).hex()])
        return self._train(record, is_lost=luck > 0.99)

    def _train(self, record: Record, *, is_lost: bool) -> Record:
        lead = self._lead(record.point)
        for rung in self.spec.fidelity.ladder.rungs:
            result = self._rung(record, rung, lead)
            self.elapsed_s += result.seconds
            if is_lost:
                reason = "DivergedError: the loss is not finite in epoch 3"
                return record.ended("failed", at_s=round(self.elapsed_s, 3), reason=reason)
            record = record.with_rung(result)
            if not result.goes_on:
                break
        at_s = round(self.elapsed_s, 3)
        if record.epochs < self.spec.fidelity.max_epochs:
            return record.ended("stopped", at_s=at_s, reason=record.rungs[-1].verdict)
        self.good.append(record.point)
        return record.ended("complete", at_s=at_s)

    def _rung(self, record: Record, rung: int, lead: float) -> RungResult:
        """Score at a rung: what the size promises, the lead of the point, and chance."""
        shown = lead + float(self.rng.normal(0, 0.004))
        promised = 0.945 - 0.13 * (record.cost["params"] / 1e5) ** -0.6 - 0.6 / rung
        top1 = round(min(max(promised + shown, 0.1), 0.999) * 5_000) / 5_000
        goes_on, verdict = self._judge(rung, shown)
        metrics = {
            "top1": top1,
            "ece": round(0.03 + 0.02 * float(self.rng.uniform()), 6),
            "nll": round(1.2 * (1 - top1) + 0.1, 6),
            "agreement": round(min(top1 + 0.01, 1.0), 6),
            "kl": round(1.1 * (1 - top1) + 0.05, 6),
            "cev": round(float(self.rng.exponential(0.3)), 6),
            "sde": round(float(self.rng.exponential(0.5)), 6),
            **record.cost,
        }
        seconds = round(SECONDS_PER_EPOCH * rung * float(self.rng.uniform(0.8, 1.2)), 3)
        result = RungResult(rung, metrics, {}, seconds, goes_on, verdict)
        if rung < self.spec.fidelity.max_epochs:
            return result
        changes = self.rng.normal(top1 - TEACHER_TOP1, 0.02, SHAPE.num_classes)
        return replace(result, recall_changes=tuple(np.round(changes, 4).tolist()))

    def _judge(self, rung: int, shown: float) -> tuple[bool, str]:
        if rung == self.spec.fidelity.max_epochs:
            return False, "reached the top rung"
        earlier = self.leads[rung]
        place, n = len(earlier) - bisect(earlier, shown) + 1, len(earlier) + 1
        insort(earlier, shown)
        n_promoted = (n + 1) // 2
        rank = place // 50
        reason = f"place {place} of {n} (Pareto rank {rank}), the first {n_promoted} go on"
        return place <= n_promoted, reason

    def _lead(self, point: Mapping[str, Value]) -> float:
        """How much better than its size promises a point is: some parameters matter."""
        heat = abs(math.log(float(point["kd.temperature"]) / 4.0))
        wiring = abs(float(point["architecture.top_rewiring"]) - 0.6)
        weight = abs(float(point["kd.soft_weight"]) - 0.7)
        return float(-0.01 * heat - 0.04 * wiring - 0.02 * weight + self.rng.normal(0, 0.006))

    def _cost(self, point: Mapping[str, Value]) -> dict[str, float]:
        params = float(point["architecture.params_budget"]) * self.rng.uniform(0.97, 1.03)
        dense = 0.9 + 0.25 * float(point["architecture.top_rewiring"])
        macs = 160 * dense * params * math.exp(self.rng.normal(0, 0.15))
        return {
            "params": float(round(params)),
            "macs": float(round(macs)),
            "peak_bytes": float(round(40 * params**0.8)),
        }

    def _point(self) -> dict[str, Value]:
        near: Mapping[str, Value] = {}
        if self.good and self.rng.uniform() > EXPLORED:
            recent = self.good[-500:]
            near = recent[int(self.rng.integers(len(recent)))]
        return {d.name: self._draw(d.domain, near.get(d.name)) for d in self.dimensions}

    def _draw(self, domain: Domain, near: Value | None) -> Value:
        match domain:
            case FixedDomain(value=value):
                return value
            case CategoricalDomain(choices=choices):
                return choices[int(self.rng.integers(len(choices)))] if near is None else near
            case FloatDomain():
                return self._draw_float(domain, None if near is None else float(near))
            case IntDomain():
                if near is not None and self.rng.uniform() < 0.8:
                    return near
                return int(self.rng.integers(domain.low, domain.high + 1))

    def _draw_float(self, domain: FloatDomain, near: float | None) -> float:
        turn, back = (math.log, math.exp) if domain.log else (float, float)
        low, high = turn(domain.low), turn(domain.high)
        if near is None:
            drawn = float(self.rng.uniform(low, high))
        else:
            drawn = float(self.rng.normal(turn(near), 0.1 * (high - low)))
        return min(max(back(min(max(drawn, low), high)), domain.low), domain.high)


def write_trials(folder: RunFolder, spec: StudySpec, records: Iterable[Record]) -> None:
    """Write records of ended trials in bulk, into a study that has none."""
    distributions = {
        d.name: distribution
        for d in spec.search_space.dimensions()
        if (distribution := optuna_distribution(d.domain)) is not None
    }
    engine = create_engine(folder.database)
    with engine.begin() as connection:
        for number, record in enumerate(records):
            rows = trial_rows(record, spec, number=number, distributions=distributions)
            _insert(connection, rows)
    engine.dispose()


def trial_rows(
    record: Record,
    spec: StudySpec,
    *,
    number: int,
    distributions: Mapping[str, BaseDistribution],
) -> dict[Any, list[dict[str, Any]]]:
    """List what Optuna's tables hold of a trial, in the only study of a storage."""
    trial = {"trial_id": number + 1}
    rows: dict[Any, list[dict[str, Any]]] = {
        models.TrialModel: [
            {
                **trial,
                "number": number,
                "study_id": 1,
                "state": STATES[record.outcome],
                "datetime_start": BEGAN + datetime.timedelta(seconds=record.began_s),
                "datetime_complete": BEGAN + datetime.timedelta(seconds=record.ended_s or 0.0),
            }
        ],
        models.TrialUserAttributeModel: [
            {**trial, "key": "autokd", "value_json": json.dumps(record.as_dict())}
        ],
        models.TrialParamModel: [
            {
                **trial,
                "param_name": name,
                "param_value": distributions[name].to_internal_repr(value),
                "distribution_json": distribution_to_json(distributions[name]),
            }
            for name, value in record.point.items()
            if name in distributions
        ],
    }
    if record.outcome == "complete":
        rows[models.TrialValueModel] = [
            {**trial, "objective": at, "value": record.metrics[one.metric], "value_type": "FINITE"}
            for at, one in enumerate(spec.objectives)
        ]
    if record.outcome == "infeasible":
        rows[models.TrialSystemAttributeModel] = [
            {**trial, "key": "constraints:size", "value_json": "0.25"}
        ]
    return rows


def _insert(connection: Connection, rows: Mapping[Any, Sequence[dict[str, Any]]]) -> None:
    for model, values in rows.items():
        connection.execute(insert(model.__table__), list(values))


def finish(folder: RunFolder, spec: StudySpec) -> None:
    """Do what a search does at its end: test results and graphs of the front."""
    front = load_run(folder.path).front()
    rng = np.random.default_rng(0)
    tests = {
        str(row["trial"]): {"top1": round(row["top1"] - float(rng.normal(0.004, 0.004)), 4)}
        for row in front.to_dict("records")
    }
    Ledger(folder.database, folder.path.name).note("tests", tests)
    names = [d.name for d in spec.search_space.dimensions()]
    for row in front.to_dict("records"):
        slot = int(row["trial"])
        seed = slot_seed(spec.seed, slot)
        point = {name: row[name] for name in names}
        folder.write_graphs(slot, draw_family(spec, point, seed=seed, shape=SHAPE))


if __name__ == "__main__":
    main()
