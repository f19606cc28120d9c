"""A run as a search leaves it, made by hand: two students on the front and others that are not."""

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from autokd.constraints import Constraints
from autokd.data import Dataset, load_dataset
from autokd.distill import (
    PreparedStudy,
    TrainingSource,
    predict,
    prepare,
    score,
    train,
)
from autokd.distill.losses.none import none
from autokd.export.origin import Members, RetrainFiles, retrain_files
from autokd.export.retrained import Retrained, SeedResult
from autokd.graphs import GENERATORS, ArchGraph, count_params
from autokd.parameters import Value
from autokd.runs import Ledger, Record, Run, RunFolder, RungResult, load_run
from autokd.seeds import derive_seed
from autokd.students import Student, build, save_weights
from autokd.study import StudySpec, read_study

SMALL, LARGE, BEHIND, STOPPED, INFEASIBLE, FAILED = range(6)


def study_mapping() -> dict[str, Any]:
    return {
        "title": "Digits | with a *strange* title",
        "search_space": {
            "title": "Flat graphs",
            "generator": "flat",
            "architecture": {
                "params_budget": {"type": "float", "low": 900.0, "high": 2e4, "log": True},
                "nodes": {"type": "fixed", "value": 4},
            },
            "kd": {
                "method": {"type": "fixed", "value": "kd"},
                "temperature": {"type": "float", "low": 1.0, "high": 20.0, "log": True},
            },
        },
        "data": {"source": "digits", "train_limit": 500},
        "teacher": {"source": "module"},
        "training": {"batch_size": 50},
        "fidelity": {"min_epochs": 1, "max_epochs": 2, "eta": 2},
        "objectives": [
            {"metric": "top1", "direction": "maximize", "reference": 0.2},
            {"metric": "params", "direction": "minimize", "reference": 1e6},
        ],
        "budget": {"trials": 6},
    }


def _info(folder: RunFolder, prepared: PreparedStudy) -> dict[str, Any]:
    dataset = prepared.dataset
    return {
        "storage": folder.database,
        "study_name": "digits",
        "teacher": prepared.facts.as_dict(),
        "data": {
            **asdict(dataset.shape),
            "class_names": dataset.class_names,
            "mean": dataset.mean,
            "std": dataset.std,
            "digest": dataset.digest,
            "n_train": len(dataset.train),
            "n_validation": len(dataset.validation),
            "n_test": len(dataset.test),
        },
        "data_dir": None,
        "device": "cpu",
        "versions": {"autokd": "0.1.0", "torch": "2"},
        "started": "2026-01-01T00:00:00+00:00",
        "ended": "2026-01-01T00:01:00+00:00",
    }


def _draw(budget: float, dataset: Dataset) -> ArchGraph:
    parameters: dict[str, Value] = {"params_budget": budget, "nodes": 4}
    return GENERATORS["flat"].draw(parameters, seed=0, shape=dataset.shape)


def _trained(graph: ArchGraph, dataset: Dataset, spec: StudySpec) -> Student:
    student = build(graph, dataset.shape, mean=dataset.mean, std=dataset.std, seed=0)
    source = TrainingSource(dataset.train, spec.views)
    train(
        student,
        source,
        loss=none,
        training=spec.training,
        rungs=(8,),
        seed=0,
        at_rung=lambda _: False,
    )
    return student


def _metrics(student: Student, dataset: Dataset) -> dict[str, float]:
    validation = dataset.validation
    return score(predict(student, validation.images), validation.labels)


