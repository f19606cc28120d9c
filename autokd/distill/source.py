"""The batches of a view: images, what the networks that teach say of these very pixels, labels.

Augmentation, the change to float and the teacher's logits are worked out for many batches at once
and then sliced: a step of a tiny student takes milliseconds, and a dozen small operations a batch
would show. The teacher's maps are large, and come batch by batch. All trials see the same batches
in the same order.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from autokd.data import (
    Split,
    to_unit,
    view_images,
    view_labels,
    view_order,
)
from autokd.distill.answers import Answers
from autokd.errors import ShapeError
from autokd.seeds import derive_seed
from autokd.views import ViewsSpec

__all__ = ["Batch", "MapReader", "TrainingSource"]

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
        indices: Which training images these are, int64, ``(batch,)``.
        more_logits: Of further teachers, float32, ``(batch, teachers, classes)``, or None.
        assistant_logits: Of assistants, float32, ``(batch, assistants, classes)``, or None.
        teacher_maps: The teacher's maps, each float32 ``(batch, channels, height, width)``.
    """

    images: Tensor
    teacher_logits: Tensor | None
    labels: Tensor
    indices: Tensor | None = None
    more_logits: Tensor | None = None
    assistant_logits: Tensor | None = None
    teacher_maps: tuple[Tensor, ...] = ()

    def part(self, rows: slice) -> "Batch":
        """Take some of the images.

        Args:
            rows: Which.

        Returns:
            A smaller batch that shares the memory.
        """
        return self.each(lambda tensor: tensor[rows])

    def each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        """Do the same to every tensor.

        Args:
            change: Gives the new tensor for an old one.

        Returns:
            The batch of the new tensors.
        """
        return Batch(
            change(self.images),
            _of(self.teacher_logits, change),
            change(self.labels),
            _of(self.indices, change),
            _of(self.more_logits, change),
            _of(self.assistant_logits, change),
            tuple(change(maps) for maps in self.teacher_maps),
        )

    def tensors(self) -> list[Tensor]:
        """List every tensor that there is.

        Returns:
            The tensors, in the order of the fields, each with the shape ``(batch, ...)``.
        """
        *parts, maps = self
        return [part for part in (*parts, *maps) if isinstance(part, Tensor)]


def _of(tensor: Tensor | None, change: Callable[[Tensor], Tensor]) -> Tensor | None:
    return None if tensor is None else change(tensor)


