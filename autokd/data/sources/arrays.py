"""Images and labels that a user hands over in Python.

What is accepted is narrow on purpose: an array that could be meant in two ways is refused rather
than guessed at, since a network also learns, badly, from pixels of the wrong scale or from axes in
the wrong order.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autokd.data.sources.request import Array, Found, Request
from autokd.data.tensors import Split
from autokd.errors import DataError

__all__ = ["arrays"]

_CHANNELS = (1, 3)


def arrays(request: Request) -> Found[Split]:
    """Take images and labels as arrays.

    Args:
        request: Its arrays are images, ``(n, size, size)``, ``(n, size, size, channels)`` or ``(n,
            channels, size, size)`` with 1 or 3 channels, and labels, ``(n,)``, integers from 0 to
            classes - 1 that all occur. Images are uint8 in [0, 255], not all below 2, or floats in
            [0, 1].

    Returns:
        The images in their order, floats x as the pixel nearest to ``255 * x``; classes are named
        by their index.

    Raises:
        DataError: If there are none, or a rule above is broken; the message says what was found.
    """
    if request.arrays is None:
        raise DataError(
            "[data.source] 'arrays' needs images and labels given in Python: data=(images, labels)"
        )
    images, labels = (_as_numpy(array) for array in request.arrays)
    pixels = _pixels(_channels_first(images))
    indices = _class_indices(labels, n_images=len(pixels))
    names = tuple(str(index) for index in range(int(indices.max()) + 1))
    return Found(Split(torch.from_numpy(pixels), torch.from_numpy(indices)), None, names)


def _as_numpy(array: Array) -> NDArray[Any]:
    if not isinstance(array, Tensor):
        return np.asarray(array)
    array = array.detach().cpu()
    return (array.float() if array.is_floating_point() else array).numpy()  # NumPy has no bfloat16


def _channels_first(images: NDArray[Any]) -> NDArray[Any]:
    if not images.size:
        raise DataError(f"found no images: the array's shape is {images.shape}")
    first = images
    if images.ndim == 3:
        first = images[:, None]
    elif images.ndim == 4 and images.shape[1] not in _CHANNELS:
        first = images.transpose(0, 3, 1, 2)
    is_image = first.ndim == 4 and first.shape[1] in _CHANNELS
    if not is_image or first.shape[2] != first.shape[3]:
        raise DataError(
            "images must be (n, size, size), (n, size, size, channels) or "
            f"(n, channels, size, size) with 1 or 3 channels, found {images.shape}"
        )
    return first


def _pixels(images: NDArray[Any]) -> NDArray[np.uint8]:
    low, high = images.min(), images.max()
    if images.dtype == np.uint8:
        if high < 2:
            raise DataError(
                "uint8 images hold nothing but 0 and 1: give 0 to 255, or floats in [0, 1]"
            )
        return np.require(images, requirements=["C", "W"])
    if images.dtype.kind != "f":
        raise DataError(f"images must be uint8 or floats, found {images.dtype}")
    if not (low >= 0 and high <= 1):
        raise DataError(f"float images must lie in [0, 1], found {low:g} to {high:g}")
    return np.rint(images.astype(np.float32) * 255).astype(np.uint8, order="C")


def _class_indices(labels: NDArray[Any], *, n_images: int) -> NDArray[np.int64]:
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(f"labels must be integers (n,), found {labels.dtype} {labels.shape}")
    if len(labels) != n_images:
        raise DataError(f"found {n_images} images but {len(labels)} labels")
    found = np.unique(labels).tolist()
    if found != list(range(len(found))):
        first = next(index for index, label in enumerate(found) if index != label)
        wrong = f"{found[0]}" if found[0] < 0 else f"{found[first]} but no {first}"
        raise DataError(f"labels must be 0 to classes - 1, each of them occurring; found {wrong}")
    return labels.astype(np.int64)
