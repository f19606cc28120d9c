"""Method ``dml``: two students of the same architecture teach each other.

The second one, the peer, starts from other weights, sees the same images, and is dropped after
training; no teacher is needed. The source changes the networks in turn, each after a fresh
prediction of the other; here both are changed in the same step. The peer runs in float32 whatever
precision the student runs in.
"""

import torch
from torch import Tensor, nn

from autokd.distill.losses.beside import run_beside
from autokd.distill.losses.seen import Seen, Setting
from autokd.distill.losses.terms import hard_loss, soft_loss
from autokd.errors import ShapeError
from autokd.seeds import derive_seed

__all__ = ["Dml"]


class Dml(nn.Module):
    """Hard labels for both networks, and the divergence of each from the other.

    Attributes:
        peer: The second network.

    Args:
        setting: Makes the peer, from a seed derived from its own.
        weight: Of the divergences, >= 0; 1 in the source.
        temperature: Softening in the divergences, > 0; 1 in the source.

    Source: Zhang et al. 2018, arXiv:1706.00384, section 2, with two networks.
    """

    def __init__(self, setting: Setting, *, weight: float, temperature: float) -> None:
        super().__init__()
        self._weight = weight
        self._temperature = temperature
        peer = setting.peer(derive_seed(setting.seed, "dml", "peer"))
        # As the student is while it trains.
        self.peer = peer.to(memory_format=torch.channels_last)

    def forward(self, seen: Seen) -> Tensor:
        """Compute the loss of both networks.

        Args:
            seen: The batch; reads student logits, ``(batch, classes)``, images and labels.

        Returns:
            Sum of the student's and the peer's loss in nats, shape ``()``: neither receives
            gradients of the other's.

        Raises:
            ShapeError: If there are no images, or the shapes do not go together.
        """
        if seen.images is None:
            raise ShapeError("images for the peer are needed, found none")
        peer = run_beside(self.peer, seen.images).to(seen.student_logits.dtype)
        student = seen.student_logits
        return self._loss(student, peer, seen.labels) + self._loss(peer, student, seen.labels)

    def _loss(self, learner: Tensor, other: Tensor, labels: Tensor) -> Tensor:
        divergence = soft_loss(learner, other, temperature=self._temperature)
        return hard_loss(learner, labels) + self._weight * divergence
