"""The loss of every distillation method, one file a method.

`autokd.methods` describes the same methods without torch; a test holds the two lists equal. A loss
is a plain function of logits and labels: what a method needs beyond them would be an argument
here, never state in a module.
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor

from autokd.distill.losses.kd import kd_loss, soft_target_loss
from autokd.distill.losses.none import hard_label_loss
from autokd.parameters import Point, part

__all__ = ["LOSSES", "Loss", "hard_label_loss", "kd_loss", "make_loss", "soft_target_loss"]

Loss = Callable[..., Tensor]
"""``loss(student_logits, teacher_logits, labels, **parameters)``, a tensor of shape ``()``."""

LOSSES: dict[str, Loss] = {"none": hard_label_loss, "kd": kd_loss}
"""The loss of every method by name; its keyword arguments are the method's parameters."""


def make_loss(point: Point) -> Loss:
    """Choose the loss that a point names.

    Args:
        point: The point.

    Returns:
        ``loss(student_logits, teacher_logits, labels)``, the method's parameters filled in.
    """
    parameters = part(point, "kd")
    return partial(LOSSES[str(parameters.pop("method"))], **parameters)
