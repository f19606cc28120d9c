"""Method ``rkd``: the student's embeddings lie to each other as the teacher's do.

Nothing is learned. The angles of all triplets of a batch take memory with its cube: 128 images
give 2 million, 1024 a thousand million.
"""

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from autokd.distill.losses.kd import kd
from autokd.distill.losses.map_terms import TINY, embeddings, in_range
from autokd.distill.losses.seen import Seen

__all__ = ["relations", "rkd"]


def rkd(
    seen: Seen,
    *,
    distance_weight: float,
    angle_weight: float,
    temperature: float,
    soft_weight: float,
) -> Tensor:
    """Smooth distance of the student's pairwise distances and angles from the teacher's.

    Args:
        seen: The batch, with maps; the means of the last ones over pixels are the embeddings.
        distance_weight: Of the pairwise distances, >= 0; 25 in published comparisons.
        angle_weight: Of the angles, >= 0; 50 in published comparisons.
        temperature: Softening of the soft targets, > 0.
        soft_weight: Weight of the soft targets, in [0, 1]; the hard labels get the rest.

    Returns:
        Labels and soft targets, plus both weighted means over all pairs and all triplets, those
        with an image twice included, shape ``()``. A batch of one has no relations: the term is 0.

    Raises:
        ShapeError: If there are no teacher logits, or no matching maps.

    Source: Park et al. 2019, arXiv:1904.05068, section 3.2; weights and the mean over all
        triplets are those of published comparisons.
    """
    student, teacher = embeddings(seen)
    distances, angles = relations(student)
    taught_distances, taught_angles = relations(teacher)
    plain = kd(seen, temperature=temperature, soft_weight=soft_weight)
    plain = plain + distance_weight * F.smooth_l1_loss(distances, taught_distances)
    return plain + angle_weight * F.smooth_l1_loss(angles, taught_angles)


def relations(points: Tensor) -> tuple[Tensor, Tensor]:
    """Measure how points lie to each other.

    Neither result changes when all points are moved, rotated or scaled together.

    Args:
        points: ``(batch, width)``.

    Returns:
        Distances in units of their mean over points that are apart, ``(batch, batch)``, and
        cosines of the angle at the first of three points between the other two, ``(batch, batch,
        batch)``. Points within 1e-6 of the largest component of all are one point: their distance
        and their angles are 0 without a gradient.
    """
    points = in_range(points, dim=(0, 1))
    differences = points.unsqueeze(0) - points.unsqueeze(1)
    squares = differences.square().sum(dim=2)
    # The root has no finite slope at 0, so 1 stands there until the root is taken.
    is_one = squares <= TINY**2
    lengths = squares.masked_fill(is_one, 1.0).sqrt()
    distances = lengths.masked_fill(is_one, 0.0)
    mean = distances.sum() / (~is_one).sum().clamp_min(1)
    directions = differences.masked_fill(is_one.unsqueeze(2), 0.0) / lengths.unsqueeze(2)
    return distances / (mean + (mean == 0)), directions @ directions.transpose(1, 2)
