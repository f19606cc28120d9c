"""The 1x1 convolution, as a matrix product where that is what it is."""

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Pointwise", "conv1x1"]

_MOST_POSITIONS = 2**13
"""Pixels of a batch beyond which the convolution is as fast, or faster."""


class Pointwise(nn.Conv2d):
    """A 1x1 convolution that trains as a matrix product on a CPU."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (torch's name)
        """Convolve.

        Args:
            input: ``(batch, in_channels, height, width)``.

        Returns:
            ``(batch, out_channels, height, width)``.
        """
        return conv1x1(input, self.weight, self.bias, trains=self.training)


def conv1x1(maps: Tensor, weight: Tensor, bias: Tensor | None, *, trains: bool) -> Tensor:
    """Convolve with kernels of one pixel.

    Args:
        maps: ``(batch, channels, height, width)``.
        weight: ``(out_channels, channels, 1, 1)``.
        bias: ``(out_channels,)`` or None.
        trains: Whether a backward pass will come. On a CPU, with few positions channels last in
            memory, this is then done as a matrix product, without any copy: a convolution's
            backward pass costs up to twice as much there, most of it before the arithmetic begins.

    Returns:
        ``(batch, out_channels, height, width)``.
    """
    n_positions = maps.numel() // maps.shape[1]
    if not trains or not maps.is_cpu or n_positions > _MOST_POSITIONS:
        return functional.conv2d(maps, weight, bias)
    product = functional.linear(maps.permute(0, 2, 3, 1), weight.flatten(1), bias)
    return product.permute(0, 3, 1, 2)
