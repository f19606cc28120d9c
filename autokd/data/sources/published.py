"""Published data sets as torchvision reads them: FashionMNIST, CIFAR-10, CIFAR-100.

CIFAR comes as pickles. torchvision compares every file with the published MD5 before it opens one,
so nothing but the authors' own bytes is ever unpickled; a damaged or exchanged file is refused.
"""

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from autokd.data.sources.request import Found, Request
from autokd.data.tensors import Split
from autokd.errors import DataError

__all__ = ["cifar10", "cifar100", "fashion_mnist"]

# What torchvision raises for missing, damaged, unreachable and unwritable files.
_FAILURES = (
    RuntimeError,
    OSError,
    ValueError,
    TypeError,
    KeyError,
    AssertionError,
    EOFError,
    pickle.UnpicklingError,
)


def fashion_mnist(request: Request) -> Found[Split]:
    """Read FashionMNIST: 60,000 + 10,000 grey images of 28x28 pixels, ten classes.

    Args:
        request: Its root holds ``FashionMNIST/raw``, or is where that is fetched to.

    Returns:
        Training and test images.

    Raises:
        DataError: If the files are missing or damaged, or cannot be fetched.
    """
    return _read("FashionMNIST", request)


def cifar10(request: Request) -> Found[Split]:
    """Read CIFAR-10: 50,000 + 10,000 colour images of 32x32 pixels, ten classes.

    Args:
        request: Its root holds ``cifar-10-batches-py``, or is where that is fetched to.

    Returns:
        Training and test images.

    Raises:
        DataError: If the files are missing or damaged, or cannot be fetched.
    """
    return _read("CIFAR10", request)


def cifar100(request: Request) -> Found[Split]:
    """Read CIFAR-100: 50,000 + 10,000 colour images of 32x32 pixels, a hundred classes.

    Args:
        request: Its root holds ``cifar-100-python``, or is where that is fetched to.

    Returns:
        Training and test images.

    Raises:
        DataError: If the files are missing or damaged, or cannot be fetched.
    """
    return _read("CIFAR100", request)


def _read(name: str, request: Request) -> Found[Split]:
    # Imported here: torchvision takes a second to import, and workers never read a source.
    from torchvision import datasets

    root, download = request.root, request.spec.download
    assert root is not None  # DataSpec asks for it
    if not download and not root.is_dir():
        raise DataError(f"{root}: no such folder; {_advice(name)}")
    reader = getattr(datasets, name)
    try:
        train, class_names = _read_split(reader, root, train=True, download=download)
        test, _ = _read_split(reader, root, train=False, download=download)
    except _FAILURES as error:
        if download:
            raise DataError(f"{root}: {name} cannot be fetched and read: {error}") from error
        raise DataError(f"{root}: {name} is not here, or damaged; {_advice(name)}") from error
    return Found(train, test, class_names)


def _read_split(
    reader: Any, root: Path, *, train: bool, download: bool
) -> tuple[Split, tuple[str, ...]]:
    with warnings.catch_warnings():
        # The CIFAR pickles are older than NumPy's rule on how a dtype is made; nobody can change
        # them.
        warnings.filterwarnings("ignore", message=r"dtype\(\): align should be passed")
        data = reader(root, train=train, download=download)
    labels = torch.as_tensor(data.targets, dtype=torch.int64)
    return Split(_channels_first(data.data), labels), tuple(data.classes)


def _channels_first(pixels: Any) -> torch.Tensor:
    if isinstance(pixels, torch.Tensor):  # FashionMNIST, (n, size, size)
        return pixels[:, None]
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))


def _advice(name: str) -> str:
    return f"correct [data.root], or set [data.download] = true to fetch {name}"
