from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autokd.distill import PreparedStudy, prepare
from autokd.study import StudySpec, read_study

MakeSpec = Callable[..., StudySpec]


def _mapping() -> dict[str, Any]:
    return {
        "title": "A study",
        "search_space": {
            "title": "A space",
            "generator": "chain",
            "architecture": {
                "params_budget": {"type": "float", "low": 2e3, "high": 5e4, "log": True}
            },
            "kd": {
                "method": {"type": "categorical", "choices": ["kd", "none"]},
                "temperature": {"type": "float", "low": 1.0, "high": 20.0, "log": True},
                "soft_weight": {"type": "float", "low": 0.0, "high": 1.0},
            },
        },
        "data": {"source": "digits", "train_limit": 200},
        "teacher": {"source": "zoo", "model": "resnet8", "epochs": 1},
        "training": {},
        "fidelity": {"min_epochs": 1, "max_epochs": 4, "eta": 2},
        "objectives": [
            {"metric": "top1", "direction": "maximize", "reference": 0.2},
            {"metric": "params", "direction": "minimize", "reference": 1e6},
        ],
        "sampler": {"name": "tpe", "startup_trials": 3},
        "budget": {"trials": 6},
    }


@pytest.fixture
def make_spec() -> MakeSpec:
    def make(**changes: Any) -> StudySpec:
        return read_study({**_mapping(), **changes}, source="test")

    return make


@pytest.fixture
def spec(make_spec: MakeSpec) -> StudySpec:
    return make_spec()


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def prepared(cache_dir: Path) -> PreparedStudy:
    return prepare(read_study(_mapping(), source="test"), device="cpu", cache_dir=cache_dir)
