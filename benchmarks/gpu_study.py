"""What the GPU benchmarks work on: the machine's part, images, a teacher, and a study of them.

Images are those of CIFAR-10 as JPEG files, or made up where there are none: as many, as large, of
random pixels, with an untrained teacher, which changes no time and leaves nothing to be learned.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from contenders import MEAN, STD
from models import NUM_CLASSES, make_model

from autokd.distill import Precision, PreparedStudy, prepare
from autokd.space import SearchSpace, read_space
from autokd.study import Budget, DataSpec, Fidelity, StudySpec, TeacherSpec, load_study
from autokd.teachers import Normalised

N_IMAGES = 60_000
"""Images of CIFAR-10: 40,000 to train on, 10,000 to validate and 10,000 to test."""

N_EPOCHS, BATCH_SIZE = 10, 128
_TEST_SHARE, _VALIDATION_SHARE = 1 / 6, 0.2
_QUICK_IMAGES, _QUICK_EPOCHS, _QUICK_BATCH = 300, 2, 32

SPACES: dict[str, dict[str, Any]] = {
    # Of resnet20's size and kind: 15 to 21 convolutions, 38 to 46 million multiply-accumulates.
    "chain": {
        "params_budget": {"type": "float", "low": 2.5e5, "high": 2.9e5, "log": True},
        "depth": {"type": "int", "low": 5, "high": 7},
        "shortcuts": {"type": "categorical", "choices": [False, True]},
    },
    # Of the same number of weights, wired at random: 30 to 90 op nodes.
    "hierarchical": {
        "params_budget": {"type": "float", "low": 2.5e5, "high": 2.9e5, "log": True},
        "top_nodes": {"type": "int", "low": 5, "high": 6},
        "middle_nodes": {"type": "int", "low": 2, "high": 3},
        "bottom_nodes": {"type": "int", "low": 3, "high": 5},
    },
}
"""Domains of the students' parameters, by generator."""

_QUICK_BUDGET = {"type": "float", "low": 8e3, "high": 9e3, "log": True}
_KD = {
    "method": {"type": "fixed", "value": "kd"},
    "temperature": {"type": "float", "low": 1.0, "high": 10.0, "log": True},
    "soft_weight": {"type": "float", "low": 0.2, "high": 1.0},
}

Save = Callable[[], None]
"""Writes what was measured so far."""


@dataclass(frozen=True)
class Setting:
    """What every row is told.

    Attributes:
        device: Where it computes.
        data: Folder with ``cifar10_jpeg/`` and ``teachers/``; None makes images up.
        scratch: Folder for caches and run folders.
        repeats: Rounds of a measurement in rounds, >= 1.
        seconds: About what one measurement of a round takes.
        window: Seconds of one search.
        quick: Whether this is a look at the logic on tiny sizes, and no measurement.
    """

    device: torch.device
    data: Path | None
    scratch: Path
    repeats: int
    seconds: float
    window: float
    quick: bool

    @property
    def images(self) -> str:
        """Where images come from, as the JSON says it."""
        return "random" if self.data is None else "cifar10_jpeg"

    @property
    def precision(self) -> Precision:
        """What students train in: bfloat16, but for a look on a CPU."""
        return "bfloat16" if self.device.type == "cuda" else "float32"

    @property
    def dtype(self) -> torch.dtype:
        """Type of the numbers that students move and multiply."""
        return torch.bfloat16 if self.precision == "bfloat16" else torch.float32

    @property
    def n_epochs(self) -> int:
        """Epochs of a trial."""
        return _QUICK_EPOCHS if self.quick else N_EPOCHS

    @property
    def batch_size(self) -> int:
        """Images a step of a trial."""
        return _QUICK_BATCH if self.quick else BATCH_SIZE

    @property
    def teacher(self) -> str:
        """Name of the teacher's network."""
        return "resnet8" if self.quick else "resnet56"

    @property
    def student(self) -> str:
        """Name of the network that stands for the students' size."""
        return "resnet8" if self.quick else "resnet20"


@dataclass(frozen=True)
class Unit:
    """Something that is measured whole, or in rounds that can be resumed.

    Attributes:
        name: Its name in the JSON.
        settings: What its figures depend on beyond machine, versions and code.
        expected_s: About how long it takes; it is not begun where less time is left.
        measure: Fills what the JSON keeps of it; what it saves along the way is resumed.
    """

    name: str
    settings: dict[str, Any]
    expected_s: float
    measure: Callable[[dict[str, Any], Save], None]


def study(setting: Setting, generator: str = "chain") -> StudySpec:
    """Give the study: one rung, so that no trial is stopped early.

    Args:
        setting: What every row is told.
        generator: One of `SPACES`.
    """
    base = load_study("cifar10_jpeg")
    quick = {"train_limit": _QUICK_IMAGES} if setting.quick else {}
    data = base.data.model_copy(update={"validation_fraction": _VALIDATION_SHARE, **quick})
    teacher = base.teacher
    if setting.data is None:
        data = DataSpec(
            source="arrays", validation_fraction=_VALIDATION_SHARE, test_fraction=_TEST_SHARE
        )
        teacher = TeacherSpec(source="module")
    epochs = setting.n_epochs
    return base.model_copy(
        update={
            "title": f"A GPU's trials, {generator}",
            "search_space": space(generator, quick=setting.quick),
            "data": data,
            "teacher": teacher,
            "training": base.training.model_copy(update={"batch_size": setting.batch_size}),
            "fidelity": Fidelity(min_epochs=epochs, max_epochs=epochs),
            "budget": Budget(seconds=setting.window),
        }
    )


def space(generator: str, *, quick: bool) -> SearchSpace:
    """Give the search space of one generator."""
    architecture: dict[str, Any] = {
        **SPACES[generator],
        "op": {"type": "fixed", "value": "conv3x3"},
    }
    if quick:
        architecture["params_budget"] = _QUICK_BUDGET
    raw = {"title": generator, "generator": generator, "architecture": architecture, "kd": _KD}
    return read_space(raw, source="benchmarks/gpu_study.py")


def made_up(setting: Setting) -> dict[str, Any]:
    """Make up images and a teacher where there are none.

    Returns:
        ``data``, images ``(n, 3, 32, 32)`` with labels ``(n,)``, and ``teacher``, as
        `autokd.search` takes them; nothing where there is a folder.
    """
    if setting.data is not None:
        return {}
    n = _QUICK_IMAGES if setting.quick else N_IMAGES
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (n, 3, 32, 32), dtype=torch.uint8, generator=generator)
    teacher = Normalised(make_model(setting.teacher), mean=MEAN, std=STD)
    return {"data": (images, torch.arange(n) % NUM_CLASSES), "teacher": teacher}


def prepared(setting: Setting, spec: StudySpec, *, cache: str = "cache") -> PreparedStudy:
    """Load images and teacher, and fill the teacher's table where that has not been done.

    Args:
        setting: What every row is told.
        spec: The study.
        cache: Folder of the cache, within the scratch folder.
    """
    found = made_up(setting)
    return prepare(
        spec,
        device=setting.device,
        cache_dir=setting.scratch / cache,
        data_dir=setting.data,
        teacher=found.get("teacher"),
        arrays=found.get("data"),
    )
