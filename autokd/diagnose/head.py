"""The last linear layer of a teacher, and what reaches it.

Geometry and angles are those of the penultimate features: what the layer reads whose outputs are
the teacher's logits. Found by running the teacher, so that any network will do, whatever its parts
are called.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from autokd.distill import predict
from autokd.errors import TeacherError

__all__ = ["LinearHead", "linear_head"]

_N_PROBES = 4


@dataclass(frozen=True, slots=True, eq=False)
class LinearHead:
    """A teacher from its penultimate features on, on the CPU.

    Attributes:
        features: What the layer reads, float32, ``(n, features)``.
        weight: float32, ``(classes, features)``.
        bias: float32, ``(classes,)``; zeros for a layer without one.
    """

    features: Tensor
    weight: Tensor
    bias: Tensor


def linear_head(teacher: nn.Module, images: Tensor) -> LinearHead:
    """Find the last layer, and run the teacher up to it.

    Args:
        teacher: The teacher, frozen, in evaluation mode.
        images: Raw images, uint8, ``(n, channels, size, size)``, n >= 1.

    Returns:
        The layer, with its inputs for these images.

    Raises:
        TeacherError: If the teacher's logits are no outputs of a linear layer.
    """
    head = _last_layer(teacher, images[:_N_PROBES])
    features: list[Tensor] = []
    handle = head.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0]))
    try:
        predict(teacher, images)
    finally:
        handle.remove()
    weight = head.weight.detach().float().cpu()
    bias = torch.zeros(len(weight)) if head.bias is None else head.bias.detach().float().cpu()
    return LinearHead(torch.cat(features).float().cpu(), weight, bias)


def _last_layer(teacher: nn.Module, images: Tensor) -> nn.Linear:
    layers = [part for part in teacher.modules() if isinstance(part, nn.Linear)]
    outputs: dict[int, Tensor] = {}

    def keep(layer: nn.Module, inputs: object, output: Tensor) -> None:
        outputs[id(layer)] = output.float().cpu()

    handles = [layer.register_forward_hook(keep) for layer in layers]
    try:
        logits = predict(teacher, images).cpu()
    finally:
        for handle in handles:
            handle.remove()
    for layer in layers:
        if id(layer) in outputs and torch.equal(outputs[id(layer)], logits):
            return layer
    raise TeacherError(
        f"{type(teacher).__name__}: the logits of the teacher do not come straight from a linear "
        "layer, so it has no penultimate features; the part 'transfer' needs none"
    )
