"""Arrays in files: written part by part, opened without reading them.

Written through the file system and not through a memory map, since a full disk under a map kills
the process.
"""

import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from numpy.lib import format as npy
from numpy.typing import DTypeLike
from torch import Tensor

__all__ = ["checksum", "link_or_save", "open_array", "save_array", "write_array"]


def write_array(
    path: Path, parts: Iterable[Tensor], *, shape: tuple[int, ...], dtype: DTypeLike
) -> list[int]:
    """Write an array without holding all of it.

    Args:
        path: The ``.npy`` file.
        parts: Its rows in order, each ``shape[1:]``, on any device.
        shape: Shape of the whole.
        dtype: Type of the numbers, that of the parts.

    Returns:
        The checksum of each part.

    Raises:
        OSError: If it cannot be written.
    """
    header = {"descr": npy.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    checksums = []
    with path.open("wb") as file:
        npy.write_array_header_1_0(file, header)
        for part in parts:
            content = part.detach().cpu().contiguous().numpy()
            assert (content.shape, content.dtype) == (shape[1:], np.dtype(dtype))
            file.write(content.data)
            checksums.append(zlib.crc32(content.data))
    assert len(checksums) == shape[0]
    return checksums


def open_array(path: Path) -> Tensor:
    """Map an array into memory, so that processes share its pages and read only what they use.

    Args:
        path: A ``.npy`` file that holds at least one number.

    Returns:
        A tensor on the CPU of the array's own shape, ``(...)``. The map is copy-on-write: torch
        has no tensors that refuse to be written, and warns when it is given an array that does;
        writing would change a private copy of the page, never the file.

    Raises:
        OSError: If the file is missing or cannot be read.
        ValueError: If it is no such file, or shorter than it says.
    """
    return torch.from_numpy(np.load(path, mmap_mode="c", allow_pickle=False))


def save_array(path: Path, array: Tensor) -> None:
    """Write an array that is held whole.

    Args:
        path: The ``.npy`` file.
        array: A tensor of any shape, ``(...)``, on any device.

    Raises:
        OSError: If it cannot be written.
    """
    np.save(path, array.detach().cpu().contiguous().numpy(), allow_pickle=False)


def link_or_save(path: Path, array: Tensor, *, cached: Path | None) -> None:
    """Make a file of an array, by a link where there is one already.

    Args:
        path: The ``.npy`` file; there is none yet.
        array: A tensor of any shape, ``(...)``, on any device.
        cached: A file that begins with the array's parts, perhaps gone by now; None where there
            never was one.

    Raises:
        OSError: If it cannot be written.
    """
    if cached is not None:
        with suppress(OSError):  # another file system, or one without links; or the cache is gone
            path.hardlink_to(cached)
            return
    save_array(path, array)


def checksum(part: Tensor) -> int:
    """Compute the checksum that `write_array` gives for a part.

    Args:
        part: A tensor on the CPU of any shape, ``(...)``, contiguous.

    Returns:
        CRC-32 of its bytes.
    """
    return zlib.crc32(part.numpy().data)
