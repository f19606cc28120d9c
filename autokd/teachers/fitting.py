"""Whether a teacher fits the data, and what makes it a teacher: that it no longer changes."""

import torch
from torch import Tensor, nn

from autokd.errors import ShapeError, TeacherError
from autokd.graphs.ir import InputShape

__all__ = ["check_fits", "freeze"]

_REFUSALS = (RuntimeError, ShapeError, TypeError, ValueError, LookupError, AssertionError)
"""What a network raises on images of a shape that it was not made for."""


def freeze(module: nn.Module) -> nn.Module:
    """Fix a network: eval mode, no gradients.

    Args:
        module: Changed in place.

    Returns:
        The same module.
    """
    return module.eval().requires_grad_(requires_grad=False)


def check_fits(module: nn.Module, shape: InputShape, device: torch.device | str = "cpu") -> None:
    """Run a teacher once, on two grey images.

    Args:
        module: In eval mode, on the device.
        shape: What the data have.
        device: Where the module is.

    Raises:
        TeacherError: If it cannot read such images, or does not answer with finite logits,
            ``(batch, classes)``, for the data's classes.
    """
    images = torch.full((2, shape.channels, shape.size, shape.size), 0.5, device=device)
    try:
        with torch.no_grad():
            logits = module(images)
    except _REFUSALS as error:
        size = f"{shape.channels}x{shape.size}x{shape.size}"
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise TeacherError(f"the teacher cannot read images of {size}: {reason}") from error
    _check_logits(logits, shape.num_classes)


def _check_logits(logits: object, num_classes: int) -> None:
    if not isinstance(logits, Tensor):
        found = type(logits).__name__
        raise TeacherError(f"the teacher must answer with a tensor of logits, found {found}")
    if logits.dim() != 2 or len(logits) != 2:
        found = str(tuple(logits.shape))
        raise TeacherError(f"the teacher must answer 2 images with (2, classes), found {found}")
    if logits.shape[1] != num_classes:
        raise TeacherError(
            f"the teacher answers with {logits.shape[1]} classes, the data have {num_classes}"
        )
    if not logits.isfinite().all():
        raise TeacherError("the teacher's logits are not finite: its weights may be damaged")
