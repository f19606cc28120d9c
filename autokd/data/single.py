"""One image of a view, through torchvision's transforms.

`autokd.data.augment` shows batches with one gather; this shows one image at a time with
`torchvision.transforms.v2.functional`, and gives exactly the same pixels, which a test holds. For
images that come one by one, as in a `DataLoader` of one's own, and as the plain reading of what a
view is.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from autokd.data.augment import GREY
from autokd.data.draws import (
    BLEND_BITS,
    Boxes,
    crops_of,
    draw_augmentations,
    draw_boxes,
    draw_holes,
    draw_partners,
    draw_weights,
)
from autokd.views import ViewsSpec

__all__ = ["view_image"]


def view_image(
    read: Callable[[int], Tensor], index: int, *, n: int, view: int, spec: ViewsSpec
) -> Tensor:
    """Show one image as a view has it.

    Args:
        read: Gives an image of the split by its index, uint8, ``(channels, size, size)``, on the
            CPU. It is asked for ``index`` and, where images are mixed, for the partner.
        index: Which to show, in [0, n).
        n: Images of the split, in [1, 2**31).
        view: Number of the view, >= 0.
        spec: What a view is.

    Returns:
        uint8, ``(channels, size, size)``: what `autokd.data.view_images` gives for this index.

    Raises:
        DataError: If ``view`` is negative.
    """
    shown = _unmixed(read, index, view=view, spec=spec)
    if spec.mix == "none":
        return shown
    at = torch.tensor([index])
    partner = int(draw_partners(at, view=view, spec=spec, n=n))
    other = _unmixed(read, partner, view=view, spec=spec)
    if spec.mix == "mixup":
        weight, whole = int(draw_weights(at, view=view, spec=spec)), 2**BLEND_BITS
        total = shown.int() * (whole - weight) + other.int() * weight
        blended: Tensor = (total + whole // 2) >> BLEND_BITS
        return blended.to(torch.uint8)
    box = draw_boxes(at, view=view, spec=spec, size=shown.shape[-1])
    return _filled(shown, box, other)


def _unmixed(read: Callable[[int], Tensor], index: int, *, view: int, spec: ViewsSpec) -> Tensor:
    # Imported here: torchvision takes a second to import, and a search shows batches.
    from torchvision.transforms.v2 import functional

    image, at = read(index), torch.tensor([index])
    size = image.shape[-1]
    crop = crops_of(draw_augmentations(at, view=view, spec=spec), spec=spec)
    if spec.crop_padding:
        padded = functional.pad(image, [spec.crop_padding] * 4, padding_mode="edge")
        image = functional.crop(padded, int(crop.down), int(crop.across), size, size)
    if bool(crop.is_flipped):
        image = functional.horizontal_flip(image)
    if spec.cutout:
        hole = draw_holes(at, view=view, spec=spec, size=size)
        image = _filled(image, hole, torch.full_like(image, GREY))
    return image


def _filled(image: Tensor, box: Boxes, other: Tensor) -> Tensor:
    """Put the pixels that another image has in a box over those of the first."""
    from torchvision.transforms.v2 import functional

    top, bottom, left, right = (int(edge) for edge in box)
    patch = other[:, top:bottom, left:right]
    erased: Tensor = functional.erase(image, top, left, bottom - top, right - left, v=patch)
    return erased
