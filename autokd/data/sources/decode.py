"""Image files to pixels: as many files as there are, one array, one size.

Eight bits a channel, with or without colour. Transparency is dropped, a camera's rotation mark is
not followed (as in torchvision's ImageFolder), and images of more bits are refused, since
squeezing them is a choice to make by hand.
"""

import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from autokd.errors import DataError

__all__ = ["MAX_SIZE", "MIN_SIZE", "decode_images"]

MIN_SIZE, MAX_SIZE = 8, 224
"""Smallest and largest height and width of an image, pixels."""

_GREY_MODES = ("1", "L", "LA", "La")
_COLOUR_MODES = ("P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")
# What Pillow raises for damaged files, by format and by how they are damaged.
_UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    Image.DecompressionBombError,
)
# Smaller files spend their time in Python, where threads only wait for each other.
_THREADS_FROM_BYTES = 16 * 1024
_AT_ONCE = 512
_Pixels = NDArray[np.uint8]


def decode_images(paths: Sequence[Path], *, image_size: int | None) -> torch.Tensor:
    """Decode image files into one tensor.

    Args:
        paths: Files, at least one.
        image_size: Height and width to bring every image to, pixels in [8, 224]: the largest
            centred square is cut out and resized with Pillow's bicubic filter. None takes the
            images as they are: square and of one size.

    Returns:
        uint8, ``(n, channels, size, size)`` in the order of the paths; one channel if every image
        is grey, else three (grey images then repeat theirs).

    Raises:
        DataError: If a file cannot be read or has more than eight bits a channel, or, without
            ``image_size``, if an image is not square, differs in size from the first, or is
            smaller than 8 or larger than 224 pixels; the message names the file.
    """
    first = _decode(paths[0], image_size=image_size)
    size = len(first)
    _check_first(paths[0], first)
    pixels = np.empty((len(paths), 1 if first.ndim == 2 else 3, size, size), dtype=np.uint8)
    for index, image in enumerate(_decode_all(paths, image_size=image_size)):
        if image.shape[:2] != (size, size):
            raise DataError(
                f"{paths[index]} is {_size(image)} pixels, but {paths[0]} is {size}x{size}; "
                "set [data.image_size] to bring all images to one size"
            )
        if image.ndim == 3 and pixels.shape[1] == 1:
            pixels = pixels.repeat(3, axis=1)
        pixels[index] = image if image.ndim == 2 else image.transpose(2, 0, 1)
    return torch.from_numpy(pixels)


def _decode_all(paths: Sequence[Path], *, image_size: int | None) -> Iterator[_Pixels]:
    def decode(path: Path) -> _Pixels:
        return _decode(path, image_size=image_size)

    if paths[0].stat().st_size < _THREADS_FROM_BYTES:
        yield from map(decode, paths)
        return
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 16)) as pool:
        for start in range(
            0, len(paths), _AT_ONCE
        ):  # in portions, so that decoded images do not pile up
            yield from pool.map(decode, paths[start : start + _AT_ONCE])


def _decode(path: Path, *, image_size: int | None) -> _Pixels:
    image = _open(path)
    if image.mode not in _GREY_MODES + _COLOUR_MODES:
        raise DataError(
            f"{path}: images must have eight bits a channel, found Pillow's mode {image.mode!r}"
        )
    if "transparency" in image.info and image.mode == "P":
        image = image.convert("RGBA")  # Pillow warns when such a palette goes to RGB at once
    image = image.convert("L" if image.mode in _GREY_MODES else "RGB")
    return np.asarray(image if image_size is None else _fit(image, image_size))


def _fit(image: Image.Image, size: int) -> Image.Image:
    side = min(image.size)
    left, top = ((length - side) // 2 for length in image.size)
    centre = image.crop((left, top, left + side, top + side))
    return centre.resize((size, size), Image.Resampling.BICUBIC)


def _open(path: Path) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(path.read_bytes()))
        image.load()
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: not an image that can be read") from error
    except _UNREADABLE as error:
        raise DataError(f"{path}: damaged or unreadable image: {error}") from error
    return image


def _check_first(path: Path, image: _Pixels) -> None:
    height, width = image.shape[:2]
    if height != width:
        raise DataError(
            f"{path} is {_size(image)} pixels, but images must be square; "
            "set [data.image_size] to cut out and resize the centre"
        )
    if not MIN_SIZE <= height <= MAX_SIZE:
        raise DataError(
            f"{path} is {_size(image)} pixels, but the size must be in [{MIN_SIZE}, {MAX_SIZE}]; "
            "set [data.image_size] to resize"
        )


def _size(image: _Pixels) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"
