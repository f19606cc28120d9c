"""Networks of the throughput benchmark that the teachers' zoo does not have.

Sources:
    - ResNets with four times the channels (resnet8x4, resnet32x4): Tian, Krishnan, Isola 2020,
      arXiv:1910.10699, section 4, after He et al. 2016, arXiv:1512.03385, section 4.2: 6n + 2
      layers, here with stages of 64, 128 and 256 channels behind a stem of 32, and with 1x1
      convolutions and batch norms as shortcuts where the shape changes (option B).
    - Wide ResNets (wrn_40_2): Zagoruyko and Komodakis 2016, arXiv:1605.07146, section 2: depth
      6n + 4, widening k, batch norm and ReLU before each convolution, no dropout.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from autokd.teachers import cifar_resnet

NUM_CLASSES = 10


class WidenedResNet(nn.Module):
    """A CIFAR ResNet with a stem of 32 channels and stages of 64, 128 and 256."""

    def __init__(self, depth: int, *, num_classes: int) -> None:
        super().__init__()
        n_blocks = (depth - 2) // 6
        self.stem = _norm_behind(3, 32)
        self.stages = nn.Sequential(
            *_stage(_PostBlock, 32, 64, n_blocks=n_blocks, stride=1),
            *_stage(_PostBlock, 64, 128, n_blocks=n_blocks, stride=2),
            *_stage(_PostBlock, 128, 256, n_blocks=n_blocks, stride=2),
        )
        self.linear = nn.Linear(256, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Classify normalised images, ``(batch, 3, size, size)``."""
        maps = self.stages(functional.relu(self.stem(images)))
        logits: Tensor = self.linear(maps.mean(dim=(2, 3)))
        return logits


class WideResNet(nn.Module):
    """A wide residual network for small images."""

    def __init__(self, depth: int, *, widening: int, num_classes: int) -> None:
        super().__init__()
        n_blocks = (depth - 4) // 6
        widths = [16 * widening, 32 * widening, 64 * widening]
        self.stem = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.stages = nn.Sequential(
            *_stage(_PreBlock, 16, widths[0], n_blocks=n_blocks, stride=1),
            *_stage(_PreBlock, widths[0], widths[1], n_blocks=n_blocks, stride=2),
            *_stage(_PreBlock, widths[1], widths[2], n_blocks=n_blocks, stride=2),
        )
        self.norm = nn.BatchNorm2d(widths[2])
        self.linear = nn.Linear(widths[2], num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Classify normalised images, ``(batch, 3, size, size)``."""
        maps = functional.relu(self.norm(self.stages(self.stem(images))))
        logits: Tensor = self.linear(maps.mean(dim=(2, 3)))
        return logits


class _PostBlock(nn.Module):
    """Two convolutions, each with its norm behind it, and a shortcut."""

    def __init__(self, width: int, channels: int, *, stride: int) -> None:
        super().__init__()
        self.first = _norm_behind(width, channels, stride=stride)
        self.second = _norm_behind(channels, channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or width != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(width, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, maps: Tensor) -> Tensor:
        inner = self.second(functional.relu(self.first(maps)))
        return functional.relu(inner + self.shortcut(maps))


class _PreBlock(nn.Module):
    """Two convolutions, each with norm and ReLU before it, and a shortcut."""

    def __init__(self, width: int, channels: int, *, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(width)
        self.conv1 = nn.Conv2d(width, channels, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.project: nn.Module | None = None
        if width != channels:
            self.project = nn.Conv2d(width, channels, 1, stride, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        rectified = functional.relu(self.norm1(maps))
        shortcut = maps if self.project is None else self.project(rectified)
        inner = functional.relu(self.norm2(self.conv1(rectified)))
        return shortcut + self.conv2(inner)


def _norm_behind(width: int, channels: int, *, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(width, channels, 3, stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels))


def _stage(
    block: Callable[..., nn.Module], width: int, channels: int, *, n_blocks: int, stride: int
) -> list[nn.Module]:
    rest = [block(channels, channels, stride=1) for _ in range(n_blocks - 1)]
    return [block(width, channels, stride=stride), *rest]


def make_model(name: str, *, num_classes: int = NUM_CLASSES, seed: int = 0) -> nn.Module:
    """Make an untrained network by its name; its weights follow from the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if name in _OWN:
            return _OWN[name](num_classes)
        depth = int(name.removeprefix("resnet"))
        return cifar_resnet(depth, channels=3, num_classes=num_classes, seed=seed)


_OWN: dict[str, Callable[[int], nn.Module]] = {
    "resnet8x4": lambda n: WidenedResNet(8, num_classes=n),
    "resnet32x4": lambda n: WidenedResNet(32, num_classes=n),
    "wrn_40_2": lambda n: WideResNet(40, widening=2, num_classes=n),
}
