"""CIFAR-style ResNets: for a study to train as its teacher, or to fill from a published file.

Three stages of 16, 32 and 64 channels, two convolutions a block, a shortcut without weights, a
global average: any square image from 8 pixels up. Names of weights are those of the published
checkpoints: ``layer1.0.conv1.weight``.

Source: He et al. 2016, arXiv:1512.03385, section 4.2 (the network, n = blocks a stage) and section
    3.3 (option A).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from autokd.checking import nearest
from autokd.errors import TeacherError
from autokd.graphs.ir import InputShape
from autokd.teaching import ZOO, ZOO_DEPTHS, zoo_depth

__all__ = ["ZOO", "CifarResNet", "cifar_resnet", "zoo_model"]

_WIDTHS = (16, 32, 64)


class CifarResNet(nn.Module):
    """A ResNet for small images.

    Args:
        n_blocks: Blocks a stage, >= 1.
        channels: Channels of the image, >= 1.
        num_classes: Classes, >= 2.
    """

    def __init__(self, n_blocks: int, *, channels: int, num_classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, _WIDTHS[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(_WIDTHS[0])
        self.layer1 = _stage(_WIDTHS[0], _WIDTHS[0], n_blocks=n_blocks)
        self.layer2 = _stage(_WIDTHS[0], _WIDTHS[1], n_blocks=n_blocks)
        self.layer3 = _stage(_WIDTHS[1], _WIDTHS[2], n_blocks=n_blocks)
        self.linear = nn.Linear(_WIDTHS[2], num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Classify images.

        Args:
            images: Normalised, ``(batch, channels, size, size)``.

        Returns:
            Logits, ``(batch, classes)``.
        """
        maps = functional.relu(self.bn1(self.conv1(images)))
        maps = self.layer3(self.layer2(self.layer1(maps)))
        logits: Tensor = self.linear(maps.mean(dim=(2, 3)))
        return logits


class _Block(nn.Module):
    """Two convolutions and a shortcut; a wider block halves the resolution."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self._stride = 1 if width == channels else 2
        self._n_added = (channels - width) // 2
        self.conv1 = nn.Conv2d(width, channels, 3, self._stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, maps: Tensor) -> Tensor:
        inner = functional.relu(self.bn1(self.conv1(maps)))
        return functional.relu(self.bn2(self.conv2(inner)) + self._shortcut(maps))

    def _shortcut(self, maps: Tensor) -> Tensor:
        if self._stride == 1:
            return maps
        added = (self._n_added, self._n_added)
        return functional.pad(maps[:, :, ::2, ::2], (0, 0, 0, 0, *added))


def cifar_resnet(depth: int, *, channels: int, num_classes: int, seed: int = 0) -> CifarResNet:
    """Make an untrained ResNet.

    Convolutions are drawn from a normal distribution by fan-out, the linear layer from one of
    standard deviation 0.01.

    Args:
        depth: Layers with weights, 6n + 2, in [8, 110].
        channels: Channels of the image, >= 1.
        num_classes: Classes, >= 2.
        seed: Of the weights; the global generator is left as it is.

    Returns:
        The network, on the CPU, in training mode.

    Raises:
        TeacherError: If there is no such depth.

    Source: He et al. 2015, arXiv:1502.01852, section 2.2 (initial weights).
    """
    if depth not in ZOO_DEPTHS:
        raise TeacherError(f"a ResNet of this kind has 6n + 2 layers, 8 to 110, found {depth}")
    with torch.random.fork_rng(devices=[]):
        network = CifarResNet((depth - 2) // 6, channels=channels, num_classes=num_classes)
    _initialise(network, torch.Generator().manual_seed(seed))
    return network


def zoo_model(name: str, shape: InputShape, *, seed: int = 0) -> CifarResNet:
    """Make an untrained network of the zoo by its name.

    Args:
        name: ``resnet20``, or another of `ZOO`.
        shape: What it reads and answers.
        seed: Of the weights.

    Returns:
        The network, on the CPU, in training mode.

    Raises:
        TeacherError: If the zoo has no such network.
    """
    depth = zoo_depth(name)
    if depth is None:
        raise TeacherError(
            f"[teacher.model] must be one of {list(ZOO)}, found {name!r}{nearest(name, ZOO)}"
        )
    return cifar_resnet(depth, channels=shape.channels, num_classes=shape.num_classes, seed=seed)


def _stage(width: int, channels: int, *, n_blocks: int) -> nn.Sequential:
    rest = [_Block(channels, channels) for _ in range(n_blocks - 1)]
    return nn.Sequential(_Block(width, channels), *rest)


def _initialise(network: CifarResNet, generator: torch.Generator) -> None:
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(
                module.weight, mode="fan_out", nonlinearity="relu", generator=generator
            )
    nn.init.normal_(network.linear.weight, std=0.01, generator=generator)
    nn.init.zeros_(network.linear.bias)
