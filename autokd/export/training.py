"""One student of a retraining: built, trained on fresh views in one cycle, measured."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from autokd.data import Split
from autokd.distill import PreparedStudy, make_recipe, predict, score, train
from autokd.export.members import Member
from autokd.export.retrained import SeedResult
from autokd.graphs import count_params
from autokd.parameters import Point
from autokd.seeds import derive_seed
from autokd.students import Student, build

__all__ = ["Trained", "measure_member", "train_member"]


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A trained student.

    Attributes:
        member: What was trained.
        student: The student, on the study's device.
        seconds: Training, seconds.
    """

    member: Member
    student: Student
    seconds: float


def train_member(
    member: Member,
    point: Point,
    *,
    prepared: PreparedStudy,
    epochs: int,
    on_epoch: Callable[[int], None],
) -> Trained:
    """Train one student.

    Args:
        member: The student.
        point: Its trial's point, for the distillation recipe.
        prepared: The study, with the top rung's and ``epochs`` more views.
        epochs: Epochs, >= 1.
        on_epoch: Called after each epoch.

    Returns:
        The trained student.

    Raises:
        TrialError: If training diverges or the device has no memory left.
    """
    spec, dataset = prepared.spec, prepared.dataset
    student = build(
        member.graph, prepared.shape, mean=dataset.mean, std=dataset.std, seed=member.seed
    )
    began = time.perf_counter()
    seed = derive_seed(member.seed, "training")
    recipe = make_recipe(
        prepared,
        student.to(prepared.device),
        point,
        seed=seed,
        n_epochs=epochs,
        first_view=spec.fidelity.max_epochs,
    )
    train(
        student,
        recipe.source,
        loss=recipe.loss,
        training=spec.training,
        rungs=(epochs,),
        seed=seed,
        at_rung=lambda _: False,
        precision=prepared.precision,
        taps=recipe.taps,
        eager=recipe.eager,
        on_epoch=on_epoch,
    )
    return Trained(member, student, time.perf_counter() - began)


def measure_member(trained: Trained, prepared: PreparedStudy) -> SeedResult:
    """Measure a student on validation, and on test.

    Args:
        trained: The student.
        prepared: The study.

    Returns:
        Its metrics.

    Raises:
        Diverged: If a logit is not finite.
    """
    dataset, outputs, member = prepared.dataset, prepared.outputs, trained.member
    return SeedResult(
        seed=member.seed,
        graph_digest=member.graph.digest,
        params=count_params(member.graph, prepared.shape),
        seconds=trained.seconds,
        validation=_scored(trained.student, dataset.validation, outputs.validation),
        test=_scored(trained.student, dataset.test, outputs.test),
    )


def _scored(student: Student, split: Split, teacher_logits: Tensor) -> dict[str, float]:
    return score(predict(student, split.images), split.labels, teacher_logits)
