"""What the teacher answers: to every view of the training images, to validation and to test.

Worked out once for a teacher, a data set and a kind of views, cached, and shared by all trials and
later studies. A study with more epochs extends the table; one with fewer reads its beginning.
float16 halves the table; its rounding, 0.05 % of a logit, is far below what another view changes.
Validation and test stay float32.
"""

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from autokd.data import Dataset, view_images
from autokd.distill.evaluation import predict
from autokd.distill.files import writing_to
from autokd.distill.progress import Progress, silent
from autokd.distill.table import Table
from autokd.errors import TeacherError
from autokd.study import ViewsSpec

__all__ = ["TeacherOutputs", "held_out_outputs", "outputs_folder", "view_outputs"]

_FORMAT = 1
"""Raised when views or tables change their meaning, so that older tables are not used."""

_PIECE = 512
_N_PROBES = 16
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class TeacherOutputs:
    """The teacher's logits.

    Attributes:
        views: float16, ``(views, n_train, classes)``, by view and image, mapped into memory; None
            where no method of the study reads them.
        validation: float32, ``(n_validation, classes)``, on the study's device.
        test: float32, ``(n_test, classes)``, on the study's device.
    """

    views: Tensor | None
    validation: Tensor
    test: Tensor


def outputs_folder(
    cache_dir: Path, *, teacher_digest: str, dataset_digest: str, views: ViewsSpec
) -> Path:
    """Name the folder of one teacher's outputs.

    Args:
        cache_dir: The cache.
        teacher_digest: Of the teacher's weights.
        dataset_digest: Of all images and labels.
        views: What a view is.

    Returns:
        A folder whose name depends on all of them.
    """
    parts = [_FORMAT, teacher_digest, dataset_digest, views.model_dump(mode="json")]
    key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return cache_dir / "outputs" / key


def held_out_outputs(
    teacher: nn.Module, dataset: Dataset, *, folder: Path
) -> tuple[Tensor, Tensor]:
    """Read or work out the teacher's logits for validation and test images.

    A module of the user's can change without its weights changing, so the answers to a few images
    are compared with the cached ones; where they differ, the folder's tables are removed.

    Args:
        teacher: The teacher, on the data's device.
        dataset: The images.
        folder: Where they are kept, from `outputs_folder`.

    Returns:
        Logits for validation, ``(n_validation, classes)``, and for test, ``(n_test, classes)``,
        float32, on the data's device.

    Raises:
        RunError: If the folder cannot be written.
        TeacherError: If a logit is not finite.
    """
    _forget_other_teacher(teacher, dataset, folder)
    validation, test = (
        _held_out(teacher, split.images, _table(folder, name, len(split), dataset, "float32"))
        for name, split in (("validation", dataset.validation), ("test", dataset.test))
    )
    device = dataset.train.images.device
    return validation.to(device), test.to(device)


def view_outputs(
    teacher: nn.Module,
    dataset: Dataset,
    *,
    views: ViewsSpec,
    n_views: int,
    folder: Path,
    progress: Progress = silent,
) -> Tensor:
    """Read or work out the teacher's logits for the first views.

    Args:
        teacher: The teacher, on the data's device.
        dataset: The images.
        views: What a view is.
        n_views: Views that are needed, >= 1.
        folder: Where they are kept, from `outputs_folder`.
        progress: Told after each view that was worked out.

    Returns:
        float16, ``(n_views, n_train, classes)``, mapped into memory.

    Raises:
        RunError: If the folder cannot be written, or the disk is too small.
        TeacherError: If a logit does not fit into float16.
    """

    def compute(view: int) -> Tensor:
        logits = torch.cat(list(_answers(teacher, dataset.train.images, view=view, views=views)))
        progress("views", view + 1, n_views)
        return _finite(logits.half())

    table = _table(folder, "views", len(dataset.train), dataset, "float16")
    return table.read_or_fill(n_views, compute)


def _held_out(teacher: nn.Module, images: Tensor, table: Table) -> Tensor:
    return table.read_or_fill(1, lambda _: _finite(predict(teacher, images)))[0]


def _answers(
    teacher: nn.Module, images: Tensor, *, view: int, views: ViewsSpec
) -> Iterator[Tensor]:
    for indices in torch.split(torch.arange(len(images), device=images.device), _PIECE):
        yield predict(teacher, view_images(images, indices, view=view, spec=views))


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
    expected = known[0, :_N_PROBES]
    found = predict(teacher, images[:_N_PROBES]).cpu()
    # Devices and numbers of threads round differently, by far less than one in a hundred.
    if bool((found - expected).abs().max() <= 0.01 * expected.abs().max()):
        return
    _LOG.warning("%s holds the answers of another teacher with the same weights", folder)
    with writing_to(folder):
        for path in folder.iterdir():
            path.unlink()
