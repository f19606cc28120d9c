"""Batch norm for widths that the processor does not like.

A student that meets a budget exactly has widths such as 6, 13 or 22. Channels last in memory,
torch's batch norm on a CPU is two to four times slower there than it should be, and takes as long
as the convolution before it. Here several positions are folded into one row, so that a row fills
whole vector registers, and the statistics of a row's parts are added up at the end. Everything
else (weights, running statistics, evaluation, other devices) is torch's.
"""

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["BatchNorm"]

_ROW = 64
"""Numbers in a folded row, at most."""

_WIDEST = 24
_SMALLEST = 2**16
"""Beyond this width, and below this many numbers, torch's own is as fast."""


class BatchNorm(nn.BatchNorm2d):
    """Batch norm over maps, faster in training on a CPU for narrow odd widths.

    Source: Ioffe, Szegedy 2015, arXiv:1502.03167, algorithm 1 and the derivatives of section 3.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (torch's name)
        """Normalise.

        Args:
            input: ``(batch, channels, height, width)``.

        Returns:
            Same shape; in training by the batch's own mean and variance.
        """
        if not (self.training and _gains(input)):
            return super().forward(input)
        maps, mean, variance = _Folded.apply(input, self.weight, self.bias, self.eps)
        self._track(mean, variance, n=input.numel() // input.shape[1])
        result: Tensor = maps
        return result

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, *, n: int) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (n / (n - 1)), self.momentum)


def _gains(maps: Tensor) -> bool:
    width = maps.shape[1]
    return (
        maps.is_cpu
        and maps.dtype == torch.float32
        and width % 8 != 0
        and width <= _WIDEST
        and maps.numel() >= _SMALLEST
        and maps.is_contiguous(memory_format=torch.channels_last)
    )


class _Folded(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        rows, n_parts = _fold(maps)
        n = rows.numel() // len(weight)
        mean = _by_channel(rows.sum(0), n_parts) / n
        centred = rows - mean.repeat(n_parts)
        variance = _by_channel(torch.linalg.vecdot(centred, centred, dim=0), n_parts) / n
        inverse = (variance + eps).rsqrt()
        normal = torch.addcmul(bias.repeat(n_parts), centred, (inverse * weight).repeat(n_parts))
        ctx.save_for_backward(centred, inverse, weight)
        ctx.mark_non_differentiable(mean, variance)
        return _unfold(normal, maps.shape), mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        centred, inverse, weight = ctx.saved_tensors
        shape = gradients[0].shape
        rows, n_parts = _fold(gradients[0])
        n = rows.numel() // len(weight)
        to_bias = _by_channel(rows.sum(0), n_parts)
        to_weight = inverse * _by_channel(torch.linalg.vecdot(rows, centred, dim=0), n_parts)
        slope = inverse * weight
        constant, linear = -slope * to_bias / n, -slope * inverse * to_weight / n
        to_maps = torch.addcmul(constant.repeat(n_parts), rows, slope.repeat(n_parts))
        to_maps.addcmul_(centred, linear.repeat(n_parts))
        return _unfold(to_maps, shape), to_weight, to_bias, None


def _fold(maps: Tensor) -> tuple[Tensor, int]:
    """Rows of several positions, ``(rows, parts * channels)``, and the parts of a row."""
    positions = maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])
    n_parts = 1
    while 2 * n_parts * maps.shape[1] <= _ROW and len(positions) % (2 * n_parts) == 0:
        n_parts *= 2
    return positions.view(-1, n_parts * maps.shape[1]), n_parts


def _unfold(rows: Tensor, shape: torch.Size) -> Tensor:
    batch, channels, height, width = shape
    return rows.view(batch, height, width, channels).permute(0, 3, 1, 2)


def _by_channel(sums: Tensor, n_parts: int) -> Tensor:
    return sums.view(n_parts, -1).sum(0)
