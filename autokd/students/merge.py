"""How several inputs of a node become one.

The inputs that need a 1x1 convolution share one call, since a sum of convolutions is the
convolution of the concatenation. The scalars of a sum are one vector.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from autokd.graphs.ir import Merge as MergeKind
from autokd.students.aggregation import aggregate
from autokd.students.pointwise import conv1x1

__all__ = ["Merge", "Projection"]


class Projection(nn.Module):
    """The sum of 1x1 convolutions with bias, one for each input.

    Their weights lie side by side, ``(channels, sum of widths, 1, 1)``, their biases one after the
    other, ``(inputs * channels,)``.

    Args:
        widths: Channels of each input.
        channels: Channels of the result, >= 1.
    """

    def __init__(self, widths: Sequence[int], *, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels, sum(widths), 1, 1))
        self.bias = nn.Parameter(torch.zeros(len(widths) * channels))
        self._n_inputs = len(widths)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Bring the inputs to the same channels and add them up.

        Args:
            inputs: One for each of ``widths``, ``(batch, its width, height, width)``.

        Returns:
            ``(batch, channels, height, width)``.
        """
        if self._n_inputs == 1:
            return conv1x1(inputs[0], self.weight, self.bias, trains=self.training)
        bias = self.bias.view(self._n_inputs, -1).sum(0)
        joined = torch.cat(list(inputs), dim=1)
        return conv1x1(joined, self.weight, bias, trains=self.training)


class Merge(nn.Module):
    """Several inputs of one resolution become one.

    Attributes:
        is_mean: Whether the inputs are averaged instead of weighted.

    Args:
        widths: Channels of each input, two inputs or more.
        channels: Channels of the node, >= 1.
        kind: ``sum`` or ``mean``.
    """

    def __init__(self, widths: Sequence[int], *, channels: int, kind: MergeKind) -> None:
        super().__init__()
        self._kept = [index for index, width in enumerate(widths) if width == channels]
        self._projected = [index for index, width in enumerate(widths) if width != channels]
        self.is_mean = kind == "mean"
        self.scale: nn.Parameter | None = None
        self.project: Projection | None = None
        if self._kept and not self.is_mean:
            self.scale = nn.Parameter(torch.ones(len(self._kept)))
        if self._projected:
            others = [widths[index] for index in self._projected]
            self.project = Projection(others, channels=channels)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Merge the inputs.

        Args:
            inputs: One for each of ``widths``, ``(batch, its width, height, width)``.

        Returns:
            ``(batch, channels, height, width)``.

        Source: Ru et al. 2020, arXiv:2004.01395, and its released code (the sigmoid of a scalar
            that starts at 1).
        """
        base, kept = self.parts(inputs)
        if self.is_mean:
            return _add(base, kept) / len(inputs)
        return aggregate(base, kept, self.scale, rectified=False, trains=self.training)

    def parts(self, inputs: Sequence[Tensor]) -> tuple[Tensor | None, list[Tensor]]:
        """Divide the inputs into what is added as it is and what is weighted.

        Args:
            inputs: As for `forward`.

        Returns:
            The sum of the projected inputs, ``(batch, channels, height, width)``, or None without
            any; and the inputs that have the node's channels.
        """
        base: Tensor | None = None
        if self.project is not None:
            base = self.project([inputs[index] for index in self._projected])
        return base, [inputs[index] for index in self._kept]


def _add(total: Tensor | None, terms: Sequence[Tensor]) -> Tensor:
    for term in terms:
        total = term if total is None else total + term
    assert total is not None, "a merge has inputs"
    return total
