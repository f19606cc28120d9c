"""What the methods that compare maps have in common: which maps, and rows of length 1.

The student's and the teacher's maps differ in channels and may differ in resolution. Each method
settles the first in its own way; the second is settled here, by averaging the finer one. Rows
whose direction is undefined become 0 and get no gradient, so that dead maps never give NaN.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from autokd.distill.losses.seen import Seen, Setting
from autokd.errors import ShapeError

__all__ = [
    "TINY",
    "channel_pairs",
    "embeddings",
    "in_range",
    "last_maps",
    "map_pairs",
    "unit_rows",
]

TINY = 1e-6
"""Largest magnitude that counts as 0 where something is divided by its own size; ours."""


def channel_pairs(setting: Setting) -> tuple[tuple[int, int], ...]:
    """Give the channels of the maps that are compared.

    Args:
        setting: What a method is made for.

    Returns:
        Channels of the student's and of the teacher's map, for each place.

    Raises:
        ShapeError: If there are no maps, or not as many of both.
    """
    _check_counts(len(setting.student_channels), len(setting.teacher_channels))
    return tuple(zip(setting.student_channels, setting.teacher_channels, strict=True))


def last_maps(seen: Seen) -> tuple[Tensor, Tensor]:
    """Give the maps of the lowest resolution, as they are.

    Args:
        seen: The batch.

    Returns:
        The student's and the teacher's, each ``(batch, channels, height, width)``; the teacher's
        without gradients.

    Raises:
        ShapeError: If there are no maps, not as many of both, or not of the same images.
    """
    _check_counts(len(seen.student_maps), len(seen.teacher_maps))
    return _alike(seen.student_maps[-1], seen.teacher_maps[-1])


def map_pairs(seen: Seen) -> tuple[tuple[Tensor, Tensor], ...]:
    """Give the maps that are compared, those of each place at the smaller of their resolutions.

    Args:
        seen: The batch.

    Returns:
        For each place the student's and the teacher's map, each ``(batch, channels, height,
        width)`` with channels of its own; the teacher's without gradients.

    Raises:
        ShapeError: If there are no maps, not as many of both, or not of the same images.
    """
    _check_counts(len(seen.student_maps), len(seen.teacher_maps))
    pairs = zip(seen.student_maps, seen.teacher_maps, strict=True)
    return tuple(_at_one_resolution(*_alike(student, teacher)) for student, teacher in pairs)


def embeddings(seen: Seen) -> tuple[Tensor, Tensor]:
    """Average the last maps over their pixels.

    Args:
        seen: The batch.

    Returns:
        The student's and the teacher's embeddings, each ``(batch, channels)``; the teacher's
        without gradients.

    Raises:
        ShapeError: As for `last_maps`.
    """
    student, teacher = last_maps(seen)
    return student.mean(dim=(2, 3)), teacher.mean(dim=(2, 3))


def in_range(values: Tensor, *, dim: int | tuple[int, ...]) -> Tensor:
    """Divide by the largest magnitude, which receives no gradient.

    For what does not depend on the scale of ``values`` this changes neither result nor gradient,
    and squares neither overflow nor vanish.

    Args:
        values: Any shape, such as ``(batch, channels, height, width)``.
        dim: Over which axes the largest magnitude is taken.

    Returns:
        The same shape, in [-1, 1]; 0 without a gradient where the largest magnitude is at most
        `TINY`, NaN where a value is not finite.
    """
    size = values.detach().abs().amax(dim=dim, keepdim=True)
    is_zero = size <= TINY
    return torch.where(is_zero, torch.zeros_like(values), values / size.clamp_min(TINY))


def unit_rows(rows: Tensor) -> Tensor:
    """Bring each row to Euclidean length 1.

    Args:
        rows: ``(batch, width)``.

    Returns:
        The same shape; a row without a component above `TINY` becomes 0 and gets no gradient.
    """
    rows = in_range(rows, dim=1)
    squares = rows.square().sum(dim=1, keepdim=True)
    # A row that is not 0 has a component of magnitude 1 by now.
    return rows * (squares + (squares == 0)).rsqrt()


def _check_counts(student: int, teacher: int) -> None:
    if student == 0 or student != teacher:
        raise ShapeError(
            "maps of the student and as many of the teacher are needed, "
            f"found {student} and {teacher}"
        )


def _alike(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    if student.ndim != 4 or teacher.ndim != 4 or len(student) != len(teacher):
        raise ShapeError(
            "maps must be (batch, channels, height, width) of the same images, "
            f"found {tuple(student.shape)} and {tuple(teacher.shape)}"
        )
    return student, teacher.detach().to(student.dtype)


def _at_one_resolution(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    height = min(student.shape[2], teacher.shape[2])
    width = min(student.shape[3], teacher.shape[3])
    return _averaged(student, (height, width)), _averaged(teacher, (height, width))


def _averaged(maps: Tensor, size: tuple[int, int]) -> Tensor:
    return maps if maps.shape[2:] == size else F.adaptive_avg_pool2d(maps, size)
