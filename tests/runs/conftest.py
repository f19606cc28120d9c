from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autokd.graphs import ArchGraph, Node
from autokd.runs import Ledger, Record, RunFolder, RungResult
from autokd.study import StudySpec, read_study

MakeSpec = Callable[[dict[str, Any]], StudySpec]
GRAPH = ArchGraph((Node("stem", (), 4, 1), Node("conv3x3", (0,), 8, 2)))


SPACE: dict[str, Any] = {
    "title": "A space",
    "generator": "chain",
    "architecture": {"params_budget": {"type": "float", "low": 1e3, "high": 1e5, "log": True}},
    "kd": {
        "method": {"type": "fixed", "value": "kd"},
        "temperature": {"type": "float", "low": 1.0, "high": 20.0, "log": True},
    },
}


@pytest.fixture
def make_spec() -> MakeSpec:
    """Make a study of a search space."""

    def make(search_space: dict[str, Any]) -> StudySpec:
        raw = {
            "title": "A study",
            "search_space": search_space,
            "data": {"source": "digits"},
            "teacher": {"source": "zoo", "model": "resnet8"},
            "training": {},
            "fidelity": {"min_epochs": 1, "max_epochs": 4, "eta": 2},
            "objectives": [
                {"metric": "top1", "direction": "maximize", "reference": 0.2},
                {"metric": "params", "direction": "minimize", "reference": 1e6},
            ],
            "budget": {"trials": 4},
        }
        return read_study(raw, source="test")

    return make


@pytest.fixture
def spec(make_spec: MakeSpec) -> StudySpec:
    return make_spec(SPACE)


def _rung(epochs: int, top1: float, params: float, *, goes_on: bool = True) -> RungResult:
    return RungResult(epochs, {"top1": top1, "params": params}, {}, 1.0, goes_on, "")


@pytest.fixture
def four_trials(tmp_path: Path, spec: StudySpec) -> RunFolder:
    """Write a run: two on the front, one dominated, one stopped at the first rung."""
    folder = RunFolder(tmp_path / "four")
    folder.create(spec, definitions={})
    folder.write_info(
        {
            "storage": folder.database,
            "study_name": "four",
            "teacher": {"name": "resnet8", "params": 75290, "top1": 0.98, "test_top1": 0.97},
            "interrupted": False,
        }
    )
    ledger = Ledger(folder.database, "four", objectives=spec.objectives)
    shown = [(0.9, 2000.0), (0.8, 3000.0), (0.95, 9000.0), (0.3, 500.0)]
    for slot, (top1, params) in enumerate(shown):
        record = Record(slot, 0, slot, {"kd.temperature": 2.0 + slot}, cost={"params": params})
        ledger.begin(record, params={}, distributions={})
        folder.write_graphs(slot, [GRAPH])
        record = record.with_rung(_rung(1, top1 - 0.1, params))
        if slot == 3:
            ledger.finish(record.ended("stopped", at_s=4.0, reason="place 4 of 4"))
            continue
        record = record.with_rung(_rung(2, top1 - 0.05, params)).with_rung(
            _rung(4, top1, params, goes_on=False)
        )
        ledger.finish(record.ended("complete", at_s=1.0 + slot), values=[top1, params])
    ledger.close()
    return folder
