"""Which layers of a teacher give hints: those that end its stages, or the centres of clusters.

Any network will do, as far as `autokd.distill.layers` sees it. A teacher can have fewer stages
than a student, or more hints can be asked for than a student has stages: then the deepest of each
belong together.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from autokd.data import to_unit
from autokd.distill.evaluation import evaluating
from autokd.distill.layers import block_levels, map_layers
from autokd.distill.taps import Tap
from autokd.errors import TeacherError
from autokd.graphs import InputShape

__all__ = ["clustered_names", "linear_cka", "stage_names"]

_MOST_STAGES = 3
"""Students have three."""

_MOST_IMAGES = 512
_PIECE = 64
_DECIMALS = 9
"""Distances are rounded, so that ties are broken alike on every machine."""


def stage_names(
    teacher: nn.Module, shape: InputShape, *, device: torch.device | str = "cpu"
) -> tuple[str, ...]:
    """Name the layers that end a teacher's stages.

    Args:
        teacher: Any network.
        shape: What it reads.
        device: Where it is.

    Returns:
        The last block of each resolution, highest resolution first; of more than three resolutions
        the lowest three. Blocks are opened only where that shows more resolutions.

    Raises:
        TeacherError: If the teacher has no layers that give maps.
    """
    images = torch.full((2, shape.channels, shape.size, shape.size), 0.5, device=device)
    layers = map_layers(teacher, images)
    stages = max((_ends(level, layers) for level in block_levels(teacher, layers)), key=len)
    _check_enough(stages, 1)
    return stages


def clustered_names(
    teacher: nn.Module, images: Tensor, *, k: int, device: torch.device | str = "cpu"
) -> tuple[str, ...]:
    """Name the layers that best stand for the others.

    Layers are the teacher's blocks; they are opened only where there are fewer than k. Two are as
    far apart as 1 - CKA of their maps, averaged over the places. Clusters start from k layers
    evenly spaced in depth, the first and the last among them; each layer joins the nearest centre,
    and the member nearest to the mean depth of a cluster becomes its centre, until nothing
    changes. Nothing is drawn at random.

    Args:
        teacher: Any network.
        images: Training images, uint8, ``(n, channels, size, size)``, n >= 2; at most 512, evenly
            spaced, are looked at.
        k: Layers to be named, >= 1.
        device: Where the teacher is.

    Returns:
        The centres, in order of depth.

    Raises:
        TeacherError: If the teacher has fewer layers than k.

    Source: Keser et al. 2021, arXiv:2103.00053 (PURSUhInT), as we read it: clusters by distances
        between layers, centres by depth. Of its distances this is the one by linear CKA; the
        number of images is ours.
    """
    chosen = torch.linspace(0, len(images) - 1, min(len(images), _MOST_IMAGES)).long()
    pieces = torch.split(images[chosen.to(images.device)], _PIECE)
    levels = block_levels(teacher, map_layers(teacher, to_unit(pieces[0][:2].to(device))))
    names = next((level for level in levels if len(level) >= k), levels[-1])
    _check_enough(names, k)
    descriptors = _descriptors(teacher, names, [piece.to(device) for piece in pieces])
    distances = (1 - linear_cka(descriptors)).round(decimals=_DECIMALS)
    return tuple(names[centre] for centre in _centres(distances.tolist(), k))


def linear_cka(descriptors: Sequence[Tensor]) -> Tensor:
    """Measure how alike each two layers describe the same images.

    Args:
        descriptors: For each layer ``(images, features)``; the numbers of features may differ.

    Returns:
        Centred kernel alignment, float64 in [0, 1], ``(layers, layers)``: 1 where two descriptors
        are the same up to rotation, reflection and scale; 0 for a layer that describes all images
        alike.

    Source: Kornblith et al. 2019, arXiv:1905.00414, equations 3 and 4: ``HSIC(K, L) /
        sqrt(HSIC(K, K) HSIC(L, L))`` with the linear kernels K and L of two layers.
    """
    grams = []
    for features in (each.double() for each in descriptors):
        centred = features - features.mean(dim=0)
        gram = (centred @ centred.T).flatten()
        norm = gram.norm()
        grams.append(gram / norm if norm > 0 else gram)
    stacked = torch.stack(grams)
    return stacked @ stacked.T


def _ends(level: Sequence[str], layers: dict[str, Tensor]) -> tuple[str, ...]:
    last = {layers[name].shape[-1]: name for name in level}
    return tuple(last[side] for side in sorted(last, reverse=True)[-_MOST_STAGES:])


def _check_enough(names: Sequence[str], n: int) -> None:
    if len(names) < n:
        raise TeacherError(
            f"the teacher has {len(names)} layers for hints, and {n} are needed: a layer is a "
            "part of the network that convolves and gives maps, (batch, channels, side, side)"
        )


def _descriptors(
    network: nn.Module, names: Sequence[str], pieces: Sequence[Tensor]
) -> list[Tensor]:
    with Tap(network, names) as tap, evaluating(network):
        pooled = [[maps.mean(dim=(2, 3)) for maps in tap(to_unit(raw))[1]] for raw in pieces]
    return [torch.cat(layer).cpu() for layer in zip(*pooled, strict=True)]


def _centres(distances: Sequence[Sequence[float]], k: int) -> list[int]:
    n = len(distances)
    centres = [i * (n - 1) // (k - 1) for i in range(k)] if k > 1 else [(n - 1) // 2]
    seen: list[list[int]] = []
    while centres not in seen:
        seen.append(centres)
        clusters: dict[int, list[int]] = {centre: [] for centre in centres}
        for layer in range(n):
            # A centre stays in its own cluster, even where another one is as near.
            own = layer if layer in clusters else _nearest(distances[layer], centres)
            clusters[own].append(layer)
        centres = sorted(_middle(members) for members in clusters.values())
    return centres


def _nearest(distances: Sequence[float], centres: Sequence[int]) -> int:
    return min(centres, key=lambda centre: (distances[centre], centre))


def _middle(members: Sequence[int]) -> int:
    mean = sum(members) / len(members)
    return min(members, key=lambda member: (abs(member - mean), member))
