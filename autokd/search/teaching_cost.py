"""What the networks that teach will cost, before any of them is trained or asked.

Networks of the zoo are timed untrained, for a few steps and a few images; those from elsewhere
cannot be timed without their weights.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from autokd.data import Dataset
from autokd.distill import predict
from autokd.distill.hints import stage_names
from autokd.distill.maps import hints_at
from autokd.distill.roles import roles_of
from autokd.distill.threads import preparing_threads
from autokd.study import StudySpec
from autokd.teachers import new_teacher
from autokd.teaching import AssistantSpec, TeacherSpec

__all__ = ["TeachingCost", "clock", "teaching_cost"]

_N_ASKED = 128
"""Images that a network is timed on."""
_N_TIMES = 3
"""Times it is asked; the first warms up, and the fastest of the others counts."""


@dataclass(frozen=True, slots=True)
class TeachingCost:
    """What teacher, further teachers and assistants will probably cost.

    Attributes:
        n_networks: Networks whose logits are kept; 0 where no method reads any.
        parts: Views or augmentations that each is asked about.
        table_bytes: Size of all their tables.
        table_s: Seconds to fill them; None where a network cannot be timed.
        maps_bytes: Size of the teacher's maps, were they kept; None where no method reads them, or
            the teacher is not of the zoo.
        maps_are_kept: Whether that is within ``[features] table_gb``.
        training_s: Seconds to train the teachers of the zoo; None when there is none.
        assistants_s: Seconds to train the assistants; 0 when no method reads any.
    """

    n_networks: int
    parts: int
    table_bytes: int
    table_s: float | None
    maps_bytes: int | None
    maps_are_kept: bool
    training_s: float | None
    assistants_s: float

    def lines(self) -> list[str]:
        """Say it in words.

        Returns:
            Lines for a terminal.
        """
        lines = [self._table_line()]
        if self.maps_bytes is not None:
            how = "kept" if self.maps_are_kept else "not kept: the teacher runs with every step"
            lines.append(f"maps        {self.maps_bytes / 2**20:,.1f} MiB of the teacher's, {how}")
        if self.training_s is not None:
            line = f"teacher     about {clock(self.training_s)} to train, unless it is cached"
            lines.append(line)
        if self.assistants_s:
            line = f"assistants  about {clock(self.assistants_s)} to train, part of the budget"
            lines.append(line)
        return lines

    def _table_line(self) -> str:
        if not self.n_networks:
            return "table       none: no method reads the teacher's outputs"
        filled = "" if self.table_s is None else f", about {clock(self.table_s)} to fill"
        who = "teacher outputs"
        if self.n_networks > 1:
            who = f"outputs of {self.n_networks} networks"
        return (
            f"table       {self.table_bytes / 2**20:,.1f} MiB of {who} "
            f"({self.parts:,} passes over the training images{filled}), unless it is cached"
        )


def teaching_cost(
    spec: StudySpec,
    dataset: Dataset,
    device: torch.device,
    *,
    step_s: Callable[[nn.Module], float],
) -> TeachingCost:
    """Estimate what the networks that teach will cost.

    Args:
        spec: The study.
        dataset: Its images.
        device: Where it computes.
        step_s: Times a training step of a network on the device, seconds.

    Returns:
        The estimate.
    """
    needs, n_images = spec.needs, len(dataset.train)
    teachers = [spec.teacher, *(spec.teachers if needs.teachers else ())]
    assistants = spec.assistants if needs.assistants else ()
    own = [each for each in teachers if each.source == "zoo"]
    trained: list[TeacherSpec | AssistantSpec] = [*own, *assistants]
    n_networks = len(teachers) + len(assistants) if needs.teacher or needs.assistants else 0
    is_tape = spec.table_kind == "tape"
    parts = spec.fidelity.max_epochs if is_tape else spec.views.n_augmentations
    n_tables = n_networks * (1 + len(roles_of(spec.search_space)))
    per_epoch = -(-n_images // spec.training.batch_size)
    steps = {
        model: step_s(_network(spec, model, dataset).to(device))
        for model in {each.model for each in trained}
    }
    maps_bytes = _maps_bytes(spec, dataset, parts, device) if needs.features else None
    return TeachingCost(
        n_networks=n_networks,
        parts=parts if n_networks else 0,
        table_bytes=2 * n_tables * parts * n_images * dataset.shape.num_classes,
        table_s=_table_s(spec, dataset, n_tables * parts * n_images, device),
        maps_bytes=maps_bytes,
        maps_are_kept=(maps_bytes or 0) <= spec.features.table_gb * 1e9,
        training_s=_total(steps, own, per_epoch) if own else None,
        assistants_s=_total(steps, assistants, per_epoch),
    )


def clock(seconds: float) -> str:
    """Say how long that is.

    Args:
        seconds: Seconds, >= 0.

    Returns:
        ``12 s``, ``3 min``, ``1.5 h``.
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _network(spec: StudySpec, model: str | None, dataset: Dataset) -> nn.Module:
    zoo = spec.teacher.model_copy(update={"source": "zoo", "model": model})
    return new_teacher(zoo, dataset.shape, mean=dataset.mean, std=dataset.std)


def _total(
    steps: Mapping[str | None, float],
    networks: Sequence[TeacherSpec | AssistantSpec],
    per_epoch: int,
) -> float:
    return sum(steps[each.model] * per_epoch * each.epochs for each in networks)


def _maps_bytes(spec: StudySpec, dataset: Dataset, parts: int, device: torch.device) -> int | None:
    """Measure the maps of the teacher's stages, which stand for those of its clusters too."""
    if not spec.teacher.is_of_zoo:
        return None
    teacher = _network(spec, spec.teacher.model, dataset).to(device)
    names = stage_names(teacher, dataset.shape, device=device)
    hints = hints_at(teacher, names, dataset.shape, device=device)
    return 2 * parts * len(dataset.train) * sum(hint.n_numbers for hint in hints)


def _table_s(
    spec: StudySpec, dataset: Dataset, n_images: int, device: torch.device
) -> float | None:
    """Time the teacher's network, untrained, on some images; the others answer no slower."""
    if not spec.teacher.is_of_zoo:
        return None
    teacher = _network(spec, spec.teacher.model, dataset).to(device)
    images = dataset.train.images[:_N_ASKED]
    with preparing_threads(dataset.shape.size):
        seconds = [_seconds_to_answer(teacher, images) for _ in range(_N_TIMES)]
    return min(seconds[1:]) * n_images / len(images)


def _seconds_to_answer(teacher: nn.Module, images: Tensor) -> float:
    began = time.perf_counter()
    predict(teacher, images).sum().item()  # a GPU is waited for
    return time.perf_counter() - began
