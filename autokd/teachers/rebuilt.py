"""A teacher made once more in another process, from its study and the weights that it had."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from autokd.graphs.ir import InputShape
from autokd.study import TeacherSpec
from autokd.teachers.checkpoint import fill, read_state
from autokd.teachers.fitting import freeze
from autokd.teachers.imported import is_import_name
from autokd.teachers.load import load_teacher, new_teacher

__all__ = ["rebuilt_teacher"]


def rebuilt_teacher(
    spec: TeacherSpec,
    shape: InputShape,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    file: Path,
    device: torch.device | str = "cpu",
) -> nn.Module:
    """Make a teacher's network again, and give it its weights.

    Args:
        spec: The study's ``[teacher]``, with a model that has a name.
        shape: What it reads and answers.
        mean: Mean of the data, on the [0, 1] scale, one number a channel.
        std: Standard deviation of the data, > 0, one number a channel.
        file: All that the teacher's ``state_dict()`` held, its normalisation too, as safetensors.
            Nothing is trained, and no checkpoint of the user's is read.
        device: Where the teacher goes.

    Returns:
        The teacher: frozen, in eval mode, from ``(batch, channels, size, size)`` to logits,
        ``(batch, classes)``.

    Raises:
        TeacherError: If the network cannot be made, or the weights do not fit it.
    """
    unfilled = _unfilled(spec, mean, std)
    if unfilled.source == "zoo":
        teacher = new_teacher(unfilled, shape, mean=mean, std=std)
    else:
        teacher = load_teacher(unfilled, shape, mean=mean, std=std)
    fill(teacher, read_state(file), source=str(file))
    return freeze(teacher.to(device))


def _unfilled(spec: TeacherSpec, mean: Sequence[float], std: Sequence[float]) -> TeacherSpec:
    """The same network from a source that needs no file of the user's."""
    if spec.source != "checkpoint":
        return spec
    assert spec.model is not None, "checked with the study"
    if not is_import_name(spec.model):
        return spec.model_copy(update={"source": "zoo"})
    # A checkpoint is normalised as the data are, unless the study says otherwise; a module is not.
    own = {"mean": spec.mean or tuple(mean), "std": spec.std or tuple(std)}
    return spec.model_copy(update={"source": "module", **own})
