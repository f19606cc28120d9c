"""Method ``at``: the student looks where the teacher looks.

Nothing is learned: channels are averaged away, so any two networks can be compared.
"""

import torch
from torch import Tensor

from autokd.distill.losses.kd import kd
from autokd.distill.losses.map_terms import in_range, map_pairs, unit_rows
from autokd.distill.losses.seen import Seen

__all__ = ["at", "attention"]


def at(
    seen: Seen, *, weight: float, power: float, temperature: float, soft_weight: float
) -> Tensor:
    """Squared distance of the student's attention from the teacher's, at every place.

    Args:
        seen: The batch, with maps.
        weight: Of the distances, >= 0; 1000 in published comparisons, whose smallest maps are
            8 x 8. An image's distance is at most 4 over its number of pixels, so the same weight
            counts for more the smaller the maps are.
        power: To which magnitudes are raised before channels are averaged, >= 1.
        temperature: Softening of the soft targets, > 0.
        soft_weight: Weight of the soft targets, in [0, 1]; the hard labels get the rest.

    Returns:
        Labels and soft targets, plus the weighted sum over places of the mean squared distance
        over images and pixels, shape ``()``.

    Raises:
        ShapeError: If there are no teacher logits, or no matching maps.

    Source: Zagoruyko and Komodakis 2017, arXiv:1612.03928, equation 2, whose p is ``power``; the
        mean over pixels of squares, instead of half the length, is that of published comparisons,
        and so is the weight.
    """
    distances = [
        (attention(student, power=power) - attention(teacher, power=power)).square().mean()
        for student, teacher in map_pairs(seen)
    ]
    plain = kd(seen, temperature=temperature, soft_weight=soft_weight)
    return plain + weight * torch.stack(distances).sum()


def attention(maps: Tensor, *, power: float) -> Tensor:
    """Say how strongly each pixel acts, whatever the channel.

    Args:
        maps: ``(batch, channels, height, width)``.
        power: To which magnitudes are raised, >= 1.

    Returns:
        The mean over channels, brought to length 1 for each image, ``(batch, pixels)``; it does
        not change with an image's scale, and is 0 without a gradient where an image has no
        magnitude above 1e-6.
    """
    magnitudes = in_range(maps, dim=(1, 2, 3)).abs()
    return unit_rows(magnitudes.pow(power).mean(dim=1).flatten(1))
