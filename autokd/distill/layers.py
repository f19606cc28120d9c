"""The layers of any network whose outputs are maps, and which of them are its blocks.

A layer is a part that gives maps, ``(batch, channels, side, side)``. Found by running the network
once, since nothing else says what an arbitrary network does; what happens outside of its parts, in
the code of a forward pass, stays unseen. Left out are maps that come straight from a pooling
layer, and maps of one pixel in a network that only pools to there: those are no places, but a
description of the image.

Parts *convolve* if they hold a kernel. A *block* is a part that convolves and gives maps, with
whatever follows it in a `torch.nn.Sequential` without convolving, such as its ReLU. A Sequential
of several blocks is no block itself.
"""

import torch
from torch import Tensor, nn

from autokd.distill.evaluation import evaluating

__all__ = ["block_levels", "map_layers"]

_POOLS = (
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
    nn.AvgPool2d,
    nn.FractionalMaxPool2d,
    nn.LPPool2d,
    nn.MaxPool2d,
)


def map_layers(network: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """Run a network and note its layers.

    Args:
        network: The network; each of its parts gets its mode back.
        images: On the [0, 1] scale, ``(batch, channels, size, size)``.

    Returns:
        Maps, ``(batch, channels, side, side)``, by the name of the layer, in the order in which
        the layers end.
    """
    found = _outputs(network, images)
    parts = dict(network.named_modules())
    makers: dict[int, nn.Module] = {}
    for name, maps in found.items():
        makers.setdefault(id(maps), parts[name])  # containers hand out their last part's maps
    works_on_a_pixel = any(
        maps.shape[-1] == 1 and _is_spatial(parts[name]) for name, maps in found.items()
    )
    return {
        name: maps
        for name, maps in found.items()
        if not isinstance(makers[id(maps)], _POOLS) and (maps.shape[-1] > 1 or works_on_a_pixel)
    }


def block_levels(network: nn.Module, layers: dict[str, Tensor]) -> list[list[str]]:
    """Name the blocks of a network, and the blocks inside of these.

    Args:
        network: The network.
        layers: From `map_layers`, each ``(batch, channels, side, side)``.

    Returns:
        At least one list of names, each in the order of depth: the outermost blocks, then those
        and others that are left when every outermost block that holds several convolving parts is
        opened, and so on, until there is nothing to open.
    """
    levels: list[list[str]] = []
    while len(levels) < 2 or levels[-1] != levels[-2]:
        found = {_outermost(name, layers) for name in _open(network, "", layers, len(levels))}
        levels.append([name for name in layers if name in found])
    return levels[:-1]


def _outputs(network: nn.Module, images: Tensor) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    names = {part: name for name, part in network.named_modules() if name}

    def keep(part: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        found.pop(names[part], None)  # so that it stands where its last call is
        if isinstance(output, Tensor) and _is_map(output, images):
            found[names[part]] = output

    handles = [part.register_forward_hook(keep) for part in names]
    try:
        with evaluating(network), torch.autocast(images.device.type, enabled=False):
            network(images)
    finally:
        for handle in handles:
            handle.remove()
    return found


def _is_map(output: Tensor, images: Tensor) -> bool:
    if output.ndim != 4 or len(output) != len(images):
        return False
    # Images are square; what is not has its channels last, or is something else altogether.
    return output.shape[2] == output.shape[3] <= images.shape[3]


def _open(part: nn.Module, name: str, layers: dict[str, Tensor], n_levels: int) -> list[str]:
    n_convolving = sum(_convolves(child) for child in part.children())
    is_row = isinstance(part, nn.Sequential) and n_convolving > 1
    if name in layers and not is_row:
        if not n_levels or n_convolving < 2:
            return [name]
        n_levels -= 1
    found: list[str] = []
    for key, child in part.named_children():
        full = f"{name}.{key}" if name else key
        if _convolves(child):
            found += _open(child, full, layers, n_levels)
        elif isinstance(part, nn.Sequential) and found and _goes_on(full, found[-1], layers):
            found[-1] = full
    return found


def _goes_on(name: str, block: str, layers: dict[str, Tensor]) -> bool:
    return name in layers and layers[name].shape == layers[block].shape


def _outermost(name: str, layers: dict[str, Tensor]) -> str:
    """The largest part that gives the same maps: ``layer1`` for its last block."""
    around = [each for each in layers if f"{name}.".startswith(f"{each}.")]
    return min((each for each in around if layers[each] is layers[name]), key=len)


def _convolves(part: nn.Module) -> bool:
    return any(weight.ndim == 4 for weight in part.parameters())


def _is_spatial(part: nn.Module) -> bool:
    kernels = [weight for weight in part.parameters(recurse=False) if weight.ndim == 4]
    return any(max(kernel.shape[2:]) > 1 for kernel in kernels)
