"""From a study's ``[teacher]`` to a network that takes images on the [0, 1] scale.

Training a teacher is not done here: `new_teacher` gives the untrained network for it.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from autokd.errors import TeacherError
from autokd.graphs.ir import InputShape
from autokd.study import TeacherSpec
from autokd.teachers.checkpoint import fill, read_state
from autokd.teachers.fitting import freeze
from autokd.teachers.imported import imported_model, is_import_name
from autokd.teachers.normalised import Normalised
from autokd.teachers.published import published_model
from autokd.teachers.zoo import zoo_model

__all__ = ["given_teacher", "load_teacher", "new_teacher"]

_Normalisation = tuple[Sequence[float], Sequence[float]]
"""Mean and standard deviation."""


def load_teacher(
    spec: TeacherSpec,
    shape: InputShape,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    data_dir: Path | None = None,
    device: torch.device | str = "cpu",
) -> nn.Module:
    """Load a teacher that was trained elsewhere.

    Its normalisation is the one that the study names; else that of the published weights for
    torchvision, and that of the data for a checkpoint. A network of source ``module`` normalises
    for itself unless the study names a normalisation.

    Args:
        spec: The study's ``[teacher]``, of any source but ``zoo`` and ``probabilities``. A
            ``"package.module:function"`` is called without arguments; with source ``checkpoint``
            it returns the network that the file's weights fit, with source ``module`` one that has
            its weights.
        shape: What the data have; see `autokd.teachers.check_fits` for whether the teacher fits.
        mean: Mean of the data, on the [0, 1] scale, one number a channel.
        std: Standard deviation of the data, > 0, one number a channel.
        data_dir: Folder that a relative ``file`` starts from; None means the current folder.
        device: Where the teacher goes.

    Returns:
        The teacher: frozen, in eval mode, from ``(batch, channels, size, size)`` to logits,
        ``(batch, classes)``.

    Raises:
        TeacherError: If it cannot be loaded, or if its normalisation has other channels than the
            data.
    """
    own: _Normalisation | None = None
    match spec.source:
        case "checkpoint":
            network, own = _from_checkpoint(spec, shape, data_dir or Path()), (mean, std)
        case "torchvision":
            network, own = published_model(_model(spec), spec.weights)
        case "module":
            network = imported_model(_model(spec))
        case "zoo":
            raise TeacherError("a teacher of source 'zoo' is trained by the study, not loaded")
        case "probabilities":
            raise TeacherError("a teacher of source 'probabilities' has answers, and no network")
    return freeze(_normalised(network, _named(spec) or own, shape).to(device))


def given_teacher(
    module: nn.Module, spec: TeacherSpec, shape: InputShape, *, device: torch.device | str = "cpu"
) -> nn.Module:
    """Take a module that was given in Python for a teacher.

    Args:
        module: The network; it normalises for itself unless the study names a normalisation.
        spec: The study's ``[teacher]``, of source ``module``.
        shape: What the data have.
        device: Where the teacher goes.

    Returns:
        The teacher: frozen, in eval mode, from images on the [0, 1] scale, ``(batch, channels,
        size, size)``, to logits, ``(batch, classes)``.

    Raises:
        TeacherError: If the study's normalisation has other channels than the data.
    """
    return freeze(_normalised(module, _named(spec), shape).to(device))


def new_teacher(
    spec: TeacherSpec, shape: InputShape, *, mean: Sequence[float], std: Sequence[float]
) -> nn.Module:
    """Make the untrained network of a teacher that the study trains.

    Args:
        spec: The study's ``[teacher]``, of source ``zoo``; its seed decides the weights.
        shape: What it reads and answers.
        mean: Mean of the data, on the [0, 1] scale, one number a channel; the study's own goes
            first.
        std: Standard deviation of the data, > 0, one number a channel; the study's own goes first.

    Returns:
        The network, on the CPU, in training mode, from images on the [0, 1] scale, ``(batch,
        channels, size, size)``, to logits, ``(batch, classes)``.

    Raises:
        TeacherError: If the zoo has no such network, or if the study's normalisation has other
            channels than the data.
    """
    network = zoo_model(_model(spec), shape, seed=spec.seed)
    return _normalised(network, _named(spec) or (mean, std), shape)


def _from_checkpoint(spec: TeacherSpec, shape: InputShape, folder: Path) -> nn.Module:
    assert spec.file is not None, "checked with the study"
    name, file = _model(spec), folder / Path(spec.file).expanduser()
    network = imported_model(name) if is_import_name(name) else zoo_model(name, shape)
    fill(network, read_state(file, key_prefix=spec.key_prefix), source=str(file))
    return network


def _model(spec: TeacherSpec) -> str:
    if spec.model is None:
        raise TeacherError("[teacher.model] is missing, and no teacher was given in Python")
    return spec.model


def _named(spec: TeacherSpec) -> _Normalisation | None:
    return None if spec.mean is None or spec.std is None else (spec.mean, spec.std)


def _normalised(
    network: nn.Module, normalisation: _Normalisation | None, shape: InputShape
) -> nn.Module:
    if normalisation is None:
        return network
    mean, std = normalisation
    if len(mean) != shape.channels:
        raise TeacherError(
            f"the teacher is normalised for images of {len(mean)} channels, the data have "
            f"{shape.channels}"
        )
    return Normalised(network, mean=mean, std=std)
