"""Image files that are not read before it is known which of them are needed, and for what.

Decoding is slow: 60,000 small JPEG files take some twenty seconds of each command. So the pixels
of a split are written into the cache once, under a key of what decides them, and mapped into
memory from then on. That also serves folders that do not fit in memory: the operating system reads
the pages that a batch touches and drops them when it needs the room; workers share them, and every
batch has the same pixels in the same order as if all were in memory, because it is the same code.
Streaming through a `DataLoader` instead would decode every image again for every epoch of every
trial, in processes that compete with the students for the cores.
"""

import hashlib
import json
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import PIL
from torch import Tensor

from autokd.data.sources.decode import Form, decode_each
from autokd.data.store.table import Table
from autokd.data.tensors import Split
from autokd.errors import DataError

__all__ = ["ImageFiles"]

_FORMAT = 1
"""Raised when files would be decoded to other pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageFiles:
    """Image files with their labels: a split that is not read yet.

    Attributes:
        paths: Files, at least one.
        labels: int64, class indices, ``(n,)``.
        form: What all images of the data set have in common.
    """

    paths: tuple[Path, ...]
    labels: Tensor
    form: Form

    def __len__(self) -> int:
        """Count the files."""
        return len(self.paths)

    def take(self, indices: Tensor) -> "ImageFiles":
        """Choose files.

        Args:
            indices: int64, ``(m,)``.

        Returns:
            The files at those indices, in that order.
        """
        paths = tuple(self.paths[index] for index in indices.tolist())
        return ImageFiles(paths, self.labels[indices], self.form)

    def read(self, cache_dir: Path, *, on_image: Callable[[], None]) -> Split:
        """Map the pixels, after decoding the files where the cache does not have them.

        Args:
            cache_dir: Where pixels are kept; safe to delete between commands.
            on_image: Called after each image that was decoded.

        Returns:
            The images, uint8, ``(n, channels, size, size)``, mapped into memory, and their labels.

        Raises:
            DataError: If an image cannot be used (`decode_each`).
            RunError: If the cache cannot be written.
        """
        key, form = self._key(), self.form
        shape = (form.channels, form.size, form.size)
        table = Table(cache_dir / "images" / key / "pixels.npy", key, shape, "uint8")
        with closing(self._decoded(on_image)) as decoded:
            images = table.read_or_fill(len(self), lambda _: next(decoded))
        return Split(images, self.labels, table.path)

    def _decoded(self, on_image: Callable[[], None]) -> Generator[Tensor, None, None]:
        for image in decode_each(self.paths, self.form):
            on_image()
            yield image

    def _key(self) -> str:
        parts = [_FORMAT, PIL.__version__, *self.form[:3], *map(_state, self.paths)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _state(path: Path) -> tuple[str, int, int]:
    """Describe a file by what changes when it is replaced."""
    try:
        found = path.stat()
    except OSError as error:
        raise DataError(f"{path}: damaged or unreadable image: {error}") from error
    return str(path.absolute()), found.st_size, found.st_mtime_ns
