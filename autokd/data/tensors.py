"""Images and labels as tensors: what every other room gets to see of a data set.

Images stay uint8 until a network reads them: a quarter of the memory of float32, and the same
pixels for teacher and student. Nothing is normalised here; each network does that for itself, with
constants of its own.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from autokd.errors import ShapeError
from autokd.graphs import InputShape

__all__ = ["Dataset", "Rows", "Split"]


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Images with their labels.

    Attributes:
        images: uint8, ``(n, channels, size, size)``.
        labels: int64, class indices, ``(n,)``.
        file: The ``.npy`` file that the images are mapped from; None where they are in memory.

    Raises:
        ShapeError: If dtypes or shapes are others; the message names both tensors.
    """

    images: Tensor
    labels: Tensor
    file: Path | None = None

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        fits = images.ndim == 4 and images.shape[2] == images.shape[3]
        if images.dtype != torch.uint8 or not fits:
            raise ShapeError(
                f"images must be uint8 (n, channels, size, size), found {_describe(images)}"
            )
        if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
            raise ShapeError(f"labels must be int64 ({len(images)},), found {_describe(labels)}")

    def __len__(self) -> int:
        """Count the images."""
        return len(self.labels)

    def to(self, device: torch.device | str) -> "Split":
        """Move the split.

        Args:
            device: Where to; tensors that are there already are shared, not copied.

        Returns:
            The same images and labels on the device.
        """
        images = self.images.to(device)
        file = self.file if images is self.images else None
        return Split(images, self.labels.to(device), file)

    def take(self, indices: Tensor) -> "Split":
        """Choose images.

        Args:
            indices: int64, ``(m,)``, on the split's device.

        Returns:
            The images at those indices, in that order.
        """
        return Split(self.images[indices], self.labels[indices])


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Which of the source's images each split holds, in the source's own order.

    Attributes:
        n_train: Images that the source has for training, before any cut.
        n_test: Images that it has for testing; 0 where test images are cut from the others.
        train: Rows of the training images, int64, ascending, ``(n,)``.
        validation: The same for validation.
        test: The same for test; of the source's own test images, where ``n_test`` is not 0.
        tuning: The same for tuning; None without it.
    """

    n_train: int
    n_test: int
    train: Tensor
    validation: Tensor
    test: Tensor
    tuning: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A data set, split once for the whole study.

    Attributes:
        train: What students and the study's own teacher learn from.
        validation: What the search selects on; cut from the training images.
        test: Measured once, after the search.
        class_names: Names by class index, at least two.
        mean: Mean of each channel over ``train``, in [0, 1].
        std: Standard deviation of each channel over ``train``, on the [0, 1] scale, > 0.
        digest: SHA-256 over pixels and labels of all splits, 64 hexadecimal digits.
        tuning: What methods learn from beside ``train``, cut from the training images; None where
            no method of the study does.
        rows: Which of the source's images these are; None where nobody knows, as in a worker.
    """

    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    digest: str
    tuning: Split | None = None
    rows: Rows | None = None

    @property
    def shape(self) -> InputShape:
        """Channels, size and number of classes."""
        _, channels, size, _ = self.train.images.shape
        return InputShape(channels, size, len(self.class_names))

    @property
    def n_bytes(self) -> int:
        """Size of all images, bytes."""
        return sum(split.images.nbytes for split in self.splits.values())

    @property
    def splits(self) -> dict[str, Split]:
        """Every split that there is, by name."""
        tuning = {} if self.tuning is None else {"tuning": self.tuning}
        return {"train": self.train, "validation": self.validation, "test": self.test, **tuning}

    @property
    def is_mapped(self) -> bool:
        """Whether images are read from the cache as they are needed."""
        return self.train.file is not None

    def to(self, device: torch.device | str) -> "Dataset":
        """Move every split.

        Args:
            device: Where to; tensors that are there already are shared, not copied.

        Returns:
            The same data set on the device.
        """
        return replace(
            self,
            train=self.train.to(device),
            validation=self.validation.to(device),
            test=self.test.to(device),
            tuning=None if self.tuning is None else self.tuning.to(device),
        )


def _describe(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
