"""What happens before the first trial: images, teacher, and the teacher's answers."""

from pathlib import Path
from typing import Any

import platformdirs
import torch
from torch import Tensor, nn

from autokd.data import Dataset, check_views, load_dataset
from autokd.distill.device import resolve_device, study_precision
from autokd.distill.digests import module_digest
from autokd.distill.evaluation import score
from autokd.distill.outputs import TeacherOutputs, held_out_outputs, outputs_folder, view_outputs
from autokd.distill.placement import place, place_table
from autokd.distill.prepared import PreparedStudy, TeacherFacts
from autokd.distill.progress import Progress, silent
from autokd.distill.teach import zoo_teacher
from autokd.distill.threads import preparing_threads
from autokd.errors import TeacherError
from autokd.methods import METHODS
from autokd.study import StudySpec
from autokd.teachers import check_fits, freeze, load_teacher

__all__ = ["prepare"]


def prepare(
    spec: StudySpec,
    *,
    device: str | torch.device = "auto",
    cache_dir: Path | None = None,
    data_dir: Path | None = None,
    teacher: nn.Module | None = None,
    arrays: tuple[Any, Any] | None = None,
    n_views: int | None = None,
    progress: Progress | None = None,
) -> PreparedStudy:
    """Load the images, load or train the teacher, and collect its answers.

    Args:
        spec: The study.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``.
        cache_dir: Where teachers and their answers are kept; None means the user's cache folder.
        data_dir: Folder that relative paths of data and checkpoints start from; None means the
            current folder.
        teacher: A module that takes images in [0, 1], ``(batch, channels, size, size)``, and gives
            logits, ``(batch, classes)``, for a study whose teacher's source is ``module``; it is
            frozen and moved to the device.
        arrays: Images and labels, for a study whose data's source is ``arrays``: ``(n, size,
            size)``, ``(n, size, size, channels)`` or ``(n, channels, size, size)``, and ``(n,)``.
        n_views: Views to collect answers for, >= 1; None means one for each epoch of the top rung.
            Retraining needs more. An exhaustive table has all of them.
        progress: Told how far it is.

    Returns:
        The study, ready.

    Raises:
        DataError: If the images cannot be used, or not in the study's views.
        RunError: If the device is not there or the cache cannot be written.
        TeacherError: If the teacher cannot be loaded or trained, does not fit the images, or is
            worse than the study demands.
    """
    tell = progress or silent
    where = resolve_device(str(device))
    cache = cache_dir or platformdirs.user_cache_path("autokd")
    _check_given(spec, teacher)
    dataset = _dataset(spec, where, cache=cache, data_dir=data_dir, arrays=arrays, progress=tell)
    check_views(spec.views, size=dataset.shape.size)
    if teacher is None:
        module = _own_teacher(spec, dataset, where, cache=cache, data_dir=data_dir, progress=tell)
    else:
        module = freeze(teacher.to(where))
    check_fits(module, dataset.shape, where)
    digest = module_digest(module)
    folder = outputs_folder(
        cache,
        teacher_digest=digest,
        dataset_digest=dataset.digest,
        views=spec.views,
        kind=spec.table_kind,
    )
    with preparing_threads(dataset.shape.size):
        validation, test = held_out_outputs(module, dataset, folder=folder)
        facts = TeacherFacts(
            spec.teacher.model or type(module).__name__,
            sum(parameter.numel() for parameter in module.parameters()),
            score(validation, dataset.validation.labels)["top1"],
            score(test, dataset.test.labels)["top1"],
            spec.teacher.saw_validation,
            digest,
        )
        _check_strong(spec, facts, len(dataset.validation))
        n_needed = n_views or spec.fidelity.ladder.rungs[-1]
        views = _views(spec, module, dataset, n_views=n_needed, folder=folder, progress=tell)
    outputs = TeacherOutputs(place_table(views, where), validation, test, spec.table_kind)
    precision = study_precision(spec, where)
    return PreparedStudy(spec, dataset, outputs, facts, where, folder, precision)


def _check_given(spec: StudySpec, teacher: nn.Module | None) -> None:
    source = spec.teacher.source
    if teacher is not None and source != "module":
        raise TeacherError(
            f"a teacher was given in Python, but [teacher.source] is {source!r}, not 'module'"
        )
    if teacher is None and source == "module" and spec.teacher.model is None:
        raise TeacherError("[teacher.source] is 'module', but no teacher was given in Python")


def _dataset(
    spec: StudySpec,
    device: torch.device,
    *,
    cache: Path,
    data_dir: Path | None,
    arrays: tuple[Any, Any] | None,
    progress: Progress,
) -> Dataset:
    progress("data", 0, 1)
    dataset = load_dataset(
        spec.data,
        data_dir=data_dir,
        cache_dir=cache,
        arrays=arrays,
        on_images=lambda done, total: progress("data", done, total),
    )
    progress("data", 1, 1)
    return place(dataset, device)


def _own_teacher(
    spec: StudySpec,
    dataset: Dataset,
    device: torch.device,
    *,
    cache: Path,
    data_dir: Path | None,
    progress: Progress,
) -> nn.Module:
    if spec.teacher.source == "zoo":
        return zoo_teacher(spec, dataset, device=device, cache_dir=cache, progress=progress)
    return load_teacher(
        spec.teacher,
        dataset.shape,
        mean=dataset.mean,
        std=dataset.std,
        data_dir=data_dir,
        device=device,
    )


def _check_strong(spec: StudySpec, facts: TeacherFacts, n_images: int) -> None:
    if facts.top1 < spec.teacher.min_top1:
        raise TeacherError(
            f"teacher.min_top1 is {spec.teacher.min_top1:g}, but {facts.name} reaches "
            f"{facts.top1:.4f} on validation ({n_images} images)"
        )


def _views(
    spec: StudySpec,
    teacher: nn.Module,
    dataset: Dataset,
    *,
    n_views: int,
    folder: Path,
    progress: Progress,
) -> Tensor | None:
    if not any(METHODS[name].needs_teacher for name in spec.search_space.methods):
        return None
    return view_outputs(
        teacher,
        dataset,
        views=spec.views,
        n_views=n_views,
        folder=folder,
        kind=spec.table_kind,
        progress=progress,
    )
