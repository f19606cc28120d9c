"""What the learned parts of methods that compare maps are made of."""

import torch
from torch import Tensor, nn

__all__ = ["Standardised"]

_SMALLEST = 1e-5
"""Added to a variance before its root, as in `torch.nn.BatchNorm2d`."""


class Standardised(nn.Module):
    """Batch normalisation in training, where alone a loss is used.

    `torch.nn.BatchNorm2d` refuses one pixel of one image, and keeps averages that nobody reads.

    Args:
        channels: Of the maps, >= 1.

    Source: Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 1.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels, 1, 1))
        self.shift = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, maps: Tensor) -> Tensor:
        """Bring each channel of a batch to a learned mean and deviation.

        Args:
            maps: ``(batch, channels, height, width)``.

        Returns:
            The same shape; a constant channel becomes its learned mean.
        """
        variance, mean = torch.var_mean(maps, dim=(0, 2, 3), correction=0, keepdim=True)
        return (maps - mean) * (variance + _SMALLEST).rsqrt() * self.scale + self.shift
