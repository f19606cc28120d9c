"""Maps and weights of one value: what is made of them has a closed form."""

import torch
from torch import Tensor, nn

__all__ = ["constant", "fill"]


def constant(value: float, *, width: int) -> Tensor:
    return torch.full((2, width, 4, 4), float(value))


def fill(module: nn.Module, *, value: float) -> None:
    for weight in module.parameters():
        nn.init.constant_(weight, value)
