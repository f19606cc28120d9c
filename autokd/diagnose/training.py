"""Trains a trial's student on smaller and larger parts of the training images.

Everything but the images is that of the search: graph, point, views, ladder of rungs, precision.
A part is shown again until an epoch has as many steps as one on all images, so all trainings have
the same steps and learning rates, and differ in how many images and answers of the teacher they
see, not in how long they learn. The weights are new ones, a seed's parts and weights are the same
with distillation and without it. What a method reads beside training images stays whole.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from autokd.diagnose.fractions import check_fractions, nested_parts
from autokd.diagnose.transfer import Curve, Share, Transfer
from autokd.distill import PreparedStudy, Progress, make_recipe, predict, train
from autokd.errors import DiagnosisError
from autokd.graphs import ArchGraph
from autokd.parameters import Point
from autokd.seeds import derive_seed
from autokd.students import build

if TYPE_CHECKING:
    from autokd.runs import Run

__all__ = ["check_transfer", "measure_transfer"]

_HARD_LABELS: Point = {"kd.method": "none"}


def check_transfer(run: "Run", fractions: Sequence[float], *, n_seeds: int) -> None:
    """Refuse what cannot be measured, before anything is prepared.

    Args:
        run: The run.
        fractions: Shares of the training images, ascending, in (0, 1].
        n_seeds: Trainings a share, >= 1.

    Raises:
        DiagnosisError: If an argument is illegal, or a mixed view would show images that are not
            in the part.
    """
    check_fractions(fractions)
    if n_seeds < 1:
        raise DiagnosisError(f"seeds must be at least 1, found {n_seeds}")
    mix = run.spec.views.mix
    if mix != "none" and fractions[0] < 1:
        raise DiagnosisError(
            f"{run.folder}: its views mix images ({mix}), also with those outside of a part; "
            "only fraction 1 can be measured"
        )


def measure_transfer(
    run: "Run",
    slot: int,
    *,
    prepared: PreparedStudy,
    fractions: Sequence[float],
    n_seeds: int,
    progress: Progress,
) -> Transfer:
    """Train and measure the students.

    Args:
        run: The run.
        slot: The trial's slot.
        prepared: The run's study, prepared.
        fractions: Shares of the training images, ascending, in (0, 1].
        n_seeds: Trainings a share and method, >= 1.
        progress: Told how many of all epochs are done, as ``diagnose``.

    Returns:
        What came out, on validation.

    Raises:
        DiagnosisError: If two fractions take the same images.
        RunError: If the trial has no graph.
        TrialError: If a training diverges or the device has no memory left.
    """
    root, labels = derive_seed(run.seed(slot), "diagnose"), prepared.dataset.train.labels
    seeds = [derive_seed(root, index) for index in range(n_seeds)]
    points = _points(run.point(slot))
    epochs = prepared.spec.fidelity.max_epochs
    bench = _Bench(
        prepared,
        run.graph(slot),
        fractions,
        seeds,
        [nested_parts(labels, fractions, seed=derive_seed(seed, "images")) for seed in seeds],
        _Ticks(progress, len(points) * len(fractions) * n_seeds * epochs),
    )
    predicted = [bench.predicted(point) for point in points]
    curves = [
        Curve(str(point["kd.method"]), bench.shares(found))
        for point, found in zip(points, predicted, strict=True)
    ]
    agrees = torch.stack([found == bench.said for found in predicted[0][-1]])
    return Transfer(tuple(curves), epochs, n_seeds, agrees.cpu())


def _points(point: Point) -> list[Point]:
    return [point] if point["kd.method"] == "none" else [point, _HARD_LABELS]


@dataclass(frozen=True, slots=True, eq=False)
class _Bench:
    """What all trainings share; `parts` by seed and fraction."""

    prepared: PreparedStudy
    graph: ArchGraph
    fractions: Sequence[float]
    seeds: Sequence[int]
    parts: Sequence[Sequence[Tensor]]
    on_epoch: Callable[[int], None]

    @property
    def said(self) -> Tensor:
        """The teacher's classes of the validation images, ``(n_validation,)``."""
        return self.prepared.outputs.validation.argmax(dim=1)

    def predicted(self, point: Point) -> list[list[Tensor]]:
        """Train with one point: predicted classes, ``(n_validation,)``, by fraction and seed."""
        return [
            [
                self._train(point, seed, own[index])
                for seed, own in zip(self.seeds, self.parts, strict=True)
            ]
            for index in range(len(self.fractions))
        ]

    def shares(self, predicted: Sequence[Sequence[Tensor]]) -> tuple[Share, ...]:
        labels = self.prepared.dataset.validation.labels
        return tuple(
            Share(
                fraction,
                len(self.parts[0][index]),
                tuple(_rate(classes != labels) for classes in predicted[index]),
                tuple(_rate(classes != self.said) for classes in predicted[index]),
            )
            for index, fraction in enumerate(self.fractions)
        )

    def _train(self, point: Point, seed: int, part: Tensor) -> Tensor:
        study, dataset = self.prepared, self.prepared.dataset
        student = build(
            self.graph,
            study.shape,
            mean=dataset.mean,
            std=dataset.std,
            seed=derive_seed(seed, "weights"),
        ).to(study.device)
        ladder, seed = study.spec.fidelity.ladder, derive_seed(seed, "training")
        recipe = make_recipe(study, student, point, seed=seed, n_epochs=ladder.rungs[-1])
        is_all = len(part) == len(dataset.train)
        train(
            student,
            recipe.source if is_all else replace(recipe.source, only=part),
            loss=recipe.loss,
            training=study.spec.training,
            rungs=ladder.rungs,
            seed=seed,
            at_rung=lambda _: True,
            precision=study.precision,
            taps=recipe.taps,
            eager=recipe.eager,
            on_epoch=self.on_epoch,
        )
        return predict(student, dataset.validation.images).argmax(dim=1)


class _Ticks:
    """Counts epochs over all trainings."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def __call__(self, _: int) -> None:
        self._done += 1
        self._progress("diagnose", self._done, self._total)


def _rate(is_true: Tensor) -> float:
    return float(is_true.double().mean())
