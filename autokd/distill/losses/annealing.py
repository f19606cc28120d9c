"""Method ``annealing``: first the teacher's logits, which grow in steps, then the labels alone."""

import torch
from torch import Tensor

from autokd.distill.losses.continuation import sharpness, squared_gaps
from autokd.distill.losses.seen import Seen
from autokd.distill.losses.terms import hard_loss

__all__ = ["annealing"]


def annealing(seen: Seen, *, t_max: int, stage_fraction: float) -> Tensor:
    """Follow scaled teacher logits in the first stage, the hard labels in the second.

    It is `continuation` without a margin, whose labels take over at once. Both stages are computed
    at every step, since which one counts is decided on the device.

    Args:
        seen: The batch; reads labels, progress and teacher logits, ``(batch, classes)``.
        t_max: Steps in which the teacher's logits grow over the first stage, >= 1.
        stage_fraction: Share of the training that is the first stage, in (0, 1].

    Returns:
        Mean over the batch, shape ``()``.

    Raises:
        ShapeError: If the shapes do not go together, or there are no teacher logits.

    Source: Jafari et al. 2021, arXiv:2104.07163, as given by Jafari et al. 2022, arXiv:2212.05998,
        equations 2 and 6. The second stage goes on from the end of the first one, not from its
        best epoch.
    """
    scale = sharpness((seen.progress / stage_fraction).clamp(max=1.0), t_max=t_max)
    first = squared_gaps(seen, scale=scale).mean()
    second = hard_loss(seen.student_logits, seen.labels)
    return torch.where(seen.progress < stage_fraction, first, second)
