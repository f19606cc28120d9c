"""A run of two small trials on digits, and a diagnosis made by hand."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from autokd.diagnose.angles import measure_angles
from autokd.diagnose.geometry import class_separation
from autokd.diagnose.head import LinearHead
from autokd.diagnose.result import Diagnosis
from autokd.diagnose.transfer import Curve, Share, Transfer
from autokd.distill import PreparedStudy, prepare
from autokd.graphs import GENERATORS, count_params
from autokd.parameters import Value
from autokd.runs import Ledger, Record, Run, RunFolder, RungResult, load_run
from autokd.seeds import derive_seed
from autokd.study import StudySpec, read_study

TRAINED, INFEASIBLE = 0, 1

MakeSpec = Callable[..., StudySpec]


@pytest.fixture(scope="session")
def make_spec() -> MakeSpec:
    def make(**changes: Any) -> StudySpec:
        raw: dict[str, Any] = {
            "title": "Digits <i>",
            "search_space": {
                "title": "Flat graphs",
                "generator": "flat",
                "architecture": {
                    "params_budget": {"type": "float", "low": 900.0, "high": 2e4, "log": True},
                    "nodes": {"type": "fixed", "value": 3},
                },
                "kd": {"method": {"type": "fixed", "value": "kd"}},
            },
            "data": {"source": "digits", "train_limit": 200},
            "teacher": {"source": "module"},
            "training": {"batch_size": 20},
            "fidelity": {"min_epochs": 2, "max_epochs": 4, "eta": 2},
            "objectives": [
                {"metric": "top1", "direction": "maximize", "reference": 0.2},
                {"metric": "params", "direction": "minimize", "reference": 1e6},
            ],
            "budget": {"trials": 2},
        }
        return read_study({**raw, **changes}, source="test")

    return make


def make_teacher() -> nn.Module:
    """Know the class means of the digits: a linear teacher, good without any training."""
    digits = load_digits()
    images, labels = torch.tensor(digits.data).float() / 16, torch.tensor(digits.target)
    means = torch.stack([images[labels == label].mean(dim=0) for label in range(10)])
    layer = nn.Linear(64, 10)
    with torch.no_grad():
        layer.weight.copy_(2 * means)
        layer.bias.copy_(-means.square().sum(dim=1))
    return nn.Sequential(nn.Flatten(), layer).eval().requires_grad_(requires_grad=False)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def prepared(make_spec: MakeSpec, cache: Path) -> PreparedStudy:
    return prepare(make_spec(), device="cpu", cache_dir=cache, teacher=make_teacher())


def write_run(path: Path, spec: StudySpec, prepared: PreparedStudy, *, method: str = "kd") -> Run:
    """Write a run as a search does: a trained trial, and one that was infeasible."""
    folder, dataset = RunFolder(path), prepared.dataset
    folder.create(spec, definitions={})
    folder.write_info(
        {
            "storage": folder.database,
            "study_name": "digits",
            "teacher": prepared.facts.as_dict(),
            "data": {**asdict(dataset.shape), "digest": dataset.digest},
            "data_dir": None,
            "device": "cpu",
        }
    )
    parameters: dict[str, Value] = {"params_budget": 1500.0, "nodes": 3}
    graph = GENERATORS["flat"].draw(parameters, seed=0, shape=dataset.shape)
    ledger = Ledger(folder.database, "digits", objectives=spec.objectives)
    for slot in (TRAINED, INFEASIBLE):
        params = float(count_params(graph, dataset.shape))
        point: dict[str, Value] = {"kd.method": method, "kd.temperature": 4.0}
        record = Record(slot, 0, derive_seed(0, "slot", slot), point, cost={"params": params})
        folder.write_graphs(slot, [graph])
        ledger.begin(record, params={}, distributions={})
        if slot == TRAINED:
            rung = RungResult(4, {"top1": 0.5, "params": params}, {}, 1.0, False, "top")
            closed = record.with_rung(rung).ended("complete", at_s=1.0)
            ledger.finish(closed, values=[0.5, params])
        else:
            ledger.finish(record.ended("infeasible", at_s=2.0, reason="StudentTooSmall"))
    ledger.close()
    return load_run(folder.path)


@pytest.fixture(scope="session")
def run(
    tmp_path_factory: pytest.TempPathFactory, make_spec: MakeSpec, prepared: PreparedStudy
) -> Run:
    return write_run(tmp_path_factory.mktemp("runs") / "digits", make_spec(), prepared)


@pytest.fixture
def transfer() -> Transfer:
    """Three seeds; the mean risk falls, then rises."""
    distilled = Curve(
        "kd",
        (
            Share(0.25, 100, (0.30, 0.40, 0.50), (0.2, 0.3, 0.4)),
            Share(0.5, 200, (0.20, 0.40, 0.30), (0.1, 0.2, 0.3)),
            Share(1.0, 400, (0.25, 0.35, 0.36), (0.1, 0.1, 0.1)),
        ),
    )
    hard = Curve(
        "none",
        tuple(Share(s.fraction, s.n_images, (0.5,) * 3, (0.5,) * 3) for s in distilled.shares),
    )
    agrees = torch.tensor([[True] * 6, [True, False] * 3, [False] * 6])
    return Transfer((distilled, hard), 8, 3, agrees)


@pytest.fixture
def diagnosis(transfer: Transfer) -> Diagnosis:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(6, 4, generator=generator)
    head = LinearHead(features, torch.randn(3, 4, generator=generator), torch.zeros(3))
    return Diagnosis(
        run="digits",
        title="Digits <i>",
        trial=17,
        point={"kd.method": "kd", "kd.temperature": 4.0},
        teacher={"name": "resnet20", "top1": 0.9, "saw_validation": False},
        device="cpu",
        n_train=400,
        n_validation=6,
        class_names=("<b>one", "two", "three"),
        transfer=transfer,
        separation=class_separation(features, torch.tensor([0, 0, 1, 1, 1, 2]), num_classes=3),
        angles=measure_angles(head, transfer.agrees),
    )
