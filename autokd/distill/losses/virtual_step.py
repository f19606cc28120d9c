"""What one step of a student's last layer would do to its loss on other images.

The gradients of a linear layer are outer products of those of its logits and of what it reads, so
both the step and the derivative of what follows by every image's weight are closed formulas, and
no second derivative is computed.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from autokd.errors import ShapeError

__all__ = ["LIMITS", "LastLayer", "logit_gradients", "moved_weights"]

LIMITS = (1e-7, 2.0 - 1e-7)
"""Least and largest weight, as in the code of arXiv:2202.03250."""


class LastLayer:
    """Looks at what the last linear layer of a network reads and gives.

    The hook that looks is there while the network runs for it, and at no other time.

    Args:
        network: Ends in a linear layer.
        num_classes: Outputs of that layer, >= 2.

    Raises:
        ShapeError: If the network's last linear layer is missing, or has other outputs.
    """

    def __init__(self, network: nn.Module, *, num_classes: int) -> None:
        layers = [part for part in network.modules() if isinstance(part, nn.Linear)]
        if not layers or layers[-1].out_features != num_classes:
            found = f"{layers[-1].out_features} outputs" if layers else "no such layer"
            raise ShapeError(
                f"the student must end in a linear layer of {num_classes} outputs, found {found}"
            )
        self._network = network
        self._layer = layers[-1]

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Run the network in evaluation mode, and look.

        Args:
            images: On the [0, 1] scale, ``(batch, channels, size, size)``.

        Returns:
            The logits, ``(batch, classes)``, and what the layer reads, ``(batch, width)``, with a
            last column of ones where it has a bias, which then counts as a column of weights.

        Raises:
            ShapeError: If the layer reads anything but one row an image.
        """
        read: list[Tensor] = []
        hook = self._layer.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
        was_training = self._network.training
        self._network.eval()
        try:
            logits: Tensor = self._network(images)
        finally:
            hook.remove()
            self._network.train(was_training)
        inputs = read[-1] if read else logits[:0]
        if inputs.ndim != 2 or len(inputs) != len(images):
            raise ShapeError(
                "the student's last layer must read (batch, width), found "
                f"{tuple(inputs.shape)} for {len(images)} images"
            )
        return logits, F.pad(inputs, (0, 1), value=1.0) if self._layer.bias is not None else inputs


def logit_gradients(
    logits: Tensor, labels: Tensor, several: Tensor, *, temperature: float
) -> Tensor:
    """Differentiate each image's hard loss, and its soft loss for each teacher, by the logits.

    Args:
        logits: Student logits, ``(batch, classes)``.
        labels: Class indices, int64, ``(batch,)``, or class probabilities, ``(batch, classes)``.
        several: Teachers' logits, ``(batch, teachers, classes)``.
        temperature: Softening of both sides in the soft losses, > 0, which are scaled by its
            square.

    Returns:
        ``(batch, 1 + teachers, classes)``, the hard loss first.
    """
    hard = logits.softmax(dim=1) - _probabilities(labels, like=logits)
    student = (logits / temperature).softmax(dim=1).unsqueeze(1)
    soft = temperature * (student - (several / temperature).softmax(dim=2))
    return torch.cat([hard.unsqueeze(1), soft], dim=1)


def moved_weights(
    weights: Tensor,
    *,
    gradients: Tensor,
    inputs: Tensor,
    tuning_logits: Tensor,
    tuning_inputs: Tensor,
    tuning_labels: Tensor,
    rate: float,
    step_size: float,
    n_inner: int,
) -> Tensor:
    """Move the weights of losses so that a step on them serves the tuning images better.

    Args:
        weights: Of each image's losses, ``(batch, losses)``.
        gradients: Of each loss by the student's logits, ``(batch, losses, classes)``.
        inputs: What the last layer reads of each image, ``(batch, width)``.
        tuning_logits: Logits of the tuning images, ``(n, classes)``.
        tuning_inputs: What the last layer reads of them, ``(n, width)``.
        tuning_labels: Class indices, int64, ``(n,)``.
        rate: Learning rate of the virtual step, down the mean over the batch of the weighted sums
            of losses, > 0.
        step_size: Of a step of the weights, >= 0.
        n_inner: Steps of the weights, >= 1, each after a virtual step from the same place.

    Returns:
        ``(batch, losses)``, each in `LIMITS`. Every step goes down the derivative of the tuning
        images' mean cross-entropy after the virtual step.

    Source: Sivasubramanian et al. 2023, arXiv:2202.03250, with the last layer's gradients in place
        of all, as in its code.
    """
    share = rate / len(weights)
    labels = _probabilities(tuning_labels, like=tuning_logits)
    for _ in range(n_inner):
        combined = torch.einsum("bl,blc->bc", weights, gradients)
        moved = tuning_logits - share * (tuning_inputs @ inputs.T) @ combined
        gaps = (moved.softmax(dim=1) - labels) / len(labels)
        # What each image's logits would have to change by for the tuning images' loss to rise.
        wanted = inputs @ (tuning_inputs.T @ gaps)
        derivatives = -share * torch.einsum("blc,bc->bl", gradients, wanted)
        weights = (weights - step_size * derivatives).clamp(*LIMITS)
    return weights


def _probabilities(labels: Tensor, *, like: Tensor) -> Tensor:
    if labels.is_floating_point():
        return labels.to(like.dtype)
    return F.one_hot(labels, like.shape[1]).to(like.dtype)
