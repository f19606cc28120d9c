"""What a network that teaches answers: to every view of the training images, and to all others.

Worked out once for a teacher, a data set and a kind of views, cached, and shared by all trials and
later studies. On a tape a study with more epochs extends the table, and one with fewer reads its
beginning; an exhaustive table serves every number of epochs and every seed of the views.
float16 halves the table; its rounding, 0.05 % of a logit, is far below what another view changes.
Validation, test and tuning stay float32.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from autokd.data import Dataset, augmented_images, view_images
from autokd.data.store.files import writing_to
from autokd.data.store.table import Table
from autokd.distill.answers import Answers
from autokd.distill.evaluation import predict
from autokd.distill.progress import Progress, silent
from autokd.errors import TeacherError
from autokd.views import TableKind, ViewsSpec

__all__ = [
    "HeldOut",
    "TeacherOutputs",
    "are_alike",
    "held_out_outputs",
    "outputs_folder",
    "view_outputs",
]

_FORMAT = 1
"""Raised when views or tables change their meaning, so that older tables are not used."""

_PIECE = 512
_N_PROBES = 16
_ROUNDING = 0.01
"""Devices and numbers of threads round differently, by far less of the largest logit."""

_LOG = logging.getLogger(__name__)


class HeldOut(NamedTuple):
    """A network's logits for images that nobody trains on, on the images' device.

    Attributes:
        validation: float32, ``(n_validation, classes)``.
        test: float32, ``(n_test, classes)``.
        tuning: float32, ``(n_tuning, classes)``; None without such images.
    """

    validation: Tensor
    test: Tensor
    tuning: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TeacherOutputs:
    """The logits of a network that teaches.

    Attributes:
        views: ``(parts, n_train, classes)``, by part and image: float16, mapped into memory, of a
            network that was asked; None where no method of the study reads them.
        validation: float32, ``(n_validation, classes)``, on the images' device.
        test: float32, ``(n_test, classes)``, on the images' device.
        kind: What a part of `views` is: a view of a tape, an augmentation, or the one answer to
            all views.
        tuning: float32, ``(n_tuning, classes)``, on the images' device; None without such images.
        roles: Answers in roles of the teacher's own, by role.
        files: Cached files of the tables: that of `views` under ``same``, others by role.
    """

    views: Tensor | None
    validation: Tensor
    test: Tensor
    kind: TableKind = "tape"
    tuning: Tensor | None = None
    roles: Mapping[str, Answers] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)

    def tables(self) -> dict[str, Answers]:
        """List the answers to training images.

        Returns:
            By what the network looked at: ``same`` for what the students see, else a role.
        """
        same = {} if self.views is None else {"same": Answers(self.views, self.kind)}
        return {**same, **self.roles}

    def covers(self, n_views: int) -> bool:
        """Say whether as many views can be trained on.

        Args:
            n_views: Views, counted from 0, >= 1.

        Returns:
            True also where nothing reads the network's answers.
        """
        return all(answers.covers(n_views) for answers in self.tables().values())


def are_alike(found: Tensor, noted: Tensor) -> bool:
    """Tell whether the same network may have given two answers to the same images.

    Args:
        found: Logits, ``(images, classes)`` or some of them, ``(n,)``, on the CPU.
        noted: The same that were given earlier, perhaps on another device.

    Returns:
        Whether they differ by no more than rounding does.
    """
    return bool((found - noted).abs().max() <= _ROUNDING * noted.abs().max())


def outputs_folder(
    cache_dir: Path,
    *,
    teacher_digest: str,
    dataset_digest: str,
    views: ViewsSpec,
    kind: TableKind = "tape",
) -> Path:
    """Name the folder of one teacher's outputs.

    Args:
        cache_dir: The cache.
        teacher_digest: Of the teacher's weights.
        dataset_digest: Of all images and labels.
        views: What a view is.
        kind: How the views are kept.

    Returns:
        A folder whose name depends on all of them; that of an exhaustive table not on the views'
        seed.
    """
    pixels = views.pixels()
    if kind == "exhaustive":
        pixels["seed"] = kind
    parts = [_FORMAT, teacher_digest, dataset_digest, pixels]
    key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return cache_dir / "outputs" / key


def held_out_outputs(teacher: nn.Module, dataset: Dataset, *, folder: Path) -> HeldOut:
    """Read or work out the teacher's logits for all images but those of training.

    A module of the user's can change without its weights changing, so the answers to a few images
    are compared with the cached ones; where they differ, all that the folder has is removed, the
    assistants that it taught included.

    Args:
        teacher: The teacher, on the data's device.
        dataset: The images.
        folder: Where they are kept, from `outputs_folder`.

    Returns:
        The logits, each ``(n, classes)``.

    Raises:
        RunError: If the folder cannot be written.
        TeacherError: If a logit is not finite.
    """
    _forget_other_teacher(teacher, dataset, folder)
    device = dataset.train.images.device
    found = {
        name: _held_out(
            teacher, split.images, _table(folder, name, len(split), dataset, "float32")
        ).to(device)
        for name, split in dataset.splits.items()
        if name != "train"
    }
    return HeldOut(found["validation"], found["test"], found.get("tuning"))


def view_outputs(
    teacher: nn.Module,
    dataset: Dataset,
    *,
    views: ViewsSpec,
    n_views: int,
    folder: Path,
    kind: TableKind = "tape",
    name: str = "views",
    progress: Progress = silent,
) -> Tensor:
    """Read or work out the teacher's logits for the first views, or for every augmentation.

    Args:
        teacher: The teacher, on the data's device.
        dataset: The images.
        views: What a view is.
        n_views: Views that are needed, >= 1.
        folder: Where they are kept, from `outputs_folder`.
        kind: How they are kept; an exhaustive table has all augmentations, whatever ``n_views``,
            and a constant one a single part.
        name: Name of the table in the folder.
        progress: Told after each part that was worked out.

    Returns:
        float16, ``(parts, n_train, classes)``, mapped into memory; a part is a view, or an
        augmentation.

    Raises:
        RunError: If the folder cannot be written, or the disk is too small.
        TeacherError: If a logit does not fit into float16.
    """
    images = dataset.train.images
    n_parts = {"exhaustive": views.n_augmentations, "constant": 1}.get(kind, n_views)

    def show(part: int, indices: Tensor) -> Tensor:
        if kind == "exhaustive":
            return augmented_images(images, indices, number=part, spec=views)
        return view_images(images, indices, view=part, spec=views)

    def compute(part: int) -> Tensor:
        answers = _answers(teacher, images, lambda indices: show(part, indices))
        logits = torch.cat(list(answers))
        progress("views", part + 1, n_parts)
        return _finite(logits.half())

    table = _table(folder, name, len(dataset.train), dataset, "float16")
    return table.read_or_fill(n_parts, compute)


def _held_out(teacher: nn.Module, images: Tensor, table: Table) -> Tensor:
    return table.read_or_fill(1, lambda _: _finite(predict(teacher, images)))[0]


def _answers(
    teacher: nn.Module, images: Tensor, show: Callable[[Tensor], Tensor]
) -> Iterator[Tensor]:
    for indices in torch.split(torch.arange(len(images), device=images.device), _PIECE):
        yield predict(teacher, show(indices))


def _table(folder: Path, name: str, n: int, dataset: Dataset, dtype: str) -> Table:
    part_shape = (n, dataset.shape.num_classes)
    return Table(folder / f"{name}.npy", folder.name, part_shape, dtype)


def _finite(logits: Tensor) -> Tensor:
    if not bool(logits.isfinite().all()):
        raise TeacherError("the teacher's logits are not finite, or beyond 65504")
    return logits


def _forget_other_teacher(teacher: nn.Module, dataset: Dataset, folder: Path) -> None:
    images = dataset.validation.images
    known = _table(folder, "validation", len(images), dataset, "float32").read()
    if known is None:
        return
    if are_alike(predict(teacher, images[:_N_PROBES]).cpu(), known[0, :_N_PROBES]):
        return
    _LOG.warning("%s holds the answers of another teacher with the same weights", folder)
    with writing_to(folder):
        shutil.rmtree(folder)
