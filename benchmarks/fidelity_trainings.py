"""One training of `fidelity`: what names it, what its figures depend on, and how it is done.

What fresh batch norms cost depends on no weights and no schedule, so it is measured once for each
student, untrained.
"""

import hashlib
import json
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from code_parts import imported_digest
from describing import rounded
from fidelity_cases import CANDIDATES, NORMS, YARDSTICK, Case, draw, make_student, yardstick_epochs
from torch import Tensor

from autokd.distill import PreparedStudy, make_recipe, open_for_worker, predict, score, train
from autokd.distill.averaging import estimate_norms
from autokd.distill.schedule import paid_epochs
from autokd.errors import TrialError
from autokd.seeds import derive_seed
from autokd.students import Student
from autokd.study import StudySpec, Training

_CODE = (
    "autokd.distill.evaluation",
    "autokd.distill.preparation",
    "autokd.distill.recipe",
    "autokd.distill.training",
    "autokd.graphs.hierarchical",
    "autokd.students.build",
)
_METRICS = ("top1", "nll")
_N_TIMED = 3


class Key(NamedTuple):
    """Names one training.

    Attributes:
        student: Number of the student.
        candidate: One of `CANDIDATES`, ``yardstick-0`` and so on, or `NORMS`.
    """

    student: int
    candidate: str

    @property
    def name(self) -> str:
        """As the JSON has it."""
        return f"{self.student:03}/{self.candidate}"

    @property
    def is_yardstick(self) -> bool:
        """Whether it is what all candidates are measured by."""
        return self.candidate.startswith(YARDSTICK)

    @property
    def seed(self) -> int:
        """Seed of weights and training: the same for all candidates, others for yardsticks."""
        names = (self.candidate,) if self.is_yardstick else ()
        return derive_seed(self.student, "training", *names)


def parsed(name: str) -> Key | None:
    """Read a key's name; None for a candidate that there is no more."""
    student, _, candidate = name.partition("/")
    key = Key(int(student), candidate)
    return key if key.is_yardstick or candidate in (*CANDIDATES, NORMS) else None


def n_epochs(key: Key, spec: StudySpec) -> int:
    """Count the epochs that a training pays; fresh norms are an epoch without the way back."""
    return paid_epochs(*_schedule(key, spec))[-1]


def depends_on(key: Key, case: Case, spec: StudySpec) -> str:
    """Hash all that a training's figures depend on: code, study, student, schedule."""
    # Of the search space the student's own point is left.
    study = spec.model_dump_json(exclude={"search_space", "title", "budget", "sampler"})
    rungs, training = _schedule(key, spec)
    parts = [imported_digest(_CODE), study, case.point, case.graph.digest, rungs, key.seed]
    written = json.dumps([*parts, training.model_dump(mode="json")], sort_keys=True)
    return hashlib.sha256(written.encode()).hexdigest()[:12]


def begin_worker() -> None:
    """Compute on one thread, and let whoever waits at the keyboard go first."""
    os.nice(5)
    torch.set_num_threads(1)


def train_one(folder: Path, key: Key) -> dict[str, Any]:
    """Train a student and score it on validation at every rung.

    Args:
        folder: Where the prepared study is.
        key: The training.

    Returns:
        ``rungs`` by epochs on the path: metrics, epochs paid so far, and seconds so far of wall
        time and of this process, scoring included; or why it ``failed``. ``top1_renormed`` is what
        the same weights score below the top rung with batch norms worked out anew, which one
        schedule does anyway: beside the others it tells what averaging is worth by itself. Its
        seconds do not count; for `NORMS` they are all that is measured, and ``norms`` holds them.
    """
    study = _opened(folder)
    case = draw(study.spec, key.student, study.shape)
    student = make_student(case, study, seed=key.seed)
    if key.candidate == NORMS:
        return {"norms": _timed_norms(student, case, study)}
    try:
        return {"rungs": _climbed(student, case, key, study)}
    except TrialError as error:
        return {"failed": str(error)}


def _climbed(
    student: Student, case: Case, key: Key, study: PreparedStudy
) -> dict[str, dict[str, float]]:
    rungs, training = _schedule(key, study.spec)
    paid = dict(zip(rungs, paid_epochs(rungs, training), strict=True))
    found: dict[str, dict[str, float]] = {}
    clock = _Clock()
    recipe = make_recipe(study, student, case.point, seed=key.seed, n_epochs=rungs[-1])

    def at_rung(epochs: int) -> bool:
        scores = _score(student, study)
        spent = clock.spent()
        found[str(epochs)] = {**scores, "paid_epochs": paid[epochs], **spent}
        if epochs != rungs[-1]:
            with clock.stopped():
                images = recipe.source.images(epochs - 1, training.batch_size)
                found[str(epochs)] |= _renormed(student, images, study)
        return True

    train(
        student,
        recipe.source,
        loss=recipe.loss,
        training=training,
        rungs=rungs,
        seed=key.seed,
        at_rung=at_rung,
        taps=recipe.taps,
        eager=recipe.eager,
    )
    return found


class _Clock:
    """Counts the seconds of a training, and none while it is stopped."""

    def __init__(self) -> None:
        self._began = np.array(_now())

    def spent(self) -> dict[str, float]:
        """Tell wall time, and time of this process."""
        seconds, cpu_s = np.array(_now()) - self._began
        return {"seconds": rounded(float(seconds)), "cpu_s": rounded(float(cpu_s))}

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let something be done that is no part of the training."""
        before = np.array(_now())
        yield
        self._began = self._began + (np.array(_now()) - before)


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _renormed(
    student: Student, images: Iterator[Tensor], study: PreparedStudy
) -> dict[str, float]:
    """Score the same weights with batch norms worked out anew, and put the old norms back."""
    kept = [buffer.clone() for buffer in student.buffers()]
    estimate_norms(student, images)
    top1 = _score(student, study)["top1"]
    for place, value in zip(student.buffers(), kept, strict=True):
        place.copy_(value)
    return {"top1_renormed": top1}


def _timed_norms(student: Student, case: Case, study: PreparedStudy) -> dict[str, float]:
    """Work batch norms out anew from the images of a view; medians of a few times."""
    student.to(memory_format=torch.channels_last)  # as it is trained
    source = make_recipe(study, student, case.point, seed=0, n_epochs=1).source
    spent = []
    for _ in range(_N_TIMED):
        clock = _Clock()
        estimate_norms(student, source.images(0, study.spec.training.batch_size))
        spent.append(clock.spent())
    return {name: statistics.median(each[name] for each in spent) for name in spent[0]}


def _schedule(key: Key, spec: StudySpec) -> tuple[tuple[int, ...], Training]:
    # A yardstick is one rise and fall: on a single rung that is `restart`, and `long` too.
    if key.candidate == NORMS:
        return (1,), spec.training
    if key.is_yardstick:
        return (yardstick_epochs(spec),), spec.training.model_copy(update={"schedule": "restart"})
    training = spec.training.model_copy(update={"schedule": key.candidate})
    return spec.fidelity.ladder.rungs, training


def _score(student: Student, study: PreparedStudy) -> dict[str, float]:
    images = study.dataset.validation
    found = score(predict(student, images.images), images.labels, study.outputs.validation)
    return {metric: rounded(found[metric]) for metric in _METRICS}


@cache
def _opened(folder: Path) -> PreparedStudy:
    return open_for_worker(folder, "cpu")
