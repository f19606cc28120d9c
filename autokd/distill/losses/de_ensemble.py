"""Method ``de_ensemble``: assistants teach together, weighted by differential evolution.

The weights are found once, when the method is made: those with which the weighted mean of the
assistants' predictions is the most likely on the tuning images. Predictions are not softened for
that; when the student is taught, they are. The source gives no settings of its evolution; ours are
SciPy's own but for an end that does not depend on luck.
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from scipy.optimize import differential_evolution
from torch import Tensor, nn

from autokd.distill.losses.seen import Seen, Setting
from autokd.distill.losses.several import assistant_logits, blended_logits
from autokd.distill.losses.terms import hard_loss, soft_loss
from autokd.errors import ShapeError

__all__ = ["DeEnsemble", "evolved_weights"]

_LEAST = 1e-9
"""Least share of an assistant before shares are brought to sum 1, so that they can be."""


class DeEnsemble(nn.Module):
    """Plain distillation from the weighted mean prediction of the assistants.

    Attributes:
        weights: Of the assistants, in their order, > 0, sum 1, float32, ``(assistants,)``.

    Args:
        setting: Gives the tuning images' labels and what the assistants say of them.
        temperature: Softening of both sides in the soft term, > 0.
        soft_weight: Weight of the soft term, in [0, 1]; the hard term gets the rest.

    Raises:
        ShapeError: If the setting has no tuning images, or no assistants.

    Source: Ganta et al. 2022, arXiv:2206.12005; what is minimised, and the settings of the
        evolution, are ours.
    """

    weights: Tensor

    def __init__(self, setting: Setting, *, temperature: float, soft_weight: float) -> None:
        super().__init__()
        self._temperature = temperature
        self._soft_weight = soft_weight
        if setting.tuning is None:
            raise ShapeError("tuning images are needed to weigh the assistants, found none")
        found = evolved_weights(
            setting.tuning.assistant_logits, setting.tuning.split.labels, seed=setting.seed
        )
        self.register_buffer("weights", found.to(setting.labels.device))

    def forward(self, seen: Seen) -> Tensor:
        """Compute the loss.

        Args:
            seen: The batch; reads student logits, ``(batch, classes)``, labels, and assistant
                logits, ``(batch, assistants, classes)``.

        Returns:
            ``soft_weight * soft + (1 - soft_weight) * hard`` in nats, shape ``()``; NaN for an
            empty batch.

        Raises:
            ShapeError: If there are other assistants, or the shapes do not go together.
        """
        several = assistant_logits(seen)
        if several.shape[1] != len(self.weights):
            found = several.shape[1]
            raise ShapeError(f"{len(self.weights)} assistants were weighed, found {found}")
        weights = self.weights.to(several.dtype)
        target = blended_logits(several, weights, temperature=self._temperature)
        soft = soft_loss(seen.student_logits, target, temperature=self._temperature)
        hard = hard_loss(seen.student_logits, seen.labels)
        return self._soft_weight * soft + (1.0 - self._soft_weight) * hard


def evolved_weights(several: Tensor, labels: Tensor, *, seed: int) -> Tensor:
    """Find the weights with which several networks together predict the labels best.

    Args:
        several: Logits, ``(n, networks, classes)``.
        labels: Class indices, int64, ``(n,)``.
        seed: Of the evolution; the same arguments give the same weights.

    Returns:
        Weights > 0, sum 1, float32, ``(networks,)``, on the CPU, at which the mean negative
        logarithm of the weighted mean probability of the labels is least; the function is convex,
        so where networks differ there is one such point.

    Raises:
        ShapeError: If there are no images or no networks, or the shapes do not go together.

    Source: Storn and Price 1997, Differential Evolution, in SciPy's form.
    """
    if several.ndim != 3 or 0 in several.shape or labels.shape != several.shape[:1]:
        raise ShapeError(
            "logits must be (n, networks, classes) and labels (n,), none empty, found "
            f"{tuple(several.shape)} and {tuple(labels.shape)}"
        )
    log_predictions = F.log_softmax(several.detach().cpu().double(), dim=2)
    index = labels.cpu().view(-1, 1, 1).expand(-1, several.shape[1], 1)
    of_labels: NDArray[np.float64] = log_predictions.gather(2, index).squeeze(2).exp().numpy()
    return torch.from_numpy(_evolved(of_labels, seed)).float()


def _evolved(of_labels: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Evolve the weights of columns of probabilities, ``(n, networks)``."""

    def cost(shares: Any) -> Any:
        blended = of_labels @ (shares / shares.sum(axis=0))
        # Where all networks are certain of another class a probability may be rounded to 0.
        return -np.log(np.maximum(blended, np.finfo(np.float64).tiny)).mean(axis=0)

    found = differential_evolution(
        cost,
        bounds=[(_LEAST, 1.0)] * of_labels.shape[1],
        rng=np.random.default_rng(seed),
        tol=1e-6,
        polish=False,
        updating="deferred",
        vectorized=True,
    )
    weights: NDArray[np.float64] = found.x / found.x.sum()
    return weights
