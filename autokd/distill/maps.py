"""A teacher's maps of every view: read from a table, or asked of the teacher at each step.

Both know the maps of the same layers, its *hints*, for the very pixels that a student sees. A
table costs the teacher's time once and memory for ever after, and its float16 rounds; a live
teacher costs its time at every step. Which one a study has is decided in
`autokd.distill.study_maps`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from autokd.data import draw_augmentations
from autokd.distill.evaluation import evaluating
from autokd.distill.source import MapReader
from autokd.distill.taps import Tap
from autokd.graphs import InputShape
from autokd.views import TableKind, ViewsSpec

__all__ = ["Hint", "LiveMaps", "MapTable", "hints_at", "last_maps"]


class Hint(NamedTuple):
    """A layer whose maps are compared.

    Attributes:
        name: Of the part of the teacher.
        channels: Of its maps.
        height: Of its maps, pixels.
        width: Of its maps, pixels.
    """

    name: str
    channels: int
    height: int
    width: int

    @property
    def n_numbers(self) -> int:
        """Numbers that the layer gives for an image."""
        return self.channels * self.height * self.width


@dataclass(frozen=True, slots=True, eq=False)
class LiveMaps:
    """Asks the teacher at every step, in float32 and evaluation mode; a `MapReader`.

    Attributes:
        teacher: The teacher, on the device of the images that it will see.
        hints: Its layers, highest resolution first.
        table_bytes: What a table of its maps would take, bytes.
    """

    teacher: nn.Module
    hints: tuple[Hint, ...]
    table_bytes: int = 0

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of each map."""
        return tuple(hint.channels for hint in self.hints)

    def covers(self, n_views: int) -> bool:
        """Say whether as many views can be trained on.

        Args:
            n_views: Not looked at.

        Returns:
            True.
        """
        return True

    def at(self, images: Tensor, indices: Tensor, view: int) -> tuple[Tensor, ...]:
        """Work out the maps of some images.

        Args:
            images: As the view shows them, float32 in [0, 1], ``(batch, channels, size, size)``.
            indices: Not looked at, ``(batch,)``.
            view: Not looked at.

        Returns:
            The maps, each float32 ``(batch, channels, height, width)``, without gradients.
        """
        names = [hint.name for hint in self.hints]
        where = images.device.type
        # The hooks go at once: a module that was given in Python stays as it was.
        with (
            Tap(self.teacher, names) as tap,
            evaluating(self.teacher),
            torch.autocast(where, enabled=False),
        ):
            return tap(images)[1]


@dataclass(frozen=True, slots=True, eq=False)
class MapTable:
    """Reads maps that were worked out before; a `MapReader`.

    Attributes:
        table: float16, ``(parts, n_train, numbers)``, on any device; a row holds the maps of an
            image, one hint after the other.
        hints: What a row holds.
        views: What a view is.
        kind: What a part is: a view of a tape, or an augmentation.
        file: The ``.npy`` file that holds the table or a longer one; None where there is none.
    """

    table: Tensor
    hints: tuple[Hint, ...]
    views: ViewsSpec
    kind: TableKind = "tape"
    file: Path | None = None

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of each map."""
        return tuple(hint.channels for hint in self.hints)

    def covers(self, n_views: int) -> bool:
        """Say whether as many views can be trained on.

        Args:
            n_views: Views, counted from 0, >= 1.

        Returns:
            True if none is missing.
        """
        return self.kind == "exhaustive" or len(self.table) >= n_views

    def at(self, images: Tensor, indices: Tensor, view: int) -> tuple[Tensor, ...]:
        """Look up the maps of some images of a view.

        Args:
            images: Only their device counts, ``(batch, channels, size, size)``.
            indices: Training images, int64, ``(batch,)``.
            view: Number of the view, >= 0.

        Returns:
            The maps, each float32 ``(batch, channels, height, width)``, on the images' device.
        """
        here = indices.to(self.table.device)
        if self.kind == "exhaustive":
            numbers = draw_augmentations(here, view=view, spec=self.views)
            rows = self.table[numbers, here]
        else:
            rows = self.table[view][here]
        widths = [hint.n_numbers for hint in self.hints]
        parts = torch.split(rows.to(images.device), widths, dim=1)
        return tuple(
            part.float().view(-1, hint.channels, hint.height, hint.width)
            for part, hint in zip(parts, self.hints, strict=True)
        )


def hints_at(
    teacher: nn.Module,
    names: Sequence[str],
    shape: InputShape,
    *,
    device: torch.device | str = "cpu",
) -> tuple[Hint, ...]:
    """Measure the maps of some layers, on a grey image.

    Args:
        teacher: The teacher.
        names: Of its layers.
        shape: What it reads.
        device: Where it is.

    Returns:
        A hint for each name.
    """
    images = torch.full((1, shape.channels, shape.size, shape.size), 0.5, device=device)
    with Tap(teacher, names) as tap, evaluating(teacher):
        _, maps = tap(images)
    return tuple(Hint(name, *each.shape[1:]) for name, each in zip(names, maps, strict=True))


def last_maps(reader: MapReader, n: int) -> MapReader:
    """Read the deepest maps only, for a student that has fewer stages than there are hints.

    Args:
        reader: Knows all maps.
        n: How many are wanted, >= 1.

    Returns:
        What reads the last of them.
    """
    return reader if n >= len(reader.channels) else _LastMaps(reader, n)


@dataclass(frozen=True, slots=True, eq=False)
class _LastMaps:
    reader: MapReader
    n: int

    @property
    def channels(self) -> tuple[int, ...]:
        return self.reader.channels[-self.n :]

    def at(self, images: Tensor, indices: Tensor, view: int) -> tuple[Tensor, ...]:
        return self.reader.at(images, indices, view)[-self.n :]
