"""Views: augmentation as a function of (seed, view, image index), for batches on any device.

The teacher's outputs for a view can therefore be stored once and read for years, by trials that
visit its images in any order. Draws come from `autokd.data.draws`; pixels are moved, and blended
in whole numbers, so that they are exact everywhere. `autokd.data.single` shows one image alike.

What it leaves out: anything that changes colours.
"""

import torch
from torch import Tensor

from autokd.data.draws import (
    BLEND_BITS,
    crops_of,
    draw_augmentations,
    draw_boxes,
    draw_holes,
    draw_partners,
    draw_weights,
    hash_counters,
    view_key,
)
from autokd.errors import DataError
from autokd.views import ViewsSpec

__all__ = [
    "GREY",
    "augmented_images",
    "check_views",
    "to_unit",
    "view_images",
    "view_labels",
    "view_order",
]

GREY = 128
"""Value of the pixels that cutout hides. The published method fills with the mean pixel of the
data; a constant keeps a view free of statistics that change with the split."""

# Positions gathered at once: bounds the memory of the index, and stays in the CPU's cache.
_PIECE_PIXELS = 2**20


def view_images(images: Tensor, indices: Tensor, *, view: int, spec: ViewsSpec) -> Tensor:
    """Show images as one view has them.

    The image is padded by repeating its edge pixels, cropped to its old size at an offset uniform
    over the ``(2 * crop_padding + 1) ** 2`` places, and mirrored left to right with probability
    one half if ``spec.flip``. A square of side ``spec.cutout`` is turned grey. If ``spec.mix``
    says so, the result is mixed with that of another image of the same view: ``mixup`` gives
    ``floor((1 - w) * own + w * other + 1/2)`` with the weight w of `draw_weights`, ``cutmix`` the
    other image's pixels inside the box of `draw_boxes`.

    Args:
        images: All images of the split, uint8, ``(n, channels, size, size)``.
        indices: Which to show, int64 in [0, n), ``(batch,)``, in any order. One call for a whole
            view costs far less than one for each batch of a few images.
        view: Number of the view, >= 0.
        spec: What a view is.

    Returns:
        uint8, ``(batch, channels, size, size)``, on the images' device; the same pixels for the
        same (seed, view, image index) of a split, whatever else is in the batch.

    Raises:
        DataError: If ``view`` is negative.
    """
    indices = indices.to(images.device)
    parts = _pieces(images, indices)
    shown = [_view(images, part, view=view, spec=spec) for part in parts]
    return shown[0] if len(shown) == 1 else torch.cat(shown)


def view_labels(
    labels: Tensor, indices: Tensor, *, view: int, spec: ViewsSpec, size: int, num_classes: int
) -> Tensor:
    """Give the labels of a view's images.

    Args:
        labels: Class indices of all images of the split, int64, ``(n,)``.
        indices: Which images, int64 in [0, n), ``(batch,)``.
        view: Number of the view, >= 0.
        spec: What a view is.
        size: Height and width of the images, pixels.
        num_classes: Classes, above every label.

    Returns:
        Class indices, int64, ``(batch,)``; of mixed views class probabilities, float32, ``(batch,
        classes)``: an image's class has its share of the mixed image, its partner's class the
        rest. The share is the weight of a blend, and the exact area for cutmix.

    Raises:
        DataError: If ``view`` is negative.
    """
    indices = indices.to(labels.device)
    own = labels[indices]
    if spec.mix == "none":
        return own
    other = labels[draw_partners(indices, view=view, spec=spec, n=len(labels))]
    if spec.mix == "mixup":
        parts, whole = draw_weights(indices, view=view, spec=spec), 2**BLEND_BITS
    else:
        parts, whole = draw_boxes(indices, view=view, spec=spec, size=size).areas(), size**2
    probabilities = torch.zeros(len(own), num_classes, device=labels.device)
    for label, share in ((own, whole - parts), (other, parts)):
        probabilities.scatter_add_(1, label[:, None], (share.float() / whole)[:, None])
    return probabilities


def augmented_images(images: Tensor, indices: Tensor, *, number: int, spec: ViewsSpec) -> Tensor:
    """Show images as one augmentation of crop and flip has them.

    Args:
        images: All images of the split, uint8, ``(n, channels, size, size)``.
        indices: Which to show, int64 in [0, n), ``(batch,)``.
        number: Number of the augmentation, in [0, `ViewsSpec.n_augmentations`).
        spec: Padding and flip.

    Returns:
        uint8, ``(batch, channels, size, size)``, on the images' device.
    """
    indices = indices.to(images.device)
    numbers = torch.full_like(indices, number)
    return _crop_and_flip(images, indices, numbers=numbers, spec=spec)


