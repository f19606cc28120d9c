from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from autokd.data import Dataset, Split
from autokd.study import StudySpec, ViewsSpec, read_study

MakeSpec = Callable[..., StudySpec]
N_CLASSES = 3


def _split(n: int, *, seed: int) -> Split:
    """Make images whose class is the row that is bright."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % N_CLASSES
    images = torch.randint(0, 100, (n, 1, 8, 8), generator=generator)
    for row in range(N_CLASSES):
        images[labels == row, :, 2 + 2 * row] += 120
    return Split(images.to(torch.uint8), labels)


@pytest.fixture
def dataset() -> Dataset:
    return Dataset(
        _split(48, seed=0),
        _split(24, seed=1),
        _split(15, seed=2),
        ("top", "middle", "bottom"),
        (0.25,),
        (0.2,),
        "f" * 64,
    )


@pytest.fixture
def views() -> ViewsSpec:
    return ViewsSpec(seed=3, crop_padding=1, flip=True)


@pytest.fixture
def teacher_views(dataset: Dataset) -> Tensor:
    """Hold logits by which one can tell view and image."""
    view = torch.arange(5.0)[:, None, None]
    image = torch.arange(float(len(dataset.train)))[None, :, None]
    return (100 * view + image + torch.zeros(1, 1, N_CLASSES)).half()


@pytest.fixture
def make_spec() -> MakeSpec:
    def make(*, methods: tuple[str, ...] = ("kd",), **changes: Any) -> StudySpec:
        raw: dict[str, Any] = {
            "title": "A study",
            "search_space": {
                "title": "A space",
                "generator": "chain",
                "architecture": {"params_budget": {"type": "fixed", "value": 5e3}},
                "kd": {
                    "method": {"type": "categorical", "choices": list(methods)}
                    if len(methods) > 1
                    else {"type": "fixed", "value": methods[0]}
                },
            },
            "data": {"source": "arrays"},
            "views": {"crop_padding": 1},
            "teacher": {"source": "zoo", "model": "resnet8", "epochs": 2},
            "training": {},
            "fidelity": {"min_epochs": 1, "max_epochs": 2, "eta": 2},
            "objectives": [{"metric": "top1", "direction": "maximize", "reference": 0.2}],
            "budget": {"trials": 2},
        }
        return read_study({**raw, **changes}, source="test")

    return make
