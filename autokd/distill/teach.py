"""Trains the study's own teacher: a network of the zoo, on the hard labels, cached.

Its recipe is the study's `[teacher]` and the defaults of `Training`, not the students' settings
(their precision apart): who changes how students are trained does not want another teacher. Its
views are of the students' kind, but far beyond their numbers, so that what it says about the
students' views is not what it learned by heart.
"""

import hashlib
import json
import logging
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import nn

from autokd.data import Dataset
from autokd.data.store.files import check_writable, replacing
from autokd.distill.device import resolve_precision
from autokd.distill.losses import LOSSES
from autokd.distill.progress import Progress, silent
from autokd.distill.source import TrainingSource
from autokd.distill.threads import preparing_threads
from autokd.distill.training import train
from autokd.errors import Diverged, OutOfMemory, TeacherError
from autokd.study import COST_OPTIONS, StudySpec, Training
from autokd.teachers import freeze, new_teacher

__all__ = ["teacher_file", "train_teacher", "zoo_teacher"]

_FORMAT = 1
"""Raised when a teacher of the same settings would be trained to other weights."""

_FIRST_VIEW = 2**20
_LOG = logging.getLogger(__name__)


def zoo_teacher(
    spec: StudySpec,
    dataset: Dataset,
    *,
    device: torch.device,
    cache_dir: Path,
    progress: Progress = silent,
) -> nn.Module:
    """Read the study's own teacher from the cache, or train it and put it there.

    Args:
        spec: The study.
        dataset: The images, on the device.
        device: Where the teacher lives.
        cache_dir: The cache.
        progress: Told after each epoch.

    Returns:
        The teacher, frozen, in evaluation mode.

    Raises:
        RunError: If the cache cannot be written.
        TeacherError: If training fails.
    """
    path = teacher_file(spec, dataset, device=device, cache_dir=cache_dir)
    teacher = _untrained(spec, dataset, device)
    if path.exists() and _loads(teacher, path):
        return freeze(teacher)
    check_writable(path.parent)
    teacher = train_teacher(spec, dataset, device=device, progress=progress)
    state = {name: value.cpu().contiguous() for name, value in teacher.state_dict().items()}
    with replacing(path) as temporary:
        temporary.write_bytes(safetensors.torch.save(state))
    return teacher


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
    teacher = _untrained(spec, dataset, device)
    epochs = spec.teacher.epochs
    try:
        with preparing_threads(dataset.shape.size):
            train(
                teacher,
                TrainingSource(
                    dataset.train,
                    spec.views,
                    first_view=_FIRST_VIEW,
                    num_classes=dataset.shape.num_classes,
                    trained_on=device,
                ),
                loss=LOSSES["none"],
                training=_training(spec),
                rungs=[epochs],
                seed=spec.teacher.seed,
                at_rung=lambda _: True,
                precision=resolve_precision(_training(spec), device),
                on_epoch=lambda done: progress("teacher", done, epochs),
            )
    except (Diverged, OutOfMemory) as error:
        raise TeacherError(f"teacher {spec.teacher.model} cannot be trained: {error}") from error
    return freeze(teacher)


def teacher_file(
    spec: StudySpec, dataset: Dataset, *, device: torch.device, cache_dir: Path
) -> Path:
    """Name the file of the study's own teacher.

    Args:
        spec: The study.
        dataset: The images.
        device: Where the teacher is trained; only its type counts.
        cache_dir: The cache.

    Returns:
        A file whose name depends on all that changes the weights: the teacher but for the accuracy
        that is asked of it, views, images, training, kind of device, and the format of this
        module.
    """
    parts = {
        "format": _FORMAT,
        "teacher": spec.teacher.model_dump(mode="json", exclude={"min_top1", "saw_validation"}),
        "views": spec.views.pixels(),
        "training": _training(spec).model_dump(mode="json", exclude=set(COST_OPTIONS)),
        "data": dataset.digest,
        "device": device.type,
    }
    key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return cache_dir / "teachers" / f"{spec.teacher.model}-{key[:16]}.safetensors"


def _training(spec: StudySpec) -> Training:
    return Training(
        learning_rate=spec.teacher.learning_rate,
        precision=spec.training.precision,
        cuda_graph=spec.training.cuda_graph,
    )


def _untrained(spec: StudySpec, dataset: Dataset, device: torch.device) -> nn.Module:
    teacher = new_teacher(spec.teacher, dataset.shape, mean=dataset.mean, std=dataset.std)
    return teacher.to(device)


def _loads(teacher: nn.Module, path: Path) -> bool:
    try:
        teacher.load_state_dict(safetensors.torch.load(path.read_bytes()))
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:
        _LOG.warning("%s is not used, and the teacher is trained anew: %s", path, error)
        return False
    return True
