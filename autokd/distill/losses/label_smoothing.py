"""Method ``label_smoothing``: no teacher, labels that are a little less certain."""

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from autokd.distill.losses.seen import Seen
from autokd.distill.losses.shapes import check_labels

__all__ = ["label_smoothing"]


def label_smoothing(seen: Seen, *, smoothing: float) -> Tensor:
    """Cross-entropy with labels that are mixed with all classes evenly.

    Args:
        seen: The batch; reads student logits, ``(batch, classes)``, and labels.
        smoothing: Share that is spread over all classes, the label's own among them, in [0, 1].

    Returns:
        Mean over the batch in nats, shape ``()``; NaN for an empty batch.

    Raises:
        ShapeError: If logits and labels do not go together.

    Source: Szegedy et al. 2016, arXiv:1512.00567, section 7; its epsilon is ``smoothing``.
    """
    check_labels(seen.student_logits, seen.labels)
    return F.cross_entropy(seen.student_logits, seen.labels, label_smoothing=smoothing)
