"""Method ``sp``: images that are alike to the teacher are alike to the student.

Nothing is learned: what is compared is as wide as the batch, whatever the networks' widths.
"""

from torch import Tensor

from autokd.distill.losses.kd import kd
from autokd.distill.losses.map_terms import in_range, last_maps, unit_rows
from autokd.distill.losses.seen import Seen

__all__ = ["similarities", "sp"]


def sp(seen: Seen, *, weight: float, temperature: float, soft_weight: float) -> Tensor:
    """Squared distance of the student's similarities of images from the teacher's.

    Args:
        seen: The batch, with maps; the last ones are compared, each at its own resolution.
        weight: Of the distance, >= 0; 3000 in published comparisons.
        temperature: Softening of the soft targets, > 0.
        soft_weight: Weight of the soft targets, in [0, 1]; the hard labels get the rest.

    Returns:
        Labels and soft targets, plus the weighted mean of the squared distances over pairs of
        images, shape ``()``. A batch of one has nothing to compare: the term is 0.

    Raises:
        ShapeError: If there are no teacher logits, or no matching maps.

    Source: Tung and Mori 2019, arXiv:1907.09682, section 3, whose gamma is ``weight``.
    """
    student, teacher = last_maps(seen)
    distance = (similarities(student) - similarities(teacher)).square().mean()
    return kd(seen, temperature=temperature, soft_weight=soft_weight) + weight * distance


def similarities(maps: Tensor) -> Tensor:
    """Multiply every image's map with every other's.

    Args:
        maps: ``(batch, channels, height, width)``.

    Returns:
        Inner products, each row brought to length 1, ``(batch, batch)``. They change neither with
        the scale of all maps nor under a rotation of their space; a row is 0 without a gradient
        where an image has next to nothing in common with all of them, itself included.
    """
    rows = in_range(maps, dim=(0, 1, 2, 3)).flatten(1)
    return unit_rows(rows @ rows.T)
