"""Handwritten digits that scikit-learn ships.

1,797 grey images of 8x8 pixels, ten classes, no test images of their own.
"""

import torch

from autokd.data.sources.request import Found, Request
from autokd.data.tensors import Split

__all__ = ["digits"]

_MAX_VALUE = 16


def digits(request: Request) -> Found[Split]:
    """Read the digits from the installed scikit-learn.

    Args:
        request: Nothing in it matters here.

    Returns:
        All images as ``(1797, 1, 8, 8)``; a value v of 0 to 16 becomes the pixel ``floor(255 * v /
        16 + 1/2)``, so that 0 stays 0, 16 becomes 255, and no two values fall together.

    Source: Alpaydin, Kaynak 1998, "Optical recognition of handwritten digits", UCI repository (its
    test part).
    """
    # Imported here: scikit-learn takes a second to import, and workers never read a source.
    from sklearn.datasets import load_digits

    read = load_digits()
    values = torch.from_numpy(read.images).to(torch.int64)
    pixels = (values * 255 + _MAX_VALUE // 2) // _MAX_VALUE
    labels = torch.from_numpy(read.target).to(torch.int64)
    names = tuple(str(name) for name in read.target_names)
    return Found(Split(pixels.to(torch.uint8)[:, None], labels), None, names)
