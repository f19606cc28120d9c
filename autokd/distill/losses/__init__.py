"""The loss of every distillation method, one file a method.

`autokd.methods` describes the same methods without torch; a test holds the two lists equal. A loss
is a plain function of logits and labels: what a method needs beyond them would be an argument
here, never state in a module.
"""

from collections.abc import Callable

from torch import Tensor

from autokd.distill.losses.kd import kd_loss, soft_target_loss
from autokd.distill.losses.none import hard_label_loss

__all__ = ["LOSSES", "Loss", "hard_label_loss", "kd_loss", "soft_target_loss"]

Loss = Callable[..., Tensor]
"""``loss(student_logits, teacher_logits, labels, **parameters)``, a tensor of shape ``()``."""

LOSSES: dict[str, Loss] = {"none": hard_label_loss, "kd": kd_loss}
"""The loss of every method by name; its keyword arguments are the method's parameters."""
