"""What a study will cost, before any training.

Points are drawn at random from the search space; their graphs give sizes by closed form. The
smallest, the middle and the largest student, and the teacher, are then trained for a few steps on
the study's own images, against made-up teacher outputs, and timed. What comes out is an estimate
for this machine, as busy as it is now.
"""

import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import nn

from autokd.data import Dataset, Split, check_views, load_dataset
from autokd.distill import Answers, Progress, TrainingSource, climb, resolve_device
from autokd.distill.device import study_precision
from autokd.distill.losses.kd import kd
from autokd.distill.placement import place
from autokd.distill.schedule import paid_epochs
from autokd.errors import InfeasibleError
from autokd.graphs import ArchGraph, Cost, cost
from autokd.search.family import check_constraints, draw_family, family_cost, slot_seed
from autokd.search.proposer import Proposer
from autokd.search.queued import baselines
from autokd.search.teaching_cost import TeachingCost, clock, teaching_cost
from autokd.search.workers import default_workers
from autokd.students import build
from autokd.study import SamplerSpec, StudySpec

__all__ = ["Estimate", "check_study"]

_N_POINTS = 24
_N_STEPS = 4


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a study will probably cost.

    Attributes:
        n_train: Training images.
        n_validation: Validation images.
        n_test: Test images.
        images_bytes: Size of all images.
        is_mapped: Whether they are read from the cache on disk as they are needed.
        baselines: What each of the study's baselines comes to, in words.
        costs: Of the students that were drawn, smallest first.
        n_infeasible: Points drawn whose students are refused.
        step_s: Seconds a training step of the smallest, the middle and the largest student.
        trial_s: Seconds of a trial that reaches the top rung, for the same three.
        study_s: Seconds of the whole search, those of the budget where no number of trials limits
            it.
        teaching: What the networks that teach will cost.
        peak_memory_bytes: Memory of this process after training the largest student; None where
            the system does not tell.
        n_workers: Workers that the study would use here.
    """

    n_train: int
    n_validation: int
    n_test: int
    images_bytes: int
    is_mapped: bool
    baselines: tuple[str, ...]
    costs: tuple[Cost, ...]
    n_infeasible: int
    step_s: tuple[float, float, float]
    trial_s: tuple[float, float, float]
    study_s: float
    teaching: TeachingCost
    peak_memory_bytes: int | None
    n_workers: int

    def lines(self) -> list[str]:
        """Say it in words.

        Returns:
            Lines for a terminal.
        """
        small, large = self.costs[0], self.costs[-1]
        n_drawn = len(self.costs) + self.n_infeasible
        lines = [
            (
                f"images      {self.n_train:,} train, {self.n_validation:,} validation, "
                f"{self.n_test:,} test; {self.images_bytes / 2**20:,.1f} MiB "
                f"{'mapped from the cache on disk' if self.is_mapped else 'in memory'}"
            ),
            (
                f"students    {small.params:,} to {large.params:,} params, {small.macs:,} to "
                f"{large.macs:,} macs ({n_drawn} drawn, {self.n_infeasible} infeasible)"
            ),
            f"a step      {self.step_s[0]:.4f} to {self.step_s[2]:.4f} s",
            f"a trial     {self.trial_s[0]:.1f} to {self.trial_s[2]:.1f} s up to the top rung",
            f"memory      {self._memory()}, {self.n_workers} workers",
            *self.teaching.lines(),
        ]
        lines += [f"tried first {baseline}" for baseline in self.baselines]
        lines.append(f"search      about {clock(self.study_s)}")
        return lines

    def _memory(self) -> str:
        if self.peak_memory_bytes is None:
            return "unknown"
        return f"about {self.peak_memory_bytes / 2**20:,.0f} MiB a process"


def check_study(
    spec: StudySpec,
    *,
    device: str = "auto",
    data_dir: Path | None = None,
    progress: Progress | None = None,
) -> Estimate:
    """Estimate what a study will cost.

    Args:
        spec: The study.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        data_dir: Folder of the data; the current folder by default.
        progress: Told how far it is.

    Returns:
        The estimate.

    Raises:
        DataError: If the data cannot be used, or not in the study's views.
        InfeasibleError: If no drawn student is feasible.
    """
    where = resolve_device(device)
    dataset = place(
        load_dataset(spec.data, data_dir=data_dir, with_tuning=spec.needs.tuning), where
    )
    check_views(spec.views, size=dataset.shape.size)
    students, n_infeasible = _draw(spec, dataset)
    chosen = [students[0], students[len(students) // 2], students[-1]]
    steps = []
    for done, (_, graph) in enumerate(chosen):
        if progress:
            progress("steps", done, len(chosen))
        steps.append(_step_s(spec, dataset, _student(graph, dataset).to(where), where))
    if progress:
        progress("steps", len(chosen), len(chosen))
    per_epoch = -(-len(dataset.train) // spec.training.batch_size)
    n_epochs = paid_epochs(spec.fidelity.ladder.rungs, spec.training)[-1]
    to_top = per_epoch * n_epochs * spec.family_size
    n_workers = default_workers(where.type)
    return Estimate(
        n_train=len(dataset.train),
        n_validation=len(dataset.validation),
        n_test=len(dataset.test),
        images_bytes=dataset.n_bytes,
        is_mapped=dataset.is_mapped,
        baselines=_baselines(spec, dataset),
        costs=tuple(known for known, _ in students),
        n_infeasible=n_infeasible,
        step_s=(steps[0], steps[1], steps[2]),
        trial_s=(steps[0] * to_top, steps[1] * to_top, steps[2] * to_top),
        study_s=_study_s(spec, steps[1] * per_epoch * spec.family_size / n_workers),
        teaching=teaching_cost(
            spec, dataset, where, step_s=lambda network: _step_s(spec, dataset, network, where)
        ),
        peak_memory_bytes=_peak_memory_bytes(),
        n_workers=n_workers,
    )


def _draw(spec: StudySpec, dataset: Dataset) -> tuple[list[tuple[Cost, ArchGraph]], int]:
    """Draw students at random, smallest first; the second number counts refused points."""
    random = spec.model_copy(update={"sampler": SamplerSpec(name="random")})
    proposer, drawn, refusal = Proposer(random), [], None
    for slot in range(_N_POINTS):
        point, seed = proposer.propose(slot).point, slot_seed(spec.seed, slot)
        try:
            graphs = draw_family(spec, point, seed=seed, shape=dataset.shape)
            check_constraints(spec.constraints, family_cost(graphs, dataset.shape))
        except InfeasibleError as error:
            refusal = error
        else:
            drawn.append((cost(graphs[0], dataset.shape), graphs[0]))
    if refusal and not drawn:
        raise refusal
    return sorted(drawn, key=lambda each: each[0].params), _N_POINTS - len(drawn)


def _baselines(spec: StudySpec, dataset: Dataset) -> tuple[str, ...]:
    found = []
    for slot, queued in enumerate(baselines(spec.start, spec.search_space)):
        seed = slot_seed(spec.seed, slot)
        try:
            graphs = draw_family(spec, queued.point, seed=seed, shape=dataset.shape)
            costs = family_cost(graphs, dataset.shape)
            check_constraints(spec.constraints, costs)
        except InfeasibleError as error:
            found.append(f"{queued.origin}: infeasible, {error}")
        else:
            found.append(f"{queued.origin}: {costs['params']:,.0f}")
    return tuple(found)


def _student(graph: ArchGraph, dataset: Dataset) -> nn.Module:
    return build(graph, dataset.shape, mean=dataset.mean, std=dataset.std, seed=0)


def _step_s(spec: StudySpec, dataset: Dataset, network: nn.Module, where: torch.device) -> float:
    """Time a few training steps; the first epoch warms up."""
    n_images = min(len(dataset.train), _N_STEPS * spec.training.batch_size)
    few = Split(dataset.train.images[:n_images], dataset.train.labels[:n_images])
    outputs = torch.zeros(3, n_images, dataset.shape.num_classes, dtype=torch.float16)
    climbing = climb(
        network,
        TrainingSource(few, spec.views, Answers(outputs), trained_on=where),
        loss=partial(kd, temperature=4.0, soft_weight=0.5),
        training=spec.training.model_copy(update={"schedule": "restart"}),  # nothing comes twice
        rungs=(1, 3),
        seed=0,
        precision=study_precision(spec, where),
    )
    next(climbing)
    began = time.perf_counter()
    next(climbing)
    n_steps = 2 * -(-n_images // spec.training.batch_size)
    return (time.perf_counter() - began) / n_steps


def _study_s(spec: StudySpec, epoch_s: float) -> float:
    """Count epochs as if one trial in eta passed each rung, which is what a race comes to."""
    if spec.budget.trials is None:
        assert spec.budget.seconds is not None  # a budget has at least one limit
        return spec.budget.seconds
    below, share, epochs = 0, 1.0, 0.0
    for paid in paid_epochs(spec.fidelity.ladder.rungs, spec.training):
        epochs += (paid - below) * share
        below, share = paid, share / spec.fidelity.eta
    search_s = spec.budget.trials * epochs * epoch_s
    return min(search_s, spec.budget.seconds or search_s)


def _peak_memory_bytes() -> int | None:
    """Read this process's high-water mark, which Linux counts in KiB and macOS in bytes."""
    try:
        import resource
    except ImportError:  # no POSIX system
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
