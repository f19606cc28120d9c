"""Views: augmentation as a function of (seed, view, image index), and of nothing else.

A random generator gives other pixels when the batches are cut otherwise or when another device
draws. Here the draws are a hash of the place they belong to, so the teacher's outputs for a view
can be stored once and read for years, by trials that visit its images in any order, on CPU or
CUDA. All arithmetic is on int64 tensors, which wrap around alike everywhere.

What it leaves out: anything that touches colours or mixes images.
"""

import torch
from torch import Tensor

from autokd.errors import DataError
from autokd.seeds import derive_seed
from autokd.study import ViewsSpec

__all__ = ["hash_counters", "to_unit", "view_images", "view_order"]

# Positions gathered at once: bounds the memory of the index, and stays in the CPU's cache.
_PIECE_PIXELS = 2**20
_FIELD_BITS = 24
_FIELD = 2**_FIELD_BITS - 1


def view_images(images: Tensor, indices: Tensor, *, view: int, spec: ViewsSpec) -> Tensor:
    """Show images as one view has them.

    The image is padded by repeating its edge pixels, cropped to its old size at an offset uniform
    over the ``(2 * crop_padding + 1) ** 2`` places, then mirrored left to right with probability
    one half if ``spec.flip``.

    Args:
        images: All images of the split, uint8, ``(n, channels, size, size)``.
        indices: Which to show, int64 in [0, n), ``(batch,)``, in any order. One call for a whole
            view costs far less than one for each batch of a few images.
        view: Number of the view, >= 0.
        spec: Seed, padding and flip.

    Returns:
        uint8, ``(batch, channels, size, size)``, on the images' device; the same pixels for the
        same (seed, view, image index), whatever else is in the batch.

    Raises:
        DataError: If ``view`` is negative.
    """
    indices = indices.to(images.device)
    key = _key(spec.seed, "view", view=view)
    if not spec.crop_padding and not spec.flip:
        return images[indices]
    piece = max(_PIECE_PIXELS // images.shape[-1] ** 2, 1)
    parts = torch.tensor_split(indices, max(-(-len(indices) // piece), 1))
    shown = [_shift_and_flip(images, part, key=key, spec=spec) for part in parts]
    return shown[0] if len(shown) == 1 else torch.cat(shown)


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
    keys = hash_counters(torch.arange(n), key=_key(seed, "order", view=view))
    return keys.argsort(stable=True)


def to_unit(images: Tensor) -> Tensor:
    """Turn pixels into what networks read.

    Args:
        images: uint8, ``(batch, channels, size, size)``.

    Returns:
        The pixels divided by 255, float32 in [0, 1], same shape.
    """
    return images.to(torch.float32).div_(255)


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


def _shift_and_flip(images: Tensor, indices: Tensor, *, key: int, spec: ViewsSpec) -> Tensor:
    n, channels, size, _ = images.shape
    bits = hash_counters(indices, key=key)[:, None]
    places = torch.arange(size, device=images.device)
    rows = _shifted(places, bits, padding=spec.crop_padding)
    columns = _shifted(places, bits >> _FIELD_BITS, padding=spec.crop_padding)
    if spec.flip:
        is_flipped = (bits >> 2 * _FIELD_BITS).bitwise_and(1).bool()
        columns = torch.where(is_flipped, columns.flip(1), columns)
    pixels = (rows[:, :, None] * size + columns[:, None, :]).view(-1, 1, size * size)
    # A row of whole images first, then positions within them: twice as fast on the CPU as one
    # index with four axes.
    batch = images.reshape(n, channels, size * size)[indices]
    return batch.gather(2, pixels.expand_as(batch)).view(-1, channels, size, size)


def _shifted(places: Tensor, bits: Tensor, *, padding: int) -> Tensor:
    # The low 24 bits, scaled to 2 * padding + 1 <= 65 offsets: none is likelier than another by
    # more than 4e-6 of itself.
    offsets = ((bits & _FIELD) * (2 * padding + 1)) >> _FIELD_BITS
    return torch.clamp(places + offsets - padding, 0, len(places) - 1)


def _shift_right(bits: Tensor, n_bits: int) -> Tensor:
    # torch copies the sign bit down; the hash wants zeros there.
    return torch.bitwise_and(bits >> n_bits, 2 ** (64 - n_bits) - 1)


def _signed(word: int) -> int:
    return word - 2**64 if word >= 2**63 else word


def _key(seed: int, use: str, *, view: int) -> int:
    if view < 0:
        raise DataError(f"a view's number must be at least 0, found {view}")
    high, low = (derive_seed(seed, use, view, half) for half in ("high", "low"))
    return high << 31 | low
