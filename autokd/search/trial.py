"""One trial: a family drawn, built, trained up the ladder and scored at every rung.

A plain function of prepared study, point and seed: no global state, and no knowledge of where it
runs or who answers at a rung.

A trial that runs out of memory before anything was reported is begun once more, with what
convolutions read dropped and worked out again in the backward pass. Its results are the same.
"""

import logging
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev

from torch import Tensor

from autokd.distill import (
    PreparedStudy,
    climb,
    make_recipe,
    memory_errors,
    predict,
    score,
)
from autokd.distill.harm import recall_changes
from autokd.errors import OutOfMemory
from autokd.parameters import Point
from autokd.runs import RungResult
from autokd.search.family import draw_family, family_cost
from autokd.seeds import derive_seed
from autokd.students import Student, build, save_weights

__all__ = ["run_trial"]

_LOG = logging.getLogger(__name__)


def run_trial(
    study: PreparedStudy,
    point: Point,
    *,
    seed: int,
    report: Callable[[RungResult], bool],
    weights: Path | None = None,
    after: int = 0,
) -> dict[str, float]:
    """Train a point's family against the teacher.

    Args:
        study: The prepared study.
        point: The point.
        seed: The slot's seed: graphs, weights and whatever a network draws follow from it.
        report: Called at each rung with the family's mean metrics; says whether to train on.
        weights: File for the first student's weights, in a folder that exists, written when the
            top rung is reached; None writes none.
        after: Epochs up to which rungs are known, as an earlier trial of the same point and seed
            reported them: nothing is scored there and nobody asked. They are trained again, which
            on the same device ends in the same weights; a stopped student is not kept.

    Returns:
        Metrics at the highest rung reached, the family's mean.

    Raises:
        TrialError: If the trial is lost: infeasible, diverged, out of memory.
    """
    has_reported = False

    def first_report(result: RungResult) -> bool:
        nonlocal has_reported
        has_reported = True
        return report(result)

    try:
        return _attempt(study, point, seed=seed, report=first_report, weights=weights, after=after)
    except OutOfMemory as error:
        if has_reported or study.spec.training.recompute:
            raise
        reason = str(error)
    # Out here, where the error no longer holds on to what the first attempt allocated.
    _LOG.warning("%s; the trial of seed %d is begun once more with recomputation", reason, seed)

    def noted_report(result: RungResult) -> bool:
        return report(replace(result, verdict="trained with recomputation"))

    frugal = _recomputing(study)
    return _attempt(frugal, point, seed=seed, report=noted_report, weights=weights, after=after)


def _recomputing(study: PreparedStudy) -> PreparedStudy:
    training = study.spec.training.model_copy(update={"recompute": True})
    return replace(study, spec=study.spec.model_copy(update={"training": training}))


def _attempt(
    study: PreparedStudy,
    point: Point,
    *,
    seed: int,
    report: Callable[[RungResult], bool],
    weights: Path | None,
    after: int,
) -> dict[str, float]:
    rungs = study.spec.fidelity.ladder.rungs
    metrics: dict[str, float] = {}
    with ExitStack() as stack:
        students = _students(study, point, seed=seed)
        costs = [family_cost([student.graph], study.shape) for student in students]
        size_spread = _spread(costs)
        climbs = [
            stack.enter_context(
                closing(_climb(study, student, point, seed=derive_seed(seed, "training", member)))
            )
            for member, student in enumerate(students)
        ]
        began = time.perf_counter()
        for rung in rungs:
            answers = []
            for student, climbing in zip(students, climbs, strict=True):
                next(climbing)
                if rung > after:
                    answers.append(_answer(study, student))
            if rung <= after:
                continue
            is_top = rung == rungs[-1]
            result = _result(study, rung, answers, size_spread=size_spread, with_classes=is_top)
            metrics = result.metrics
            if is_top and weights is not None:
                save_weights(students[0], weights)
            if not report(replace(result, seconds=time.perf_counter() - began)):
                break
            began = time.perf_counter()
    return metrics


def _students(study: PreparedStudy, point: Point, *, seed: int) -> list[Student]:
    graphs = draw_family(study.spec, point, seed=seed, shape=study.shape)
    mean, std = study.dataset.mean, study.dataset.std
    with memory_errors():
        return [
            build(
                graph, study.shape, mean=mean, std=std, seed=derive_seed(seed, "weights", member)
            ).to(study.device)
            for member, graph in enumerate(graphs)
        ]


def _climb(
    study: PreparedStudy, student: Student, point: Point, *, seed: int
) -> Generator[int, None, None]:
    rungs = study.spec.fidelity.ladder.rungs
    recipe = make_recipe(study, student, point, seed=seed, n_epochs=rungs[-1])
    return climb(
        student,
        recipe.source,
        loss=recipe.loss,
        training=study.spec.training,
        rungs=rungs,
        seed=seed,
        precision=study.precision,
        taps=recipe.taps,
        eager=recipe.eager,
    )


def _answer(study: PreparedStudy, student: Student) -> Tensor:
    with memory_errors():
        return predict(student, study.dataset.validation.images)


def _result(
    study: PreparedStudy,
    rung: int,
    answers: Sequence[Tensor],
    *,
    size_spread: dict[str, float],
    with_classes: bool,
) -> RungResult:
    labels, taught = study.dataset.validation.labels, study.outputs.validation
    scores = [score(logits, labels, taught) for logits in answers]
    changes = [recall_changes(logits, taught, labels) for logits in answers if with_classes]
    means = tuple(round(fmean(each), 4) for each in zip(*changes, strict=True))
    spread = {**_spread(scores), **size_spread}
    return RungResult(rung, _mean(scores), spread, recall_changes=means)


def _mean(scores: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: fmean(each[name] for each in scores) for name in scores[0]}


def _spread(scores: Sequence[dict[str, float]]) -> dict[str, float]:
    if len(scores) < 2:
        return {}
    return {name: stdev(each[name] for each in scores) for name in scores[0]}
