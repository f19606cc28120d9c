"""Method ``pkt``: every image finds the same neighbours with the student as with the teacher.

Nothing is learned: similarities are read as probabilities that an image picks another one.
"""

from torch import Tensor

from autokd.distill.losses.kd import kd
from autokd.distill.losses.map_terms import embeddings, unit_rows
from autokd.distill.losses.seen import Seen

__all__ = ["neighbours", "pkt"]

_SMALLEST = 1e-7
"""Added to a probability before its logarithm, as in published code."""


def pkt(seen: Seen, *, weight: float, temperature: float, soft_weight: float) -> Tensor:
    """Divergence of the student's neighbourhoods from the teacher's.

    Args:
        seen: The batch, with maps; the means of the last ones over pixels are the embeddings.
        weight: Of the divergence, >= 0; 30000 in published comparisons, whose mean over all pairs
            is small.
        temperature: Softening of the soft targets, > 0.
        soft_weight: Weight of the soft targets, in [0, 1]; the hard labels get the rest.

    Returns:
        Labels and soft targets, plus the weighted KL(teacher || student) in nats, mean over pairs
        of images, not sum over an image's neighbours, shape ``()``. A batch of one has no
        neighbours: the term is 0.

    Raises:
        ShapeError: If there are no teacher logits, or no matching maps.

    Source: Passalis and Tefas 2018, arXiv:1803.10837, section 3, with the cosine kernel; weight
        and mean are those of published comparisons.
    """
    student, teacher = (neighbours(rows) + _SMALLEST for rows in embeddings(seen))
    taught = teacher - _SMALLEST
    divergence = (taught * (teacher.log() - student.log())).mean()
    return kd(seen, temperature=temperature, soft_weight=soft_weight) + weight * divergence


def neighbours(rows: Tensor) -> Tensor:
    """Say how likely each image picks each of a batch, itself included.

    Args:
        rows: Embeddings, ``(batch, width)``.

    Returns:
        Probabilities, rows sum to 1, ``(batch, batch)``: in proportion to half of 1 plus the
        cosine. They change neither with an embedding's length nor under a rotation of all; an
        embedding of 0 is at right angles to all, and gets no gradient.
    """
    rows = unit_rows(rows)
    # Rounding may bring the cosine below -1, and the logarithm would notice.
    kernel = ((rows @ rows.T + 1) / 2).clamp_min(0)
    return kernel / kernel.sum(dim=1, keepdim=True)
