"""The networks that teach: loaded from where a study says, or trained once on the hard labels.

Those that a study trains are kept in the cache.
"""

import hashlib
import json
from pathlib import Path

import torch
from torch import nn

from autokd.data import Dataset
from autokd.distill.losses.none import none
from autokd.distill.networks import (
    TrainedNetwork,
    check_at_hand,
    network_training,
    train_network,
    trained_once,
)
from autokd.distill.progress import Progress, silent
from autokd.study import COST_OPTIONS, StudySpec, TeacherSpec
from autokd.teachers import load_teacher, new_teacher

__all__ = ["study_network", "teacher_file", "train_teacher", "zoo_teacher"]

_FORMAT = 1
"""Raised when a teacher of the same settings would be trained to other weights."""


def study_network(
    teacher: TeacherSpec,
    spec: StudySpec,
    dataset: Dataset,
    *,
    device: torch.device,
    cache_dir: Path,
    data_dir: Path | None = None,
    trained_on: torch.device | None = None,
    progress: Progress = silent,
) -> TrainedNetwork:
    """Get the network that one of a study's tables of teachers names.

    Args:
        teacher: The table; its source is not ``probabilities``.
        spec: The study.
        dataset: The images, on the device.
        device: Where the network lives.
        cache_dir: The cache, for networks that the study trains.
        data_dir: Folder that a relative path of a checkpoint starts from; None means the current
            folder.
        trained_on: Device whose network is taken, where the study trains it; None means
            ``device``.
        progress: Told after each epoch.

    Returns:
        The network, frozen, in evaluation mode.

    Raises:
        RunError: If the cache cannot be written.
        TeacherError: If it cannot be loaded or trained.
    """
    if teacher.source == "zoo":
        return zoo_teacher(
            spec,
            dataset,
            device=device,
            cache_dir=cache_dir,
            teacher=teacher,
            trained_on=trained_on,
            progress=progress,
        )
    loaded = load_teacher(
        teacher,
        dataset.shape,
        mean=dataset.mean,
        std=dataset.std,
        data_dir=data_dir,
        device=device,
    )
    return TrainedNetwork(loaded, None)


def zoo_teacher(
    spec: StudySpec,
    dataset: Dataset,
    *,
    device: torch.device,
    cache_dir: Path,
    teacher: TeacherSpec | None = None,
    trained_on: torch.device | None = None,
    progress: Progress = silent,
) -> TrainedNetwork:
    """Read one of the study's own teachers from the cache, or train it and put it there.

    Args:
        spec: The study.
        dataset: The images, on the device.
        device: Where the teacher lives.
        cache_dir: The cache.
        teacher: Which teacher; None means the study's ``[teacher]``.
        trained_on: Device whose teacher is taken; None means ``device``. That of another kind is
            read, and never trained.
        progress: Told after each epoch.

    Returns:
        The teacher.

    Raises:
        RunError: If the cache cannot be written.
        TeacherError: If training fails, or that of another kind of device is not in the cache.
    """
    chosen = teacher or spec.teacher
    on = trained_on or device
    file = teacher_file(spec, dataset, device=on, cache_dir=cache_dir, teacher=chosen)
    check_at_hand(file, device=device, trained_on=on)
    return trained_once(
        file,
        lambda: _untrained(chosen, dataset, device),
        lambda network: _train(network, chosen, spec, dataset, device, progress),
    )


def train_teacher(
    spec: StudySpec, dataset: Dataset, *, device: torch.device, progress: Progress = silent
) -> nn.Module:
    """Train a network of the zoo on the hard labels.

    Args:
        spec: The study: its teacher and views.
        dataset: The images, on the device; only the training images are looked at.
        device: Where it is trained, on a CPU as `preparing_threads` says.
        progress: Told after each epoch.

    Returns:
        The teacher, frozen, in evaluation mode.

    Raises:
        TeacherError: If training diverges or the device has no memory left.
    """
    network = _untrained(spec.teacher, dataset, device)
    _train(network, spec.teacher, spec, dataset, device, progress)
    return network


def teacher_file(
    spec: StudySpec,
    dataset: Dataset,
    *,
    device: torch.device,
    cache_dir: Path,
    teacher: TeacherSpec | None = None,
) -> Path:
    """Name the file of one of the study's own teachers.

    Args:
        spec: The study.
        dataset: The images.
        device: Where the teacher is trained; only its type counts.
        cache_dir: The cache.
        teacher: Which teacher; None means the study's ``[teacher]``.

    Returns:
        A file whose name depends on all that changes the weights: the teacher but for the accuracy
        that is asked of it, views, images, training, kind of device, and the format of this
        module.
    """
    chosen = teacher or spec.teacher
    parts = {
        "format": _FORMAT,
        "teacher": chosen.model_dump(mode="json", exclude={"min_top1", "saw_validation"}),
        "views": spec.views.pixels(),
        "training": network_training(spec, chosen.learning_rate).model_dump(
            mode="json", exclude=set(COST_OPTIONS)
        ),
        "data": dataset.digest,
        "device": device.type,
    }
    key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return cache_dir / "teachers" / f"{chosen.model}-{key[:16]}.safetensors"


def _train(
    network: nn.Module,
    teacher: TeacherSpec,
    spec: StudySpec,
    dataset: Dataset,
    device: torch.device,
    progress: Progress,
) -> None:
    n_epochs = max(round(teacher.stop_fraction * teacher.epochs), 1)
    train_network(
        network,
        dataset,
        spec=spec,
        training=network_training(spec, teacher.learning_rate),
        loss=none,
        epochs=teacher.epochs,
        seed=teacher.seed,
        device=device,
        what=f"teacher {teacher.model}",
        stop_after=n_epochs,
        on_epoch=lambda done: progress("teacher", done, n_epochs),
    )


def _untrained(teacher: TeacherSpec, dataset: Dataset, device: torch.device) -> nn.Module:
    network = new_teacher(teacher, dataset.shape, mean=dataset.mean, std=dataset.std)
    return network.to(device)
