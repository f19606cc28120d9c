"""What a view draws for each image: a hash of (seed, view, image index), and of nothing else.

A random generator gives other numbers when the batches are cut otherwise or when another device
draws. Here each draw is a hash of the place it belongs to, in int64 arithmetic, which wraps around
alike everywhere: on CPU or CUDA, for one image or many, in any order.

What is done with the draws is in `autokd.data.augment` (batches) and `autokd.data.single` (one
image).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from autokd.errors import DataError
from autokd.seeds import derive_seed
from autokd.views import ViewsSpec

__all__ = [
    "BLEND_BITS",
    "Boxes",
    "Crops",
    "crops_of",
    "draw_augmentations",
    "draw_boxes",
    "draw_holes",
    "draw_partners",
    "draw_weights",
    "hash_counters",
    "view_key",
]

BLEND_BITS = 9
"""Weights of a blend are odd multiples of ``2 ** -BLEND_BITS``."""

_FIELD_BITS = 24
_PARTNER_BITS = 32


class Crops(NamedTuple):
    """Where images are cropped, and which are mirrored.

    Attributes:
        down: Rows by which the crop lies below the top of the padded image, int64, ``(batch,)``.
        across: Columns by which it lies right of the left edge, int64, ``(batch,)``.
        is_flipped: Whether the crop is mirrored left to right, bool, ``(batch,)``.
    """

    down: Tensor
    across: Tensor
    is_flipped: Tensor


class Boxes(NamedTuple):
    """One rectangle in each image of a batch, ends excluded; it may be empty.

    Attributes:
        top: First row, int64, ``(batch,)``.
        bottom: Row after the last one, int64, ``(batch,)``.
        left: First column, int64, ``(batch,)``.
        right: Column after the last one, int64, ``(batch,)``.
    """

    top: Tensor
    bottom: Tensor
    left: Tensor
    right: Tensor

    def mask(self, size: int) -> Tensor:
        """Mark the pixels inside.

        Args:
            size: Height and width of the images, pixels, >= 1.

        Returns:
            bool, ``(batch, 1, size, size)``.
        """
        places = torch.arange(size, device=self.top.device)
        rows = (places >= self.top[:, None]) & (places < self.bottom[:, None])
        columns = (places >= self.left[:, None]) & (places < self.right[:, None])
        return (rows[:, :, None] & columns[:, None, :])[:, None]

    def areas(self) -> Tensor:
        """Count the pixels inside.

        Returns:
            int64, ``(batch,)``.
        """
        return (self.bottom - self.top) * (self.right - self.left)


def draw_augmentations(indices: Tensor, *, view: int, spec: ViewsSpec) -> Tensor:
    """Draw how crop and flip show each image.

    Args:
        indices: Image indices, int64, each >= 0, ``(batch,)``.
        view: Number of the view, >= 0.
        spec: Seed, padding and flip.

    Returns:
        Numbers of augmentations, int64 in [0, `ViewsSpec.n_augmentations`), ``(batch,)``, uniform;
        `crops_of` says what a number means.

    Raises:
        DataError: If ``view`` is negative.
    """
    bits = hash_counters(indices, key=view_key(spec.seed, "view", view=view))
    offsets = 2 * spec.crop_padding + 1
    places = _field(bits, 0, offsets) * offsets + _field(bits, 1, offsets)
    if not spec.flip:
        return places
    return places * 2 + (bits >> 2 * _FIELD_BITS).bitwise_and(1)


def crops_of(numbers: Tensor, *, spec: ViewsSpec) -> Crops:
    """Say what augmentations do.

    Args:
        numbers: From `draw_augmentations`, int64, ``(batch,)``.
        spec: Padding and flip.

    Returns:
        Offsets in [0, 2 * crop_padding] and flips, each ``(batch,)``.
    """
    n_flips, offsets = (2 if spec.flip else 1), 2 * spec.crop_padding + 1
    places = numbers // n_flips
    return Crops(places // offsets, places % offsets, (numbers % n_flips).bool())


def draw_holes(indices: Tensor, *, view: int, spec: ViewsSpec, size: int) -> Boxes:
    """Draw where cutout hides each image.

    Args:
        indices: Image indices, int64, each >= 0, ``(batch,)``.
        view: Number of the view, >= 0.
        spec: Seed, and the side of the hole.
        size: Height and width of the images, pixels, >= 1.

    Returns:
        Squares of side ``spec.cutout`` whose middle is uniform over the pixels, less what lies
        outside the image, each ``(batch,)``.

    Raises:
        DataError: If ``view`` is negative.

    Source: DeVries, Taylor 2017, arXiv:1708.04552, section 3.2: a fixed size, a uniform middle,
    and parts outside the image allowed.
    """
    bits = hash_counters(indices, key=view_key(spec.seed, "hole", view=view))
    return _around(bits, torch.full_like(indices, spec.cutout), size=size)


def draw_partners(indices: Tensor, *, view: int, spec: ViewsSpec, n: int) -> Tensor:
    """Draw the image that each image is mixed with.

    Args:
        indices: Image indices, int64 in [0, n), ``(batch,)``.
        view: Number of the view, >= 0.
        spec: Seed of the views.
        n: Images of the split, in [1, 2**31).

    Returns:
        Indices, int64, ``(batch,)``, uniform over all other images; where there is only one image,
        that one.

    Raises:
        DataError: If ``view`` is negative.
    """
    bits = hash_counters(indices, key=view_key(spec.seed, "partner", view=view))
    field = torch.bitwise_and(bits, 2**_PARTNER_BITS - 1)
    return (indices + 1 + ((field * (n - 1)) >> _PARTNER_BITS)) % n


def draw_weights(indices: Tensor, *, view: int, spec: ViewsSpec) -> Tensor:
    """Draw how much of its partner a blended image shows.

    Args:
        indices: Image indices, int64, each >= 0, ``(batch,)``.
        view: Number of the view, >= 0.
        spec: Seed of the views.

    Returns:
        Numerators over ``2 ** BLEND_BITS``, int64, odd, ``(batch,)``: 256 weights, uniform, none
        of them 0 or 1, with mean one half.

    Raises:
        DataError: If ``view`` is negative.

    Source: Zhang et al. 2018, arXiv:1710.09412, equation 1, with lambda from Beta(1, 1), which is
    uniform; the weight here is 1 - lambda.
    """
    bits = hash_counters(indices, key=view_key(spec.seed, "weight", view=view))
    return 2 * _field(bits, 0, 2 ** (BLEND_BITS - 1)) + 1


def draw_boxes(indices: Tensor, *, view: int, spec: ViewsSpec, size: int) -> Boxes:
    """Draw which rectangle of each image its partner covers.

    Args:
        indices: Image indices, int64, each >= 0, ``(batch,)``.
        view: Number of the view, >= 0.
        spec: Seed of the views.
        size: Height and width of the images, pixels, in [1, 224].

    Returns:
        Squares of side ``floor(size * sqrt(u))`` with u uniform in [0, 1), less what lies outside
        the image, each ``(batch,)``; the middle is uniform over the pixels.

    Raises:
        DataError: If ``view`` is negative.

    Source: Yun et al. 2019, arXiv:1905.04899, equations 1 and 2; its 1 - lambda is u, since
    lambda from Beta(1, 1) is uniform. What counts in the end is the exact area, as in its code.
    """
    bits = hash_counters(indices, key=view_key(spec.seed, "box", view=view))
    share = torch.bitwise_and(_shift_right(bits, 2 * _FIELD_BITS), 2**16 - 1)
    # The square root in whole numbers: the largest side s with s**2 <= size**2 * u. A square root
    # in floats may be rounded differently by another device.
    squares = torch.arange(1, size + 1, device=indices.device) ** 2 * 2**16
    sides = torch.searchsorted(squares, size**2 * share, right=True)
    return _around(bits, sides, size=size)


def hash_counters(counters: Tensor, *, key: int) -> Tensor:
    """Give each counter 64 bits that look random.

    Args:
        counters: int64, ``(n,)``, each >= 0.
        key: Names the stream, in [0, 2**63).

    Returns:
        int64, ``(n,)``, all bits used; output i of the stream is that of SplitMix64 started at
        ``key``, after i + 1 steps.

    Source: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators", OOPSLA
    (SplitMix64), with the counter in place of the running state; mixing constants by Stafford
    ("Mix13").
    """
    bits = (counters + 1) * _signed(0x9E3779B97F4A7C15) + key
    bits = (bits ^ _shift_right(bits, 30)) * _signed(0xBF58476D1CE4E5B9)
    bits = (bits ^ _shift_right(bits, 27)) * _signed(0x94D049BB133111EB)
    return bits ^ _shift_right(bits, 31)


def view_key(seed: int, use: str, *, view: int) -> int:
    """Name the stream of one use in one view.

    Args:
        seed: Seed of the views.
        use: What is drawn.
        view: Number of the view, >= 0.

    Returns:
        A key for `hash_counters`.

    Raises:
        DataError: If ``view`` is negative.
    """
    if view < 0:
        raise DataError(f"a view's number must be at least 0, found {view}")
    high, low = (derive_seed(seed, use, view, half) for half in ("high", "low"))
    return high << 31 | low


def _around(bits: Tensor, sides: Tensor, *, size: int) -> Boxes:
    top = _field(bits, 0, size) - sides // 2
    left = _field(bits, 1, size) - sides // 2
    edges = (top, top + sides, left, left + sides)
    return Boxes(*(edge.clamp(0, size) for edge in edges))


def _field(bits: Tensor, place: int, n_values: int) -> Tensor:
    # Field 0 or 1 of 24 bits, scaled to at most 256 values: none is likelier than another by more
    # than 2e-5 of itself.
    field = torch.bitwise_and(bits >> (place * _FIELD_BITS), 2**_FIELD_BITS - 1)
    return (field * n_values) >> _FIELD_BITS


def _shift_right(bits: Tensor, n_bits: int) -> Tensor:
    # torch copies the sign bit down; the hash wants zeros there.
    return torch.bitwise_and(bits >> n_bits, 2 ** (64 - n_bits) - 1)


def _signed(word: int) -> int:
    return word - 2**64 if word >= 2**63 else word