class HandMade:
    """Writes trials as the search does."""

    def __init__(self, folder: RunFolder, prepared: PreparedStudy) -> None:
        self.folder, self.spec, self.dataset = folder, prepared.spec, prepared.dataset
        spec = prepared.spec
        folder.create(spec, definitions={})
        folder.write_info(_info(folder, prepared))
        self.ledger = Ledger(folder.database, "digits", objectives=spec.objectives)

    def begin(self, slot: int, graph: ArchGraph) -> Record:
        params = float(count_params(graph, self.dataset.shape))
        point: dict[str, Value] = {
            "architecture.params_budget": params,
            "architecture.nodes": 4,
            "kd.method": "kd",
            "kd.temperature": 4.0,
            "kd.soft_weight": 0.9,
        }
        record = Record(slot, 0, derive_seed(0, "slot", slot), point, cost={"params": params})
        self.folder.write_graphs(slot, [graph])
        self.ledger.begin(record, params={}, distributions={})
        return record

    def complete(self, slot: int, graph: ArchGraph, *, top1: float | None = None) -> None:
        record = self.begin(slot, graph)
        if top1 is None:
            student = _trained(graph, self.dataset, self.spec)
            save_weights(student, self.folder.weights(slot))
            metrics = _metrics(student, self.dataset)
        else:
            metrics = {"top1": top1}
        rung = RungResult(2, {**metrics, **record.cost}, {}, 1.0, False, "top")
        closed = record.with_rung(rung).ended("complete", at_s=float(slot))
        self.ledger.finish(closed, values=[metrics["top1"], record.cost["params"]])

    def stop(self, slot: int, graph: ArchGraph) -> None:
        record = self.begin(slot, graph)
        rung = RungResult(1, {"top1": 0.3, **record.cost}, {}, 1.0, False, "place 5 of 5")
        self.ledger.finish(record.with_rung(rung).ended("stopped", at_s=9.0, reason="place 5"))

    def lose(self, slot: int, graph: ArchGraph, outcome: Any, reason: str) -> None:
        record = self.begin(slot, graph)
        self.ledger.finish(record.ended(outcome, at_s=9.0, reason=reason))


def write_retraining(run: Run, slot: int, members: Members) -> RetrainFiles:
    """Write a retraining's result, without its weights."""
    files = retrain_files(run.folder, slot, members=members)
    files.result.parent.mkdir(exist_ok=True)
    seed = SeedResult(7, "d", 100, 1.0, {"top1": 0.6}, {"top1": 0.5})
    Retrained(
        slot=slot,
        members=members,
        epochs=6,
        first_view=2,
        device="cuda:0",
        precision="float32",
        seeds=(seed,),
        median=0,
        graph=run.graph(LARGE),
    ).write(files.result)
    return files


@pytest.fixture(scope="session")
def spec() -> StudySpec:
    return read_study(study_mapping(), source="test")


class Teacher(nn.Module):
    """A linear teacher, better than chance without any training: it knows the class means."""

    def __init__(self, dataset: Dataset) -> None:
        super().__init__()
        images, labels = dataset.train.images.flatten(1) / 255, dataset.train.labels
        means = torch.stack([images[labels == label].mean(0) for label in range(10)])
        self.weight = nn.Parameter(means)

    def forward(self, images: Tensor) -> Tensor:
        return -torch.cdist(images.flatten(1), self.weight).square()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, spec: StudySpec) -> PreparedStudy:
    """Prepare the study, with four views more than its search needs."""
    teacher = Teacher(load_dataset(spec.data))
    cache = tmp_path_factory.mktemp("cache")
    return prepare(spec, device="cpu", cache_dir=cache, teacher=teacher, n_views=6)


@pytest.fixture(scope="session")
def dataset(prepared: PreparedStudy) -> Dataset:
    return prepared.dataset


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, prepared: PreparedStudy) -> Path:
    """Write the run once; tests that change it take `run`, a copy."""
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "digits")
    made = HandMade(folder, prepared)
    small, large = _draw(1500.0, prepared.dataset), _draw(9000.0, prepared.dataset)
    made.complete(SMALL, small)
    made.complete(LARGE, large)
    made.complete(BEHIND, large, top1=0.01)
    made.stop(STOPPED, small)
    made.lose(INFEASIBLE, small, "infeasible", "StudentTooSmall: too small")
    made.lose(FAILED, small, "failed", "Diverged: a weight is not finite")
    made.ledger.note("tests", {str(SMALL): {"top1": 0.5}, str(LARGE): {"top1": 0.75}})
    made.ledger.close()
    return folder.path


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Run:
    """Copy the run: its files may be damaged, its ledger is the original's."""
    return load_run(shutil.copytree(finished, tmp_path / "runs" / "digits"))


@pytest.fixture
def bounded(run: Run) -> Callable[[float], Run]:
    """Read the run as one of a study with such a ``min_top1``."""

    def read(min_top1: float) -> Run:
        constraints = Constraints(min_top1=min_top1)
        spec = run.spec.model_copy(update={"constraints": constraints})
        (run.folder / "study.json").write_text(spec.model_dump_json())
        return load_run(run.folder)

    return read


@pytest.fixture
def empty_run(tmp_path: Path, prepared: PreparedStudy) -> Run:
    folder = RunFolder(tmp_path / "empty")
    made = HandMade(folder, prepared)
    made.stop(0, _draw(1500.0, prepared.dataset))
    made.ledger.close()
    return load_run(folder.path)
