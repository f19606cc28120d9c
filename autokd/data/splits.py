"""Cuts of a data set, stratified by class and fixed by a seed.

How many images a cut takes:

1. of n images, a fraction f means ``floor(f * n + 1/2)`` images;
2. class c with n_c images contributes its quota ``n_c * taken / n`` rounded down, and the images
   still missing come one each from the classes with the largest remainders (Hamilton's method),
   ties going to the lower class index;
3. a cut by fraction (validation, test, tuning) then moves every class into [1, n_c - 1], so that
   both sides know every class;
4. of k images a class, every class keeps k, or all where it has fewer;
5. a limited number of images leaves every class ``least_per_class``, or all where it has fewer.

Which images: one NumPy PCG64 generator a cut permutes the classes' indices, class by class, and
the first ones of each are taken. Both sides come back in ascending order, so a cut never reorders
the source.
"""

import math

import numpy as np
import torch
from torch import Tensor

from autokd.errors import DataError
from autokd.seeds import derive_seed

__all__ = ["apportion", "cut_fraction", "keep_few", "keep_limit"]

_MIN_PER_CLASS = 2  # one for each side of a cut


def apportion(sizes: list[int], taken: int) -> list[int]:
    """Divide a number of images among classes in proportion to their sizes.

    Args:
        sizes: Images of each class, each >= 0.
        taken: Images to take in all, in [0, sum of the sizes].

    Returns:
        Images taken of each class; they sum to ``taken``, and none exceeds its class.

    Source: Hamilton's method of largest remainders, in whole numbers; ties go to the lower class.
    """
    total = max(sum(sizes), 1)
    counts = [size * taken // total for size in sizes]
    remainders = [size * taken % total for size in sizes]
    order = sorted(range(len(sizes)), key=lambda label: (-remainders[label], label))
    for label in order[: taken - sum(counts)]:
        counts[label] += 1
    return counts


def cut_fraction(
    labels: Tensor, fraction: float, *, class_names: tuple[str, ...], seed: int, what: str
) -> tuple[Tensor, Tensor]:
    """Cut a share of the images off.

    Args:
        labels: Class indices, ``(n,)``.
        fraction: Share to cut off, in (0, 1).
        class_names: Names by class index.
        seed: Seed of the study's cuts; each ``what`` derives its own.
        what: Name of the cut, ``validation``, ``test`` or ``tuning``, also for messages.

    Returns:
        Indices that stay and indices cut off, both ascending, ``(n - m,)`` and ``(m,)``; each
        class is on both sides.

    Raises:
        DataError: If a class has fewer than 2 images.
    """
    sizes = _class_sizes(labels, class_names)
    for name, size in zip(class_names, sizes, strict=True):
        if size < _MIN_PER_CLASS:
            raise DataError(
                f"class {name!r} has {_images(size)}: cutting off {what} images takes at least "
                f"{_MIN_PER_CLASS} of each class"
            )
    wanted = apportion(sizes, math.floor(fraction * len(labels) + 0.5))
    counts = [min(max(count, 1), size - 1) for count, size in zip(wanted, sizes, strict=True)]
    return _cut(labels, counts, seed=derive_seed(seed, what))


def keep_limit(
    labels: Tensor, limit: int, *, class_names: tuple[str, ...], seed: int, least: int = 0
) -> Tensor:
    """Choose the images to keep when their number is limited.

    Args:
        labels: Class indices, ``(n,)``.
        limit: Images to keep, >= 1; as many as there are, or more, keeps all.
        class_names: Names by class index.
        seed: Seed of the study's cuts.
        least: Images of each class that are kept at least, >= 0, or all where it has fewer.

    Returns:
        Indices that are kept, ascending, ``(min(n, limit),)``, or more where ``least`` asks for
        it.

    Raises:
        DataError: If a class is left with fewer than 2 images, too few to cut validation from.
    """
    if limit >= len(labels):
        return torch.arange(len(labels))
    sizes = _class_sizes(labels, class_names)
    counts = apportion(sizes, limit)
    counts = [max(count, min(size, least)) for count, size in zip(counts, sizes, strict=True)]
    for name, count in zip(class_names, counts, strict=True):
        if count < _MIN_PER_CLASS:
            raise DataError(
                f"[data.train_limit] = {limit} leaves {_images(count)} of class {name!r}; "
                f"at least {_MIN_PER_CLASS} of each class are needed"
            )
    _, kept = _cut(labels, counts, seed=derive_seed(seed, "train_limit"))
    return kept


def keep_few(labels: Tensor, per_class: int, *, seed: int) -> Tensor:
    """Choose a few images of each class.

    Args:
        labels: Class indices, ``(n,)``.
        per_class: Images to keep of each class, >= 1; a class that has fewer keeps all.
        seed: Seed of the study's cuts.

    Returns:
        Indices that are kept, ascending, ``(m,)``.
    """
    counts = [min(int(size), per_class) for size in torch.bincount(labels)]
    _, kept = _cut(labels, counts, seed=derive_seed(seed, "images_per_class"))
    return kept


def _cut(labels: Tensor, counts: list[int], *, seed: int) -> tuple[Tensor, Tensor]:
    generator = np.random.Generator(np.random.PCG64(seed))
    is_cut = np.zeros(len(labels), dtype=bool)
    found = labels.cpu().numpy()
    for label, count in enumerate(counts):
        members = np.flatnonzero(found == label)
        is_cut[generator.permutation(members)[:count]] = True
    stays, cut = np.flatnonzero(~is_cut), np.flatnonzero(is_cut)
    return torch.from_numpy(stays), torch.from_numpy(cut)


def _class_sizes(labels: Tensor, class_names: tuple[str, ...]) -> list[int]:
    return [int(size) for size in torch.bincount(labels, minlength=len(class_names))]


def _images(count: int) -> str:
    return f"{count} image{'' if count == 1 else 's'}"
