"""Distillation methods at work: one file a method.

`autokd.methods` describes the same methods without torch and names their files; a test holds the
two together. What a method may see is `Seen`, what it may know when it is made is `Setting`.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn

from autokd.distill.losses.options import with_options
from autokd.distill.losses.seen import Loss, Seen, Setting, Tuning
from autokd.methods import imported, options_of, settle
from autokd.parameters import Point, Value

__all__ = ["Loss", "Seen", "Setting", "Tuning", "make_loss"]


def make_loss(point: Point, setting: Setting) -> Loss:
    """Make the loss that a point names.

    Args:
        point: The point.
        setting: What the method may know; what it draws follows from the setting's seed.

    Returns:
        The method with its parameters filled in, a module on the student's device where it learns
        or remembers, with the point's options around it.

    Raises:
        DefinitionError: If the point names a method that is not there.
    """
    method, parameters = settle(point)
    chosen = {option.name: parameters.pop(option.name) for option in options_of(method)}
    loss = _made(imported(method.implementation), setting, parameters)
    return with_options(loss, chosen)


def _made(found: Callable[..., Any], setting: Setting, parameters: Mapping[str, Value]) -> Loss:
    if not isinstance(found, type):
        return partial(found, **parameters)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(setting.seed)
        module: nn.Module = found(setting, **parameters)
    return module.to(setting.labels.device).train()