class MapReader(Protocol):
    """Knows a teacher's maps of every view, stored or worked out."""

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of each map."""
        ...

    def at(self, images: Tensor, indices: Tensor, view: int) -> tuple[Tensor, ...]:
        """Give the maps of some images of a view.

        Args:
            images: As the view shows them, float32 in [0, 1], ``(batch, channels, size, size)``.
            indices: Which training images they are, int64, ``(batch,)``.
            view: Number of the view.

        Returns:
            The maps, highest resolution first, each float32 ``(batch, channels, height, width)``,
            on the images' device.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSource:
    """What a network is trained on: epoch e of a training is view ``first_view + e``.

    Attributes:
        split: Training images and labels, on any device.
        views: How a view shows them; its seed also orders them.
        teacher: The teacher's answers to the views, or None without one.
        first_view: View of the first epoch, >= 0.
        more: Answers of further teachers.
        assistants: Answers of assistants.
        maps: The teacher's maps, or None where no method reads them.
        num_classes: Classes; needed where views are mixed and there is no teacher.
        trained_on: Device that the batches go to; None means the one that the images are on.
        only: Training images that are shown, int64, ``(m,)``, m >= 1; None means all. Fewer are
            shown again, each time in another order, until a view has as many images as ever: so
            trainings on more and on fewer images have the same steps. A mixed view has partners
            from all images.

    Raises:
        ShapeError: If answers are not for these images and views, if there are fewer than two
            images or none to show, or if the number of classes is missing.
    """

    split: Split
    views: ViewsSpec
    teacher: Answers | None = None
    first_view: int = 0
    more: tuple[Answers, ...] = ()
    assistants: tuple[Answers, ...] = ()
    maps: MapReader | None = None
    num_classes: int | None = None
    trained_on: torch.device | None = None
    only: Tensor | None = None

    def __post_init__(self) -> None:
        if len(self.split) < 2:
            raise ShapeError(f"training needs at least 2 images, found {len(self.split)}")
        for answers in self._all_answers():
            answers.check(len(self.split), self.views)
        if self.teacher is None and self.num_classes is None and self.views.mix != "none":
            raise ShapeError("mixed views need the number of classes, found None")
        if self.only is not None and not len(self.only):
            raise ShapeError("training on some of the images needs at least one, found none")

    @property
    def device(self) -> torch.device:
        """Where the batches are."""
        found, wanted = self.split.images.device, self.trained_on
        # "cuda" is where images on "cuda:0" are already.
        return found if wanted is None or wanted.type == found.type else wanted

    def check_epochs(self, epochs: int) -> None:
        """Refuse a training that is longer than the views that were answered.

        Args:
            epochs: Epochs to be trained, >= 0.

        Raises:
            ShapeError: If a view is missing.
        """
        needed = self.first_view + epochs
        for answers in self._all_answers():
            if not answers.covers(needed):
                raise ShapeError(
                    f"{epochs} epochs from view {self.first_view} need teacher logits of {needed} "
                    f"views, found {len(answers.parts)}"
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
        order = self._order(view).to(self.split.images.device)
        for indices in torch.split(order, self._chunk(batch_size)):
            chunk = self._prepare(indices, view)
            for start in range(0, len(indices), batch_size):
                batch = chunk.part(slice(start, start + batch_size))
                if len(batch.labels) > 1 or batch_size == 1:
                    yield self._with_maps(batch, view)

    def images(self, epoch: int, batch_size: int) -> Iterator[Tensor]:
        """Show the images of one view alone; nobody who teaches is asked.

        Args:
            epoch: Epoch, >= 0.
            batch_size: Images a batch, >= 1, as for `batches`.

        Yields:
            The images of each batch, float32 in [0, 1], ``(batch, channels, size, size)``.
        """
        untaught = replace(
            self, teacher=None, more=(), assistants=(), maps=None, num_classes=self._n_classes()
        )
        yield from (batch.images for batch in untaught.batches(epoch, batch_size))

    def _order(self, view: int) -> Tensor:
        n, only, seed = len(self.split), self.only, self.views.seed
        if only is None:
            return view_order(n, view=view, seed=seed)
        rounds = [
            view_order(len(only), view=view, seed=derive_seed(seed, "round", number))
            for number in range(ceil(n / len(only)))
        ]
        return only.cpu()[torch.cat(rounds)[:n]]

    def _all_answers(self) -> tuple[Answers, ...]:
        own = () if self.teacher is None else (self.teacher,)
        return (*own, *self.more, *self.assistants)

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
        teacher = () if self.teacher is None else (self.teacher,)
        logits = self._logits(teacher, indices, view)
        return Batch(
            to_unit(pixels).contiguous(memory_format=torch.channels_last),
            None if logits is None else logits[:, 0],
            given.to(self.device),
            indices.to(self.device),
            self._logits(self.more, indices, view),
            self._logits(self.assistants, indices, view),
        )

    def _logits(self, networks: Sequence[Answers], indices: Tensor, view: int) -> Tensor | None:
        if not networks:
            return None
        found = [answers.at(indices, view=view, views=self.views) for answers in networks]
        return torch.stack([each.to(self.device, torch.float32) for each in found], dim=1)

    def _with_maps(self, batch: Batch, view: int) -> Batch:
        if self.maps is None or batch.indices is None:
            return batch
        return batch._replace(teacher_maps=self.maps.at(batch.images, batch.indices, view))

    def _n_classes(self) -> int:
        return self.num_classes or (0 if self.teacher is None else self.teacher.num_classes)
