"""What `methods` trains: rows of the table, studies that they belong to, and the two students.

Every row is a point of one of four *variants* of a study; within a data set they share the split
of the images and, unless said otherwise, the teacher:

- ``plain``: the shipped study's images, views and teacher.
- ``mixed``: the same teacher and the same views, mixed by mixup, for methods that need it.
- ``tuned``: a tuning split is cut from the training images, so that teacher, assistants and
  students have a tenth fewer; here both assistants are taught by the teacher itself.
- ``early``: the teacher's training stops after half of its epochs.

The rows of kind ``reference`` are ``none`` and ``kd`` in the second and third variant, so that a
method can be told apart from what its variant does.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from autokd.definitions import find, read
from autokd.distill import PreparedStudy, Progress, prepare, study_network
from autokd.graphs import GENERATORS
from autokd.methods import METHODS, Method
from autokd.parameters import Point, Value
from autokd.seeds import derive_seed
from autokd.students import build
from autokd.study import StudySpec, read_study
from autokd.teachers import Normalised, zoo_model

EPOCHS = 9
DATA = ("digits", "fashion_mnist")
STUDENTS = ("wired", "resnet8")
BASELINES = ("none", "label_smoothing", "kd")
FOLDERS = {"fashion_mnist": "FashionMNIST"}
"""Folders under ``--data``; the digits need none."""

WIRED: dict[str, Value] = {
    "params_budget": 20_000.0,
    "op": "conv3x3",
    "top_nodes": 4,
    "top_neighbours": 2,
    "top_rewiring": 0.5,
    "middle_nodes": 1,
    "bottom_nodes": 4,
    "bottom_neighbours": 2,
    "bottom_rewiring": 0.5,
}
"""The randomly wired student: a hierarchical graph of 16 op nodes; seed 0 draws it. Ten settings
were tried with other seeds, on the digits' validation images: those of 24 and 32 op nodes, and
those of 10,000 weights, learn too little in nine epochs for their differences to say anything."""

_FASHION_IMAGES = 6_250  # 5,000 to train on and 1,250 for validation
_ASSISTANTS = ("resnet14", "resnet8")
_SECOND_SEED = 1


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        name: As the JSON and ``--only`` have it.
        point: The method, and what differs from its defaults.
        kind: ``baseline``, ``method``, ``option`` or ``reference``.
        variant: Of the study, as above.
    """

    name: str
    point: Point
    kind: str
    variant: str = "plain"


def rows() -> tuple[Row, ...]:
    """List the rows: every method with its defaults, options of ``kd``, and references."""
    options = (
        ("kd, standardised", {"standardise": True}, "plain"),
        ("kd, off after two thirds", {"kd_off_fraction": 2 / 3}, "plain"),
        ("kd, warmed up for a third", {"soft_warmup_fraction": 1 / 3}, "plain"),
        ("kd, plain teacher views", {"teacher_views": "plain"}, "plain"),
        ("kd, early-stopped teacher", {}, "early"),
    )
    return (
        *(_row_of(METHODS[name]) for name in BASELINES),
        *(_row_of(method) for name, method in METHODS.items() if name not in BASELINES),
        *(Row(name, _point("kd", more), "option", variant) for name, more, variant in options),
        *(
            Row(f"{name}, {variant}", _point(name), "reference", variant)
            for variant in ("mixed", "tuned")
            for name in ("none", "kd")
        ),
    )


def study_spec(data: str, variant: str) -> StudySpec:
    """Make the study that some rows belong to, from the shipped one."""
    raw = deepcopy(dict(read(find("studies", data))))
    teacher = raw["teacher"]
    raw["search_space"] = _space(variant)
    raw["fidelity"] = {"min_epochs": EPOCHS, "max_epochs": EPOCHS}
    raw["training"]["precision"] = "float32"
    if data == "fashion_mnist":
        raw["data"] |= {"train_limit": _FASHION_IMAGES, "download": False}
    if variant == "plain":
        raw["teachers"] = [{**teacher, "seed": _SECOND_SEED}]
    if variant in ("plain", "tuned"):
        taught_by = {"plain": "previous", "tuned": "teacher"}[variant]
        raw["assistants"] = [
            {"model": model, "epochs": teacher["epochs"], "taught_by": taught_by}
            for model in _ASSISTANTS
        ]
    if variant == "mixed":
        raw["views"] |= {"mix": "mixup"}
        raw["teacher"] = {"source": "module"}
    if variant == "early":
        raw["teacher"] = {**teacher, "stop_fraction": 0.5, "min_top1": 0.0}
    return read_study(raw, source=f"{data}, {variant}")


def prepared_study(
    data: str, variant: str, *, folder: Path | None, cache: Path, progress: Progress
) -> PreparedStudy:
    """Prepare the study that some rows belong to, on the CPU."""
    spec, module = study_spec(data, variant), None
    common: dict[str, Any] = {
        "device": "cpu",
        "cache_dir": cache,
        "data_dir": folder,
        "progress": progress,
    }
    if spec.teacher.source == "module":
        plain = prepare(study_spec(data, "plain"), **common)
        module = study_network(
            plain.spec.teacher, plain.spec, plain.dataset, device=plain.device, cache_dir=cache
        ).module
    return prepare(spec, teacher=module, **common)


def make_student(name: str, study: PreparedStudy, *, seed: int) -> nn.Module:
    """Make one of `STUDENTS`, untrained; all seeds share the graph."""
    dataset, shape = study.dataset, study.shape
    mean, std = dataset.mean, dataset.std
    weights = derive_seed(seed, "weights")
    if name == "wired":
        graph = GENERATORS["hierarchical"].draw(WIRED, seed=0, shape=shape)
        return build(graph, shape, mean=mean, std=std, seed=weights)
    return Normalised(zoo_model(name, shape, seed=weights), mean=mean, std=std)


def _row_of(method: Method) -> Row:
    kind = "baseline" if method.name in BASELINES else "method"
    return Row(method.name, _point(method.name), kind, _variant_of(method))


def _variant_of(method: Method) -> str:
    if method.needs.mixed_views:
        return "mixed"
    return "tuned" if method.needs.tuning else "plain"


def _point(method: str, more: Mapping[str, Value] | None = None) -> Point:
    return {"kd.method": method, **{f"kd.{key}": value for key, value in (more or {}).items()}}


def _space(variant: str) -> dict[str, Any]:
    drawn = {str(row.point["kd.method"]): None for row in rows() if row.variant == variant}
    kd: dict[str, Any] = {"method": {"type": "categorical", "choices": list(drawn)}}
    if len(drawn) == 1:
        kd = {"method": {"type": "fixed", "value": next(iter(drawn))}}
    if variant == "plain":
        kd["kd"] = {"teacher_views": {"type": "categorical", "choices": ["same", "plain"]}}
    return {
        "title": "The methods of one variant",
        "generator": "hierarchical",
        "architecture": {name: {"type": "fixed", "value": value} for name, value in WIRED.items()},
        "kd": kd,
    }
