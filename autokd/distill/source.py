"""The batches of a view: images, the teacher's logits for these very pixels, labels.

Augmentation, the change to float and the teacher's logits are worked out for many batches at once
and then sliced: a step of a tiny student takes milliseconds, and a dozen small operations a batch
would show. All trials see the same batches in the same order.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from autokd.data import (
    Split,
    draw_augmentations,
    to_unit,
    view_images,
    view_labels,
    view_order,
)
from autokd.errors import ShapeError
from autokd.views import TableKind, ViewsSpec

__all__ = ["Batch", "TrainingSource"]

_CHUNK_BYTES = 16 * 2**20
"""Images made ready at once, as float32: all of a small data set, and never so many that they
crowd out the caches."""


class Batch(NamedTuple):
    """What one step trains on.

    Attributes:
        images: float32 in [0, 1], ``(batch, channels, size, size)``, channels last in memory.
        teacher_logits: float32, ``(batch, classes)``, or None without a teacher.
        labels: Class indices, int64, ``(batch,)``; of mixed views class probabilities, float32,
            ``(batch, classes)``.
    """

    images: Tensor
    teacher_logits: Tensor | None
    labels: Tensor

    def part(self, rows: slice) -> "Batch":
        """Take some of the images.

        Args:
            rows: Which.

        Returns:
            A smaller batch that shares the memory.
        """
        logits = None if self.teacher_logits is None else self.teacher_logits[rows]
        return Batch(self.images[rows], logits, self.labels[rows])


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSource:
    """What a network is trained on: epoch e of a training is view ``first_view + e``.

    Attributes:
        split: Training images and labels, on any device.
        views: How a view shows them; its seed also orders them.
        teacher_views: Teacher logits, ``(parts, n, classes)``, on any device, or None without a
            teacher; part p is view p of a tape, augmentation p of an exhaustive table.
        first_view: View of the first epoch, >= 0.
        table_kind: What a part of the teacher's logits is.
        num_classes: Classes; needed where views are mixed and there is no teacher.
        trained_on: Device that the batches go to; None means the one that the images are on.

    Raises:
        ShapeError: If the teacher's logits are not for these images and views, if there are fewer
            than two images, or if the number of classes is missing.
    """

    split: Split
    views: ViewsSpec
    teacher_views: Tensor | None = None
    first_view: int = 0
    table_kind: TableKind = "tape"
    num_classes: int | None = None
    trained_on: torch.device | None = None

    def __post_init__(self) -> None:
        if len(self.split) < 2:
            raise ShapeError(f"training needs at least 2 images, found {len(self.split)}")
        table = self.teacher_views
        if table is not None and (table.ndim != 3 or table.shape[1] != len(self.split)):
            raise ShapeError(
                f"teacher logits must be (views, {len(self.split)}, classes), "
                f"found {tuple(table.shape)}"
            )
        if table is None and self.num_classes is None and self.views.mix != "none":
            raise ShapeError("mixed views need the number of classes, found None")
        self._check_augmentations()

    @property
    def device(self) -> torch.device:
        """Where the batches are."""
        found, wanted = self.split.images.device, self.trained_on
        # "cuda" is where images on "cuda:0" are already.
        return found if wanted is None or wanted.type == found.type else wanted

    def check_epochs(self, epochs: int) -> None:
        """Refuse a training that is longer than the teacher's views.

        Args:
            epochs: Epochs to be trained, >= 0.

        Raises:
            ShapeError: If a view is missing.
        """
        table, needed = self.teacher_views, self.first_view + epochs
        if table is not None and self.table_kind == "tape" and needed > len(table):
            raise ShapeError(
                f"{epochs} epochs from view {self.first_view} need teacher logits of {needed} "
                f"views, found {len(table)}"
            )

    def batches(self, epoch: int, batch_size: int) -> Iterator[Batch]:
        """Cut one view into batches.

        Args:
            epoch: Epoch, >= 0.
            batch_size: Images a batch, >= 1; the last batch may be smaller. A single image left
                over makes no batch.

        Yields:
            The batches, the same for every network.
        """
        view = self.first_view + epoch
        # To the images at once: on a GPU each copy of its own would wait for the work under way.
        order = view_order(len(self.split), view=view, seed=self.views.seed)
        order = order.to(self.split.images.device)
        for indices in torch.split(order, self._chunk(batch_size)):
            chunk = self._prepare(indices, view)
            for start in range(0, len(indices), batch_size):
                batch = chunk.part(slice(start, start + batch_size))
                if len(batch.labels) > 1 or batch_size == 1:
                    yield batch

    def _chunk(self, batch_size: int) -> int:
        batch_bytes = batch_size * self.split.images[0].numel() * 4
        return batch_size * max(_CHUNK_BYTES // batch_bytes, 1)

    def _prepare(self, indices: Tensor, view: int) -> Batch:
        images, labels = self.split.images, self.split.labels
        here = indices.to(images.device)
        pixels = view_images(images, here, view=view, spec=self.views).to(self.device)
        given = view_labels(
            labels,
            here,
            view=view,
            spec=self.views,
            size=images.shape[-1],
            num_classes=self._n_classes(),
        )
        shown = to_unit(pixels).contiguous(memory_format=torch.channels_last)
        return Batch(shown, self._logits(indices, view), given.to(self.device))

    def _logits(self, indices: Tensor, view: int) -> Tensor | None:
        table = self.teacher_views
        if table is None:
            return None
        indices = indices.to(table.device)
        if self.table_kind == "tape":
            found = table[view][indices]
        else:
            found = table[draw_augmentations(indices, view=view, spec=self.views), indices]
        return found.to(self.device, torch.float32)

    def _n_classes(self) -> int:
        return self.num_classes or (
            0 if self.teacher_views is None else self.teacher_views.shape[2]
        )

    def _check_augmentations(self) -> None:
        table, needed = self.teacher_views, self.views.n_augmentations
        if table is not None and self.table_kind == "exhaustive" and len(table) != needed:
            raise ShapeError(
                f"these views have {needed} augmentations, found teacher logits of {len(table)}"
            )
