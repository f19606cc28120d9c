"""Assistants: networks of middle size that a teacher teaches, and that teach the students.

Each is trained once by plain distillation and kept in the cache, beside its teacher's answers:
where those turn out to be another network's, it goes with them. Who taught it is part of its key,
so a chain is trained anew from the first link that changes, and studies share what they have in
common. Its teacher is asked about each batch as it comes: a table would be read only once.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from autokd.data import Dataset
from autokd.distill.answers import Answers
from autokd.distill.losses.kd import kd
from autokd.distill.losses.seen import Loss, Seen
from autokd.distill.networks import (
    TrainedNetwork,
    check_at_hand,
    network_training,
    train_network,
    trained_once,
)
from autokd.distill.progress import Progress, silent
from autokd.study import COST_OPTIONS, AssistantSpec, StudySpec, TeacherSpec
from autokd.teachers import new_teacher

__all__ = ["assistant_file", "trained_assistant"]

_FORMAT = 1
"""Raised when an assistant of the same settings would be trained to other weights."""


def trained_assistant(
    assistant: AssistantSpec,
    spec: StudySpec,
    *,
    dataset: Dataset,
    teacher: nn.Module | Answers,
    teacher_digest: str,
    device: torch.device,
    folder: Path,
    trained_on: torch.device | None = None,
    progress: Progress = silent,
) -> TrainedNetwork:
    """Read an assistant from the cache, or distil it and put it there.

    Args:
        assistant: The assistant.
        spec: The study: its views.
        dataset: The images, on the device.
        teacher: Who teaches it: a frozen network on the device, or constant answers.
        teacher_digest: Of the teacher's weights or answers.
        device: Where the assistant lives.
        folder: Where the assistants of this teacher are kept.
        trained_on: Device whose assistant is taken; None means ``device``. That of another kind is
            read, and never trained.
        progress: Told after each epoch, as ``assistant NAME``.

    Returns:
        The assistant.

    Raises:
        RunError: If the cache cannot be written.
        TeacherError: If training fails, or that of another kind of device is not in the cache.

    Source: Mirzadeh et al. 2020, arXiv:1902.03393, section 3 (TAKD).
    """
    what = f"assistant {assistant.model}"
    path = assistant_file(
        assistant,
        spec,
        dataset=dataset,
        teacher_digest=teacher_digest,
        device=trained_on or device,
        folder=folder,
    )
    check_at_hand(path, device=device, trained_on=trained_on or device)
    return trained_once(
        path,
        lambda: _untrained(assistant, dataset, device),
        lambda network: train_network(
            network,
            dataset,
            spec=spec,
            training=network_training(spec, assistant.learning_rate),
            loss=_loss(assistant, teacher),
            epochs=assistant.epochs,
            seed=assistant.seed,
            device=device,
            what=what,
            answers=teacher if isinstance(teacher, Answers) else None,
            on_epoch=lambda done: progress(what, done, assistant.epochs),
        ),
    )


def assistant_file(
    assistant: AssistantSpec,
    spec: StudySpec,
    *,
    dataset: Dataset,
    teacher_digest: str,
    device: torch.device,
    folder: Path,
) -> Path:
    """Name the file of an assistant.

    Args:
        assistant: The assistant.
        spec: The study.
        dataset: The images.
        teacher_digest: Of the weights or answers of whoever teaches it.
        device: Where it is trained; only its type counts.
        folder: Where the assistants of this teacher are kept.

    Returns:
        A file whose name depends on all that changes the weights: the assistant, its teacher,
        views, images, training, kind of device, and the format of this module.
    """
    training = network_training(spec, assistant.learning_rate)
    parts = {
        "format": _FORMAT,
        # Whether it was the study's teacher or another assistant is said by the digest.
        "assistant": assistant.model_dump(mode="json", exclude={"taught_by"}),
        "teacher": teacher_digest,
        "views": spec.views.pixels(),
        "training": training.model_dump(mode="json", exclude=set(COST_OPTIONS)),
        "data": dataset.digest,
        "device": device.type,
    }
    key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return folder / "assistants" / f"{assistant.model}-{key[:16]}.safetensors"


def _loss(assistant: AssistantSpec, teacher: nn.Module | Answers) -> Loss:
    loss = partial(kd, temperature=assistant.temperature, soft_weight=assistant.soft_weight)
    return loss if isinstance(teacher, Answers) else _asking(teacher, loss)


def _asking(teacher: nn.Module, loss: Callable[[Seen], Tensor]) -> Loss:
    def asked(seen: Seen) -> Tensor:
        with torch.no_grad():
            logits = teacher(seen.images)
        return loss(replace(seen, teacher_logits=logits.float()))

    return asked


def _untrained(assistant: AssistantSpec, dataset: Dataset, device: torch.device) -> nn.Module:
    network = TeacherSpec(source="zoo", model=assistant.model, seed=assistant.seed)
    made = new_teacher(network, dataset.shape, mean=dataset.mean, std=dataset.std)
    return made.to(device)
