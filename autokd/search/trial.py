"""One trial: a family drawn, built, trained up the ladder and scored at every rung.

A plain function of prepared study, point and seed: no global state, and no knowledge of where it
runs or who answers at a rung.
"""

import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from statistics import fmean, stdev

from autokd.distill import (
    PreparedStudy,
    climb,
    make_loss,
    predict,
    score,
)
from autokd.parameters import Point
from autokd.runs import RungResult
from autokd.search.family import draw_family
from autokd.seeds import derive_seed
from autokd.students import Student, build, save_weights

__all__ = ["run_trial"]


def run_trial(
    study: PreparedStudy,
    point: Point,
    *,
    seed: int,
    report: Callable[[RungResult], bool],
    weights: Path | None = None,
) -> dict[str, float]:
    """Train a point's family against the teacher.

    Args:
        study: The prepared study.
        point: The point.
        seed: The slot's seed: graphs, weights and whatever a network draws follow from it.
        report: Called at each rung with the family's mean metrics; says whether to train on.
        weights: File for the first student's weights, in a folder that exists, written when the
            top rung is reached; None writes none.

    Returns:
        Metrics at the highest rung reached, the family's mean.

    Raises:
        TrialError: If the trial is lost: infeasible, diverged, out of memory.
    """
    rungs = study.spec.fidelity.ladder.rungs
    students = _students(study, point, seed=seed)
    climbs = [
        _climb(study, student, point, seed=derive_seed(seed, "training", member))
        for member, student in enumerate(students)
    ]
    metrics: dict[str, float] = {}
    for rung in rungs:
        began = time.perf_counter()
        scores = []
        for student, climbing in zip(students, climbs, strict=True):
            next(climbing)
            scores.append(_validate(study, student))
        metrics, spread = _mean(scores), _spread(scores)
        if rung == rungs[-1] and weights is not None:
            save_weights(students[0], weights)
        seconds = time.perf_counter() - began
        if not report(RungResult(rung, metrics, spread, seconds)):
            break
    for climbing in climbs:
        climbing.close()
    return metrics


def _students(study: PreparedStudy, point: Point, *, seed: int) -> list[Student]:
    graphs = draw_family(study.spec, point, seed=seed, shape=study.shape)
    mean, std = study.dataset.mean, study.dataset.std
    return [
        build(
            graph, study.shape, mean=mean, std=std, seed=derive_seed(seed, "weights", member)
        ).to(study.device)
        for member, graph in enumerate(graphs)
    ]


def _climb(
    study: PreparedStudy, student: Student, point: Point, *, seed: int
) -> Generator[int, None, None]:
    return climb(
        student,
        study.source(),
        loss=make_loss(point),
        training=study.spec.training,
        rungs=study.spec.fidelity.ladder.rungs,
        seed=seed,
        precision=study.precision,
    )


def _validate(study: PreparedStudy, student: Student) -> dict[str, float]:
    validation = study.dataset.validation
    logits = predict(student, validation.images)
    return score(logits, validation.labels, study.outputs.validation)


def _mean(scores: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: fmean(each[name] for each in scores) for name in scores[0]}


def _spread(scores: Sequence[dict[str, float]]) -> dict[str, float]:
    if len(scores) < 2:
        return {}
    return {name: stdev(each[name] for each in scores) for name in scores[0]}
