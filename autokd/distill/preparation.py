"""What happens before the first trial: images, those who teach, and their answers."""

from pathlib import Path
from typing import Any

import platformdirs
import torch
from torch import nn

from autokd.data import Dataset, check_views, load_dataset
from autokd.distill.asking import Asked, Bench, ask, given
from autokd.distill.assistants import trained_assistant
from autokd.distill.device import resolve_device, study_precision
from autokd.distill.maps import LiveMaps, MapTable
from autokd.distill.networks import TrainedNetwork
from autokd.distill.placement import place
from autokd.distill.prepared import PreparedStudy
from autokd.distill.progress import Progress, silent
from autokd.distill.study_maps import study_maps
from autokd.distill.teach import study_network
from autokd.distill.threads import preparing_threads
from autokd.errors import TeacherError
from autokd.study import StudySpec, TeacherSpec
from autokd.teachers import given_teacher

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
    trained_on: str | torch.device | None = None,
    progress: Progress | None = None,
) -> PreparedStudy:
    """Load the images, load or train those who teach, and collect their answers.

    Only what the study's methods read is prepared; the teacher always is, since students are
    compared with it.

    Args:
        spec: The study.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``.
        cache_dir: Where networks and their answers are kept; None means the user's cache folder.
        data_dir: Folder that relative paths of data, checkpoints and probabilities start from;
            None means the current folder.
        teacher: A module that takes images in [0, 1], ``(batch, channels, size, size)``, and gives
            logits, ``(batch, classes)``, for a study whose teacher's source is ``module`` and
            names no model; it is frozen and moved to the device.
        arrays: Images and labels, for a study whose data's source is ``arrays``: ``(n, size,
            size)``, ``(n, size, size, channels)`` or ``(n, channels, size, size)``, and ``(n,)``.
        n_views: Views to collect answers for, >= 1; None means one for each epoch of the top rung.
            Retraining needs more. An exhaustive table has all of them.
        trained_on: Device whose networks are taken, of those that the study trains; None means
            ``device``. Networks that another kind of device trained are other ones: a run that
            goes on elsewhere needs those that it began with.
        progress: Told how far it is.

    Returns:
        The study, ready.

    Raises:
        DataError: If the images cannot be used, or not in the study's views.
        RunError: If the device is not there or the cache cannot be written.
        TeacherError: If a network cannot be loaded or trained, does not fit the images, is worse
            than the study demands, or is one of another kind of device and not in the cache.
    """
    tell = progress or silent
    where = resolve_device(str(device))
    cache = cache_dir or platformdirs.user_cache_path("autokd")
    _check_given(spec, teacher)
    dataset = _dataset(spec, where, cache=cache, data_dir=data_dir, arrays=arrays, progress=tell)
    check_views(spec.views, size=dataset.shape.size)
    n_needed = n_views or spec.fidelity.ladder.rungs[-1]
    taken = None if trained_on is None else torch.device(trained_on)
    bench = Bench(spec, dataset, where, cache, data_dir, n_needed, tell, taken)
    needs = spec.needs
    main = _teacher(bench, spec.teacher, module=teacher, reads_views=needs.teacher)
    more = _further_teachers(bench) if needs.teachers else ()
    assistants = _assistants(bench, main) if needs.assistants else ()
    return PreparedStudy(
        spec,
        dataset,
        main.outputs,
        main.facts,
        where,
        main.folder,
        study_precision(spec, where),
        maps=_maps(bench, main) if needs.features else None,
        more=tuple(each.outputs for each in more),
        assistants=tuple(each.outputs for each in assistants),
        more_facts=tuple(each.facts for each in more),
        assistant_facts=tuple(each.facts for each in assistants),
    )


def _check_given(spec: StudySpec, teacher: nn.Module | None) -> None:
    source = spec.teacher.source
    if teacher is not None and source != "module":
        raise TeacherError(
            f"a teacher was given in Python, but [teacher.source] is {source!r}, not 'module'"
        )
    if teacher is not None and spec.teacher.model is not None:
        raise TeacherError(
            f"a teacher was given in Python, but [teacher.model] names {spec.teacher.model!r}: "
            "leave one of them out"
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
        with_tuning=spec.needs.tuning,
    )
    progress("data", 1, 1)
    return place(dataset, device)


def _teacher(
    bench: Bench,
    teacher: TeacherSpec,
    *,
    module: nn.Module | None = None,
    reads_views: bool,
    key: str = "teacher",
) -> Asked:
    if teacher.source == "probabilities":
        return given(bench, teacher, key=key)
    if module is None:
        network = study_network(
            teacher,
            bench.spec,
            bench.dataset,
            device=bench.device,
            cache_dir=bench.cache_dir,
            data_dir=bench.data_dir,
            trained_on=bench.trained_on,
            progress=bench.progress,
        )
    else:
        taken = given_teacher(module, teacher, bench.dataset.shape, device=bench.device)
        network = TrainedNetwork(taken, None)
    return ask(
        bench,
        network.module,
        name=teacher.model or type(module or network.module).__name__,
        reads_views=reads_views,
        min_top1=teacher.min_top1,
        key=key,
        saw_validation=teacher.saw_validation,
        trained_s=network.seconds,
    )


def _maps(bench: Bench, teacher: Asked) -> LiveMaps | MapTable:
    assert teacher.module is not None  # the study is refused where only answers are left
    assert teacher.folder is not None
    spec = bench.spec
    with preparing_threads(bench.dataset.shape.size):
        return study_maps(
            teacher.module,
            bench.dataset,
            features=spec.features,
            views=spec.views,
            kind=spec.table_kind,
            n_views=bench.n_views,
            folder=teacher.folder,
            device=bench.device,
            progress=bench.progress,
        )


def _further_teachers(bench: Bench) -> tuple[Asked, ...]:
    return tuple(
        _teacher(bench, teacher, reads_views=True, key=f"teachers.{number}")
        for number, teacher in enumerate(bench.spec.teachers)
    )


def _assistants(bench: Bench, teacher: Asked) -> tuple[Asked, ...]:
    asked: list[Asked] = []
    for assistant in bench.spec.assistants:
        taught_by = asked[-1] if asked and assistant.taught_by == "previous" else teacher
        network = trained_assistant(
            assistant,
            bench.spec,
            dataset=bench.dataset,
            teacher=taught_by.teaches,
            teacher_digest=taught_by.facts.digest,
            device=bench.device,
            folder=taught_by.folder or bench.cache_dir,
            trained_on=bench.trained_on,
            progress=bench.progress,
        )
        asked.append(
            ask(
                bench,
                network.module,
                name=assistant.model,
                reads_views=True,
                trained_s=network.seconds,
            )
        )
    return tuple(asked)
