"""What is computed from a data set's pixels: normalisation and digest.

Both go by whole numbers: pixels are counted by value first, so that the result does not depend on
the order or the precision of a sum over millions of floats.
"""

import hashlib
from collections.abc import Iterable

import torch
from torch import Tensor

from autokd.data.tensors import Split
from autokd.errors import DataError

__all__ = ["channel_statistics", "digest_of"]

_LEVELS = 256
_PIECE = 4096
"""Images counted at once."""


def channel_statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Measure mean and spread of each channel.

    Args:
        images: uint8, ``(n, channels, size, size)``, n >= 1.

    Returns:
        Means and standard deviations (divided by the number of pixels, not by one less), one per
        channel, on the [0, 1] scale, computed in float64.

    Raises:
        DataError: If a channel has the same value in every pixel: it cannot be normalised and says
            nothing.

    Source: mean m = sum(c_v v) / N and variance sum(c_v (v - m)^2) / N over the values v / 255
    with their counts c_v.
    """
    measured = [_moments(_counts(images[:, channel])) for channel in range(images.shape[1])]
    for channel, (mean, std) in enumerate(measured):
        if std == 0:
            raise DataError(
                f"channel {channel} of the training images is {mean * 255:.0f} in every pixel: "
                "a constant channel cannot be normalised; leave it out"
            )
    return tuple(mean for mean, _ in measured), tuple(std for _, std in measured)


def digest_of(splits: Iterable[Split]) -> str:
    """Hash pixels and labels.

    Args:
        splits: Splits in a fixed order.

    Returns:
        SHA-256 as 64 hexadecimal digits; shapes are hashed too, so that moving an image from one
        split to the next changes it.
    """
    digest = hashlib.sha256()
    for split in splits:
        for tensor in (split.images, split.labels):
            digest.update(str(tuple(tensor.shape)).encode())
            digest.update(tensor.cpu().contiguous().numpy().data)
    return digest.hexdigest()


def _counts(channel: Tensor) -> Tensor:
    # Piece by piece: images may be mapped from a file that is larger than the memory.
    pieces = torch.split(channel, _PIECE)
    counts = [torch.bincount(piece.reshape(-1), minlength=_LEVELS) for piece in pieces]
    return torch.stack(counts).sum(0).to(torch.float64)


def _moments(counts: Tensor) -> tuple[float, float]:
    values = torch.arange(_LEVELS, dtype=torch.float64, device=counts.device) / (_LEVELS - 1)
    mean = (counts * values).sum() / counts.sum()
    variance = (counts * (values - mean) ** 2).sum() / counts.sum()
    is_constant = int((counts > 0).sum()) == 1
    return float(mean), 0.0 if is_constant else float(variance.sqrt())