def view_order(n: int, *, view: int, seed: int) -> Tensor:
    """Order the images of a view.

    Args:
        n: Images, >= 0.
        view: Number of the view, >= 0.
        seed: Seed of the order; a study's own seed, or that of its views.

    Returns:
        A permutation of ``range(n)``, int64, ``(n,)``, on the CPU; it does not depend on the
        machine.

    Raises:
        DataError: If ``view`` is negative.
    """
    keys = hash_counters(torch.arange(n), key=view_key(seed, "order", view=view))
    return keys.argsort(stable=True)


def to_unit(images: Tensor) -> Tensor:
    """Turn pixels into what networks read.

    Args:
        images: uint8, ``(batch, channels, size, size)``.

    Returns:
        The pixels divided by 255, float32 in [0, 1], same shape.
    """
    return images.to(torch.float32).div_(255)


def check_views(spec: ViewsSpec, *, size: int) -> None:
    """Refuse views that these images cannot be shown in.

    Args:
        spec: What a view is.
        size: Height and width of the images, pixels.

    Raises:
        DataError: If cutout would hide whole images.
    """
    if spec.cutout >= size:
        raise DataError(
            f"[views.cutout] must be below the image size of {size} pixels, found {spec.cutout}"
        )


def _pieces(images: Tensor, indices: Tensor) -> tuple[Tensor, ...]:
    piece = max(_PIECE_PIXELS // images.shape[-1] ** 2, 1)
    return torch.tensor_split(indices, max(-(-len(indices) // piece), 1))


def _view(images: Tensor, indices: Tensor, *, view: int, spec: ViewsSpec) -> Tensor:
    shown = _unmixed(images, indices, view=view, spec=spec)
    if spec.mix == "none":
        return shown
    partners = draw_partners(indices, view=view, spec=spec, n=len(images))
    others = _unmixed(images, partners, view=view, spec=spec)
    if spec.mix == "mixup":
        return _blend(shown, others, draw_weights(indices, view=view, spec=spec))
    size = images.shape[-1]
    boxes = draw_boxes(indices, view=view, spec=spec, size=size)
    return torch.where(boxes.mask(size), others, shown)


def _unmixed(images: Tensor, indices: Tensor, *, view: int, spec: ViewsSpec) -> Tensor:
    numbers = draw_augmentations(indices, view=view, spec=spec)
    shown = _crop_and_flip(images, indices, numbers=numbers, spec=spec)
    if not spec.cutout:
        return shown
    size = images.shape[-1]
    holes = draw_holes(indices, view=view, spec=spec, size=size)
    return shown.masked_fill(holes.mask(size), GREY)


def _blend(own: Tensor, other: Tensor, weights: Tensor) -> Tensor:
    whole = 2**BLEND_BITS
    part = weights.to(torch.int32)[:, None, None, None]
    # In place: three times the memory of a piece would leave the CPU's cache.
    total = own.to(torch.int32).mul_(whole - part)
    total.add_(other.to(torch.int32).mul_(part)).add_(whole // 2)
    return total.bitwise_right_shift_(BLEND_BITS).to(torch.uint8)


def _crop_and_flip(images: Tensor, indices: Tensor, *, numbers: Tensor, spec: ViewsSpec) -> Tensor:
    if not spec.crop_padding and not spec.flip:
        return images[indices]
    n, channels, size, _ = images.shape
    crops = crops_of(numbers, spec=spec)
    places = torch.arange(size, device=images.device) - spec.crop_padding
    rows = (places + crops.down[:, None]).clamp(0, size - 1)
    columns = (places + crops.across[:, None]).clamp(0, size - 1)
    if spec.flip:
        columns = torch.where(crops.is_flipped[:, None], columns.flip(1), columns)
    pixels = (rows[:, :, None] * size + columns[:, None, :]).view(-1, 1, size * size)
    # A row of whole images first, then positions within them: twice as fast on the CPU as one
    # index with four axes.
    batch = images.reshape(n, channels, size * size)[indices]
    return batch.gather(2, pixels.expand_as(batch)).view(-1, channels, size, size)
