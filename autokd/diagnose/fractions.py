"""Smaller and larger parts of the training images, each inside of the next."""

from collections.abc import Sequence
from math import floor

import numpy as np
import torch
from torch import Tensor

from autokd.errors import DiagnosisError

__all__ = ["check_fractions", "nested_parts"]


def check_fractions(fractions: Sequence[float]) -> None:
    """Refuse fractions that make no parts inside of each other.

    Args:
        fractions: Shares of the training images.

    Raises:
        DiagnosisError: If there are none, or they do not ascend within (0, 1].
    """
    ascends = all(low < high for low, high in zip((0.0, *fractions), fractions, strict=False))
    if not fractions or not ascends or fractions[-1] > 1:
        found = [round(fraction, 6) for fraction in fractions]
        raise DiagnosisError(f"fractions must ascend within (0, 1], found {found}")


def nested_parts(labels: Tensor, fractions: Sequence[float], *, seed: int) -> tuple[Tensor, ...]:
    """Choose a share of each class's images, for several shares.

    Of n images of a class, a fraction f takes ``floor(f * n + 1/2)``, and at least one. A class is
    put into a random order once, and each part takes its first images, so a part holds all of
    every smaller part.

    Args:
        labels: Class indices, ``(n,)``.
        fractions: Shares, ascending, in (0, 1].
        seed: Seed of the order.

    Returns:
        Indices of each part, ascending, each ``(m,)``.

    Raises:
        DiagnosisError: If the fractions do not ascend within (0, 1], or two parts are the same
            because there are too few images.
    """
    check_fractions(fractions)
    generator = np.random.Generator(np.random.PCG64(seed))
    found = labels.cpu().numpy()
    classes = [generator.permutation(np.flatnonzero(found == label)) for label in np.unique(found)]
    parts = [
        np.sort(np.concatenate([members[: _share(fraction, len(members))] for members in classes]))
        for fraction in fractions
    ]
    for fraction, part, larger in zip(fractions, parts, parts[1:], strict=False):
        if len(part) == len(larger):
            raise DiagnosisError(
                f"fraction {fraction:g} takes the same {len(part)} images as the next one"
            )
    return tuple(torch.from_numpy(part) for part in parts)


def _share(fraction: float, n: int) -> int:
    return max(floor(fraction * n + 0.5), 1)
