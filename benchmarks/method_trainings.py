"""One training of `methods`: what names it, what its figures depend on, and how it is done."""

import hashlib
import json
import os
import time
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from code_parts import imported_digest
from describing import rounded
from method_cases import EPOCHS, WIRED, Row, make_student, rows, study_spec
from method_summary import METRICS, SPLITS
from torch import nn

from autokd.distill import PreparedStudy, make_recipe, open_for_worker, predict, score, train
from autokd.errors import TrialError
from autokd.methods import settle

ROWS: dict[str, Row] = {row.name: row for row in rows()}

_CODE = (
    "autokd.distill.evaluation",
    "autokd.distill.preparation",
    "autokd.distill.recipe",
    "autokd.distill.training",
    "autokd.graphs.hierarchical",
    "autokd.students.build",
    "autokd.teachers.zoo",
)
_NICENESS = 10


class Key(NamedTuple):
    """Names one training.

    Attributes:
        data: Data set.
        student: Student.
        row: Row of the table.
        seed: Of weights and method.
    """

    data: str
    student: str
    row: str
    seed: int

    @property
    def name(self) -> str:
        """As the JSON has it."""
        return "/".join(map(str, self))

    @property
    def variant(self) -> str:
        """Variant of the study."""
        return ROWS[self.row].variant


def parsed(name: str) -> Key | None:
    """Read a key's name; None for a row that there is no more."""
    data, student, row, seed = name.split("/")
    return Key(data, student, row, int(seed)) if row in ROWS else None


def depends_on(key: Key) -> str:
    """Hash all that a training's figures depend on: code, study, defaults, student."""
    method, values = settle(ROWS[key.row].point)
    parts = [
        imported_digest((*_CODE, method.implementation.partition(":")[0])),
        _study_json(key.data, key.variant),
        values,
        [EPOCHS, key.student, WIRED if key.student == "wired" else None],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def begin_worker() -> None:
    """Let others go first, and compute on one thread."""
    os.nice(_NICENESS)
    torch.set_num_threads(1)


def train_one(folder: Path, key: Key) -> dict[str, Any]:
    """Train a student and measure it; a training that fails says why.

    Args:
        folder: Where the prepared study is.
        key: The training.
    """
    study, point = _opened(folder), ROWS[key.row].point
    student = make_student(key.student, study, seed=key.seed)
    began = time.perf_counter()
    try:
        recipe = make_recipe(
            study,
            student,
            point,
            seed=key.seed,
            n_epochs=EPOCHS,
            peer=lambda seed: make_student(key.student, study, seed=seed),
        )
        train(
            student,
            recipe.source,
            loss=recipe.loss,
            training=study.spec.training,
            rungs=[EPOCHS],
            seed=key.seed,
            at_rung=lambda _: True,
            taps=recipe.taps,
            eager=recipe.eager,
        )
        seconds = round(time.perf_counter() - began, 2)
        return {**{split: _score(student, study, split) for split in SPLITS}, "seconds": seconds}
    except TrialError as error:
        return {"failed": str(error)}


def _score(student: nn.Module, study: PreparedStudy, split: str) -> dict[str, float]:
    images = study.dataset.splits[split]
    taught = getattr(study.outputs, split)
    found = score(predict(student, images.images), images.labels, taught)
    return {metric: rounded(found[metric]) for metric in METRICS}


@cache
def _opened(folder: Path) -> PreparedStudy:
    return open_for_worker(folder, "cpu")


@cache
def _study_json(data: str, variant: str) -> str:
    # The search space lists the other rows' methods, on which nothing depends.
    return study_spec(data, variant).model_dump_json(exclude={"search_space", "title", "budget"})
