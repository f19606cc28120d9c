"""A teacher of which nothing is left but its answers: probabilities in a ``.npz`` file.

Such a teacher is asked nothing, so there is one answer to each image, however a view shows it. Its
rows are those of the data source, before any cut: whoever writes the file need not know how a
study cuts, and one file serves every study of that source.
"""

import math
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autokd.errors import TeacherError

__all__ = ["read_probabilities"]

_SUM_TOLERANCE = 1e-3
"""How far a row's sum may be from 1: float16 rounds ten probabilities by less."""

_LEAST = torch.finfo(torch.float32).eps
"""What counts as 0 beside a float32 of 1; smaller probabilities count as this, since 0 has no
logarithm."""

_UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)
"""What NumPy raises for files that are no archives of arrays, or damaged ones."""


def read_probabilities(
    file: Path, *, n_train: int, n_test: int, num_classes: int
) -> dict[str, Tensor]:
    """Read a teacher's answers.

    Args:
        file: A NumPy archive, ``.npz``, of the array ``train``, ``(n_train, classes)``, and where
            the source has test images of its own ``test``, ``(n_test, classes)``: floats >= 0, a
            row an image in the source's order, each row's sum within 0.001 of 1.
        n_train: Images that the source has for training, before any cut.
        n_test: Images that it has for testing, or 0.
        num_classes: Classes.

    Returns:
        Logits by array, float32, the shape of the array: the logarithm of each probability, or of
        1.2e-7, the precision of a float32, where that is larger.

    Raises:
        TeacherError: If the file cannot be read, or an array is missing, superfluous, or not as
            described.
    """
    needed = {
        "train": (n_train, num_classes),
        **({"test": (n_test, num_classes)} if n_test else {}),
    }
    arrays = _arrays(file)
    if set(arrays) != set(needed):
        raise TeacherError(
            f"{file}: must hold the arrays {sorted(needed)} for these images, found "
            f"{sorted(arrays)}; what a study cuts from the training images is cut from 'train'"
        )
    return {
        name: _logits(arrays[name], shape=shape, what=f"{file}: array {name!r}")
        for name, shape in needed.items()
    }


def _arrays(file: Path) -> Mapping[str, NDArray[Any]]:
    if not file.is_file():
        raise TeacherError(f"{file}: there is no such file")
    try:
        # Opened here, since NumPy leaves a damaged file open.
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
            return dict(archive)
    except (*_UNREADABLE, TypeError, AttributeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise TeacherError(f"{file}: not a readable archive of arrays: {reason}") from error


def _logits(array: NDArray[Any], *, shape: tuple[int, int], what: str) -> Tensor:
    if array.dtype.kind != "f" or array.shape != shape:
        raise TeacherError(
            f"{what} must be floats {shape}, a row for each image of the source before any cut, "
            f"found {array.dtype} {array.shape}"
        )
    values = torch.from_numpy(array.astype(np.float64))
    if not bool(values.isfinite().all()) or bool((values < 0).any()):
        raise TeacherError(f"{what} must hold finite numbers, none below 0")
    sums = values.sum(dim=1)
    worst = int((sums - 1).abs().argmax())
    if not math.isclose(float(sums[worst]), 1, rel_tol=0, abs_tol=_SUM_TOLERANCE):
        raise TeacherError(
            f"{what} must hold rows whose sum is 1, found {float(sums[worst]):g} in row {worst}"
        )
    return values.clamp(min=_LEAST).log().float()
