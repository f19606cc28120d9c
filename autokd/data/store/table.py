"""A cached table: an array that is worked out once per key, part by part.

Beside ``NAME.npy`` stands ``NAME.json`` with the key, the type, the shape of a part and the
checksum of each part. A table that lacks its header, has another key or size, or fails a checksum
is reported in the log and worked out anew. A table that is merely too short is extended: parts are
never worked out twice.
"""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from autokd.data.store.arrays import checksum, open_array, write_array
from autokd.data.store.files import check_space, replacing

__all__ = ["Table"]

_CHECKED_BYTES = 256 * 2**20
"""Checksums are verified up to this size, which takes a quarter of a second; beyond it the sizes
alone."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Table:
    """Where a table is kept and what belongs into it.

    Attributes:
        path: The ``.npy`` file.
        key: What its content depends on; another key means another table.
        part_shape: Shape of one part.
        dtype: numpy's name of the type, ``float16``.
    """

    path: Path
    key: str
    part_shape: tuple[int, ...]
    dtype: str

    def read_or_fill(self, n_parts: int, compute: Callable[[int], Tensor]) -> Tensor:
        """Open the table, after working out what it lacks.

        Args:
            n_parts: Parts that are needed, >= 1.
            compute: Works out one part, ``part_shape``, of the table's type.

        Returns:
            ``(n_parts, *part_shape)``, mapped into memory.

        Raises:
            RunError: If the folder cannot be written, or the disk is too small.
        """
        known = self.read()
        if known is None or len(known) < n_parts:
            self._fill(n_parts, compute, known)
            known = self.read()
        assert known is not None  # it was written a moment ago
        return known[:n_parts]

    def read(self) -> Tensor | None:
        """Open the table as it is.

        Returns:
            ``(parts, *part_shape)``, mapped into memory; None where there is none, or a damaged
            one.
        """
        if not self.path.exists() and not self._header.exists():
            return None
        try:
            return self._open()
        except (OSError, ValueError) as error:
            _LOG.warning("%s is not used, and worked out anew: %s", self.path, error)
            return None

    @property
    def _header(self) -> Path:
        return self.path.with_suffix(".json")

    def _fill(self, n_parts: int, compute: Callable[[int], Tensor], known: Tensor | None) -> None:
        shape = (n_parts, *self.part_shape)
        with replacing(self.path) as temporary:
            check_space(self.path.parent, int(np.prod(shape)) * np.dtype(self.dtype).itemsize)
            parts = self._parts(n_parts, compute, known)
            checksums = write_array(temporary, parts, shape=shape, dtype=self.dtype)
        with replacing(self._header) as temporary:
            header = {**self._expected(), "checksums": checksums}
            temporary.write_text(json.dumps(header), encoding="utf-8")

    def _parts(
        self, n_parts: int, compute: Callable[[int], Tensor], known: Tensor | None
    ) -> Iterator[Tensor]:
        n_known = 0 if known is None else len(known)
        for index in range(n_parts):
            yield known[index] if known is not None and index < n_known else compute(index)

    def _expected(self) -> dict[str, object]:
        expected = asdict(self)
        del expected["path"]
        return {**expected, "part_shape": list(self.part_shape)}

    def _open(self) -> Tensor:
        header = json.loads(self._header.read_text(encoding="utf-8"))
        content = open_array(self.path)
        if not isinstance(header, dict) or not isinstance(header.get("checksums"), list):
            raise ValueError("its header is no header")
        checksums = header.pop("checksums")
        if header != self._expected():
            raise ValueError("its header is that of another table")
        found = (str(content.numpy().dtype), tuple(content.shape))
        if found != (self.dtype, (len(checksums), *self.part_shape)):
            raise ValueError(f"it holds {found}")
        is_checked = content.nbytes <= _CHECKED_BYTES
        if is_checked and [checksum(part) for part in content] != checksums:
            raise ValueError("a checksum is wrong")
        return content
