"""Networks of torchvision with its published weights, fetched when they are not there yet."""

from collections.abc import Sequence
from http.client import HTTPException

import torch
from torch import nn
from torchvision import models

from autokd.checking import nearest
from autokd.errors import TeacherError

__all__ = ["published_model"]


def published_model(
    name: str, weights: str | None
) -> tuple[nn.Module, tuple[Sequence[float], Sequence[float]]]:
    """Load a classification network of torchvision.

    Args:
        name: ``resnet18``, or another name of ``torchvision.models``.
        weights: ``IMAGENET1K_V1``, ``DEFAULT``, or another name that torchvision has for them.

    Returns:
        The network, and the mean and standard deviation that it expects to be normalised with, one
        number a channel each.

    Raises:
        TeacherError: If there is no such network or weights, or if they cannot be fetched.
    """
    entry = _entry(name, weights)
    with torch.random.fork_rng(devices=[]):
        try:
            network = models.get_model(name, weights=entry, progress=False)
        except (OSError, HTTPException, RuntimeError) as error:
            raise TeacherError(
                f"the weights {weights} of {name} could not be fetched: {error}; put {entry.url} "
                f"into {torch.hub.get_dir()}/checkpoints by other means"
            ) from error
    preset = entry.transforms()
    return network, (preset.mean, preset.std)


def _entry(name: str, weights: str | None) -> models.WeightsEnum:
    names = models.list_models(module=models)
    if name not in names:
        raise TeacherError(
            f"[teacher.model] torchvision has no model {name!r} for classification"
            f"{nearest(name, names)}"
        )
    entries = models.get_model_weights(name)
    legal = [*entries.__members__]
    if weights not in legal:
        raise TeacherError(
            f"[teacher.weights] of {name} must be one of {legal}, found {weights!r}"
            f"{nearest(weights or '', legal)}"
        )
    return entries[weights]
