"""Networks for images of ``dataset``, ``(batch, 1, 8, 8)``."""

import torch
from torch import nn

__all__ = ["small_network"]


def small_network(*, dropout: float = 0.0) -> nn.Module:
    """Make a network with every kind of layer that a training treats in its own way."""
    torch.manual_seed(5)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(64, 3),
    )
