"""What a source of images is asked, and what it answers."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from numpy.typing import NDArray
from torch import Tensor

from autokd.data.sources.unread import ImageFiles
from autokd.data.tensors import Split
from autokd.study import DataSpec

__all__ = ["Array", "Found", "Part", "Request", "Source"]

Array = NDArray[Any] | Tensor
"""A NumPy array or a tensor on any device."""

Part = Split | ImageFiles
"""Images of a source, in memory or still in their files."""

_Part = TypeVar("_Part", bound=Part, covariant=True)


@dataclass(frozen=True, slots=True)
class Request:
    """What a source needs to know.

    Attributes:
        spec: The study's ``[data]``.
        root: Folder of the data, resolved; None where the study names none.
        arrays: Images and labels given in Python, as `autokd.data.sources.arrays` reads them; None
            where there are none.
    """

    spec: DataSpec
    root: Path | None
    arrays: tuple[Array, Array] | None = None


@dataclass(frozen=True, slots=True)
class Found(Generic[_Part]):
    """Everything that a source has, before any cut.

    Attributes:
        train: Images for training, in an order that does not change between calls.
        test: The source's own test images; None where it has none.
        class_names: Names by class index.
    """

    train: _Part
    test: _Part | None
    class_names: tuple[str, ...]


Source = Callable[[Request], Found[Part]]
"""A source reads its images or raises `DataError`; it neither cuts nor augments."""
