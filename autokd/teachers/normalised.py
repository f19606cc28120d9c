"""A network together with the normalisation that it was trained with."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from autokd.errors import ShapeError

__all__ = ["Normalised"]


class Normalised(nn.Module):
    """A network that takes images on the [0, 1] scale and normalises them for itself.

    Args:
        module: Takes normalised images.
        mean: Subtracted from each channel, on the [0, 1] scale, one number a channel.
        std: Each channel is divided by it, > 0, one number a channel.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, module: nn.Module, *, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.module = module
        for name, numbers in (("mean", mean), ("std", std)):
            tensor = torch.tensor(numbers, dtype=torch.float32).view(1, -1, 1, 1)
            self.register_buffer(name, tensor)

    def forward(self, images: Tensor) -> Tensor:
        """Normalise and run the module.

        Args:
            images: On the [0, 1] scale, ``(batch, channels, size, size)``.

        Returns:
            Logits, ``(batch, classes)``.

        Raises:
            ShapeError: If the images have other channels than the normalisation, which
                broadcasting would hide.
        """
        n_channels = self.mean.shape[1]
        if images.shape[1] != n_channels:
            found = tuple(images.shape)
            raise ShapeError(f"images of {n_channels} channels expected, found {found}")
        logits: Tensor = self.module((images - self.mean) / self.std)
        return logits
