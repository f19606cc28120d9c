"""Image files to pixels: as many files as there are, one form for all.

Eight bits a channel, with or without colour. Transparency is dropped, a camera's rotation mark is
not followed (as in torchvision's ImageFolder), and images of more bits are refused, since
squeezing them is a choice to make by hand.
"""

import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from autokd.errors import DataError

__all__ = ["MAX_SIZE", "MIN_SIZE", "Form", "decode_each", "decode_images", "find_form"]

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
_PNG_DEPTH = 24
"""Byte of a PNG that says how many bits a channel has."""
_TIFF_DEPTH = 258
"""Tag of a TIFF that says so."""
_PPM_HEADER = 1024
"""Bytes in which the header of a PPM is over, comments included."""
_Pixels = NDArray[np.uint8]


class Form(NamedTuple):
    """What all images of a data set have in common.

    Attributes:
        channels: 1 if every image is grey, else 3; grey images then repeat theirs.
        size: Height and width, pixels in [8, 224].
        image_size: Height and width to bring every image to: the largest centred square is cut
            out and resized with Pillow's bicubic filter. None takes the images as they are.
        example: The image that gave the size, for messages.
    """

    channels: int
    size: int
    image_size: int | None
    example: Path


def find_form(paths: Sequence[Path], *, image_size: int | None) -> Form:
    """Find out what images have in common, from the first one and the headers of the others.

    Args:
        paths: All files of the data set, at least one.
        image_size: Height and width to bring every image to, pixels in [8, 224], or None.

    Returns:
        Their form.

    Raises:
        DataError: If a file that is looked at cannot be read, or if the first image cannot be
            used; the message names the file.
    """
    first = _decode(paths[0], image_size=image_size)
    _check_first(paths[0], first)
    is_colour = first.ndim == 3 or any(_has_colour(path) for path in paths[1:])
    return Form(3 if is_colour else 1, len(first), image_size, paths[0])


def decode_each(paths: Sequence[Path], form: Form) -> Iterator[torch.Tensor]:
    """Decode image files one after the other, large ones by several threads.

    Args:
        paths: Files, at least one.
        form: What all images of their data set have in common.

    Yields:
        uint8, ``(channels, size, size)``, in the order of the paths.

    Raises:
        DataError: If a file cannot be read or has more than eight bits a channel, or, without
            ``image_size``, if an image has another size than the others; the message names the
            file.
    """
    for path, image in zip(paths, _decode_all(paths, image_size=form.image_size), strict=True):
        if image.shape[:2] != (form.size, form.size):
            raise DataError(
                f"{path} is {_size(image)} pixels, but {form.example} is {form.size}x{form.size}; "
                "set [data.image_size] to bring all images to one size"
            )
        if image.ndim == 3 and form.channels == 1:
            raise DataError(f"{path}: its header says that it is grey, its pixels have colour")
        planes = image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
        pixels = np.broadcast_to(planes, (form.channels, form.size, form.size))
        yield torch.from_numpy(pixels.copy())


def decode_images(paths: Sequence[Path], *, image_size: int | None) -> torch.Tensor:
    """Decode image files into one tensor.

    Args:
        paths: Files, at least one.
        image_size: As for `find_form`.

    Returns:
        uint8, ``(n, channels, size, size)`` in the order of the paths.

    Raises:
        DataError: As `find_form` and `decode_each` do.
    """
    return torch.stack(list(decode_each(paths, find_form(paths, image_size=image_size))))


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


def _has_colour(path: Path) -> bool:
    return _open(path, is_whole=False).mode not in _GREY_MODES


def _decode(path: Path, *, image_size: int | None) -> _Pixels:
    image = _open(path)
    if image.mode not in _GREY_MODES + _COLOUR_MODES:
        raise _too_deep(path, f"Pillow's mode {image.mode!r}")
    if "transparency" in image.info and image.mode == "P":
        image = image.convert("RGBA")  # Pillow warns when such a palette goes to RGB at once
    image = image.convert("L" if image.mode in _GREY_MODES else "RGB")
    return np.asarray(image if image_size is None else _fit(image, image_size))


def _fit(image: Image.Image, size: int) -> Image.Image:
    side = min(image.size)
    left, top = ((length - side) // 2 for length in image.size)
    centre = image.crop((left, top, left + side, top + side))
    return centre.resize((size, size), Image.Resampling.BICUBIC)


def _open(path: Path, *, is_whole: bool = True) -> Image.Image:
    try:
        if not is_whole:
            with Image.open(path) as header:
                return header
        content = path.read_bytes()
        image = Image.open(io.BytesIO(content))
        bits = _bits(image, content)
        image.load()
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: not an image that can be read") from error
    except _UNREADABLE as error:
        raise DataError(f"{path}: damaged or unreadable image: {error}") from error
    if bits > 8:
        raise _too_deep(path, bits)
    return image


def _bits(image: Image.Image, content: bytes) -> int:
    """Say how many bits a channel has in the file: with colour, Pillow drops all but eight."""
    match image.format:
        case "PNG":
            return content[_PNG_DEPTH]
        case "TIFF":
            tags: Mapping[int, tuple[int, ...]] = image.tag_v2  # type: ignore[attr-defined]
            return max(tags.get(_TIFF_DEPTH, (1,)))
        case "PPM":
            return _ppm_maximum(content).bit_length()
    return 8


def _ppm_maximum(content: bytes) -> int:
    """Read the fourth word of the header; bitmaps have none."""
    words = re.sub(rb"#[^\n]*", b"", content[:_PPM_HEADER]).split(maxsplit=4)
    return int(words[3]) if words[0] in (b"P2", b"P3", b"P5", b"P6") else 1


def _too_deep(path: Path, found: object) -> DataError:
    return DataError(f"{path}: images must have eight bits a channel, found {found}")


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
