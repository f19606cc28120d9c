"""How good a network is on images it was not trained on.

Always in evaluation mode and float32, whatever precision the study trains in, so that scores of
one study compare. What is left out: metrics that need no images (`autokd.graphs.cost`) and latency
(`autokd.students.latency`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from autokd.data import to_unit
from autokd.distill.harm import harm
from autokd.errors import Diverged, ShapeError

__all__ = ["N_BINS", "calibration_error", "divergence", "evaluating", "predict", "score"]

N_BINS = 15
"""Bins of the calibration error."""

_MOST_IMAGES = 512
_MOST_NUMBERS = 2**21
"""Numbers of a batch of images: the activations of a ResNet are some hundred times as many."""


def predict(module: nn.Module, images: Tensor, *, batch_size: int | None = None) -> Tensor:
    """Compute logits in evaluation mode, without gradients, in float32.

    Args:
        module: Takes images in [0, 1], ``(batch, channels, size, size)``, and gives logits,
            ``(batch, classes)``; each of its parts gets its mode back.
        images: Raw images, ``(n, channels, size, size)``, uint8, n >= 1; those on another device
            than the module go there batch by batch.
        batch_size: Images at a time, >= 1; None takes up to 512, fewer of large images. It does
            not change what is predicted.

    Returns:
        Logits, ``(n, classes)``, float32, on the images' device.

    Raises:
        ShapeError: If there are no images.
    """
    if not len(images):
        raise ShapeError(f"at least one image is needed, found {tuple(images.shape)}")
    fitting = max(_MOST_NUMBERS // images[0].numel(), 1)
    parts = torch.split(images, batch_size or min(fitting, _MOST_IMAGES))
    where = _device_of(module) or images.device
    with evaluating(module), torch.autocast(where.type, enabled=False):
        logits = [module(to_unit(part.to(where))).float() for part in parts]
    return torch.cat(logits).to(images.device)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode without gradients for a while.

    Args:
        module: The module; afterwards each part has the mode it had before.

    Yields:
        Nothing.
    """
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part in training:
            part.training = True


def score(
    logits: Tensor, labels: Tensor, teacher_logits: Tensor | None = None
) -> dict[str, float]:
    """Measure predictions.

    Args:
        logits: Logits, ``(n, classes)``, n >= 1; of several largest ones the first counts.
        labels: Class indices, ``(n,)``, int64, on the same device.
        teacher_logits: The teacher's logits for the same images, ``(n, classes)``, or None.

    Returns:
        ``top1`` and ``ece``, each in [0, 1], and ``nll`` in nats. Given teacher logits also
        ``agreement``, the share of images of which both predict the same class, ``kl`` as
        `divergence` gives it, and ``cev`` and ``sde`` as `autokd.distill.harm` does.

    Raises:
        Diverged: If a logit is not finite.
        ShapeError: If the shapes do not go together, or there are no images.
    """
    _check(logits, labels, teacher_logits)
    logits = logits.double()
    predicted = logits.argmax(dim=1)
    metrics = {
        "top1": (predicted == labels).double().mean(),
        "ece": calibration_error(logits, labels),
        "nll": F.cross_entropy(logits, labels),
    }
    if teacher_logits is not None:
        taught = teacher_logits.argmax(dim=1)
        metrics["agreement"] = (predicted == taught).double().mean()
        metrics["kl"] = divergence(logits, teacher_logits)
        metrics |= harm(predicted, taught, labels, num_classes=logits.shape[1])
    return {name: float(value) for name, value in metrics.items()}


def calibration_error(logits: Tensor, labels: Tensor, *, n_bins: int = N_BINS) -> Tensor:
    """Compute the expected calibration error of the top prediction.

    The confidence is the largest predicted probability. Bin m of M holds confidences in ((m - 1) /
    M, m / M]; each bin adds the distance between its mean confidence and its share of correct
    predictions, weighted by its share of the images.

    Args:
        logits: Logits, ``(n, classes)``, n >= 1.
        labels: Class indices, ``(n,)``, int64.
        n_bins: Bins of equal width, >= 1.

    Returns:
        The error in [0, 1], shape ``()``, float64.

    Source: Guo et al. 2017, arXiv:1706.04599, equation 3.
    """
    confidence = logits.double().softmax(dim=1).amax(dim=1)
    is_correct = (logits.argmax(dim=1) == labels).double()
    bins = (confidence * n_bins).ceil().long() - 1
    # A bin's size cancels: its share of the images times a mean over it is a sum over it, divided
    # by n.
    gaps = F.one_hot(bins, n_bins).double().T @ (is_correct - confidence)
    return gaps.abs().sum() / len(labels)


def divergence(logits: Tensor, teacher_logits: Tensor) -> Tensor:
    """Compute how far a student's predictions are from the teacher's.

    Args:
        logits: The student's logits, ``(n, classes)``, n >= 1, finite.
        teacher_logits: The teacher's, same shape; minus infinity stands for a probability of 0.

    Returns:
        KL(teacher || student) at temperature 1 in nats, mean over the images, shape ``()``,
        float64.

    Source: Kullback and Leibler 1951, Ann. Math. Stat. 22(1), equation 2.4.
    """
    targets = teacher_logits.double().softmax(dim=1)
    return F.kl_div(logits.double().log_softmax(dim=1), targets, reduction="batchmean")


def _device_of(module: nn.Module) -> torch.device | None:
    first = next(chain(module.parameters(), module.buffers()), None)
    return None if first is None else first.device


def _check(logits: Tensor, labels: Tensor, teacher_logits: Tensor | None) -> None:
    if logits.ndim != 2 or not len(logits) or labels.shape != logits.shape[:1]:
        raise ShapeError(
            "logits must be (n, classes) and labels (n,) with n >= 1, "
            f"found {tuple(logits.shape)} and {tuple(labels.shape)}"
        )
    if teacher_logits is not None and teacher_logits.shape != logits.shape:
        raise ShapeError(
            f"teacher logits must be {tuple(logits.shape)}, found {tuple(teacher_logits.shape)}"
        )
    if not bool(logits.isfinite().all()):
        raise Diverged("a logit is not finite")
