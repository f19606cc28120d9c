"""Asks each network that teaches: one network in, what is known of it and what it answers out.

The networks are a study's teacher, its further teachers and its assistants, and all are asked
alike. A teacher of which only probabilities are left has answered already.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from autokd.data import Dataset
from autokd.distill.answers import Answers
from autokd.distill.digests import module_digest, tensors_digest
from autokd.distill.evaluation import score
from autokd.distill.outputs import (
    HeldOut,
    TeacherOutputs,
    held_out_outputs,
    outputs_folder,
    view_outputs,
)
from autokd.distill.placement import place_table
from autokd.distill.prepared import TeacherFacts
from autokd.distill.progress import Progress
from autokd.distill.roles import role_outputs, roles_of
from autokd.distill.threads import preparing_threads
from autokd.errors import TeacherError
from autokd.study import StudySpec, TeacherSpec
from autokd.teachers import check_fits, read_probabilities

__all__ = ["Asked", "Bench", "ask", "given"]

_N_NOTED = 32
"""Logits by which a network is known again: few enough to be read in ``run.json``."""


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """What all steps of a preparation work on.

    Attributes:
        spec: The study.
        dataset: Its images, placed.
        device: Where the study computes.
        cache_dir: Where networks and their answers are kept.
        data_dir: Folder that relative paths of files start from; None means the current folder.
        n_views: Views to be answered, >= 1.
        progress: Told how far it is.
        trained_on: Device whose networks are taken, of those that the study trains; None means
            ``device``.
    """

    spec: StudySpec
    dataset: Dataset
    device: torch.device
    cache_dir: Path
    data_dir: Path | None
    n_views: int
    progress: Progress
    trained_on: torch.device | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A network that teaches, and has answered.

    Attributes:
        facts: What is known of it.
        outputs: What it answers.
        module: The network, frozen, on the device; None where only its answers are left.
        folder: Where its answers are kept; None where they were given.
    """

    facts: TeacherFacts
    outputs: TeacherOutputs
    module: nn.Module | None = None
    folder: Path | None = None

    @property
    def teaches(self) -> nn.Module | Answers:
        """What an assistant is taught by."""
        return self.outputs.tables()["same"] if self.module is None else self.module


def ask(
    bench: Bench,
    module: nn.Module,
    *,
    name: str,
    reads_views: bool,
    min_top1: float = 0.0,
    key: str = "teacher",
    saw_validation: bool = False,
    trained_s: float | None = None,
) -> Asked:
    """Measure a network, and collect its answers.

    Args:
        bench: What it is asked about.
        module: The network, frozen, on the device.
        name: What people call it.
        reads_views: Whether its answers to training images are needed.
        min_top1: It is refused below this validation top1, in [0, 1].
        key: Its table in the study file, for messages.
        saw_validation: Whether it was trained on the validation images too.
        trained_s: Seconds that its training took; None where nobody noted it.

    Returns:
        The network with its answers.

    Raises:
        RunError: If the cache cannot be written.
        TeacherError: If it does not fit the images, is worse than demanded, or gives logits that
            are not finite.
    """
    spec, dataset = bench.spec, bench.dataset
    check_fits(module, dataset.shape, bench.device)
    digest = module_digest(module)
    folder = outputs_folder(
        bench.cache_dir,
        teacher_digest=digest,
        dataset_digest=dataset.digest,
        views=spec.views,
        kind=spec.table_kind,
    )
    with preparing_threads(dataset.shape.size):
        held_out = held_out_outputs(module, dataset, folder=folder)
        params = sum(parameter.numel() for parameter in module.parameters())
        answers = _noted(held_out.validation)
        facts = _facts(name, params, dataset, held_out, saw_validation, digest, trained_s, answers)
        _check_strong(facts, min_top1, key=key, n_images=len(dataset.validation))
        if not reads_views:
            outputs = TeacherOutputs(
                None, held_out.validation, held_out.test, spec.table_kind, held_out.tuning
            )
            return Asked(facts, outputs, module, folder)
        outputs = _answered(bench, module, held_out, folder)
    return Asked(facts, outputs, module, folder)


def given(bench: Bench, teacher: TeacherSpec, *, key: str = "teacher") -> Asked:
    """Read the answers of a teacher that nobody can ask.

    Args:
        bench: The images that they belong to.
        teacher: The teacher, of source ``probabilities``.
        key: Its table in the study file, for messages.

    Returns:
        Its answers, cut as the images are.

    Raises:
        TeacherError: If they cannot be read, do not fit the images, or are worse than demanded.
    """
    assert teacher.file is not None, "checked with the study"
    dataset = bench.dataset
    rows = dataset.rows
    assert rows is not None, "a data set that was loaded knows its rows"
    file = (bench.data_dir or Path()) / Path(teacher.file).expanduser()
    read = read_probabilities(
        file,
        n_train=rows.n_train,
        n_test=rows.n_test,
        num_classes=dataset.shape.num_classes,
    )
    device, train = dataset.train.images.device, read["train"]
    held_out = HeldOut(
        train[rows.validation].to(device),
        (read["test"] if rows.n_test else train)[rows.test].to(device),
        None if rows.tuning is None else train[rows.tuning].to(device),
    )
    facts = _facts(
        teacher.model or file.name,
        None,
        dataset,
        held_out,
        teacher.saw_validation,
        tensors_digest(read),
        None,
    )
    _check_strong(facts, teacher.min_top1, key=key, n_images=len(dataset.validation))
    table = place_table(train[rows.train][None], bench.device)
    outputs = TeacherOutputs(
        table, held_out.validation, held_out.test, "constant", held_out.tuning
    )
    return Asked(facts, outputs)


def _answered(bench: Bench, module: nn.Module, held_out: HeldOut, folder: Path) -> TeacherOutputs:
    spec = bench.spec
    table = view_outputs(
        module,
        bench.dataset,
        views=spec.views,
        n_views=bench.n_views,
        folder=folder,
        kind=spec.table_kind,
        progress=bench.progress,
    )
    roles: dict[str, Answers] = {}
    files = {"same": folder / "views.npy"}
    for role in roles_of(spec.search_space):
        answers, files[role] = role_outputs(
            module,
            bench.dataset,
            views=spec.views,
            role=role,
            n_views=bench.n_views,
            folder=folder,
            progress=bench.progress,
        )
        roles[role] = Answers(place_table(answers.parts, bench.device), answers.kind)
    return TeacherOutputs(
        place_table(table, bench.device),
        held_out.validation,
        held_out.test,
        spec.table_kind,
        held_out.tuning,
        roles,
        files,
    )


def _facts(
    name: str,
    params: int | None,
    dataset: Dataset,
    held_out: HeldOut,
    saw_validation: bool,
    digest: str,
    trained_s: float | None,
    answers: list[float] | None = None,
) -> TeacherFacts:
    return TeacherFacts(
        name,
        params,
        score(held_out.validation, dataset.validation.labels)["top1"],
        score(held_out.test, dataset.test.labels)["top1"],
        saw_validation,
        digest,
        trained_s,
        answers,
    )


def _noted(logits: Tensor) -> list[float]:
    """Take some, of many images and classes alike."""
    flat = logits.cpu().flatten()
    chosen = flat[:: max(1, len(flat) // _N_NOTED)][:_N_NOTED]
    return [float(f"{value:.5g}") for value in chosen.tolist()]


def _check_strong(facts: TeacherFacts, min_top1: float, *, key: str, n_images: int) -> None:
    if facts.top1 < min_top1:
        raise TeacherError(
            f"{key}.min_top1 is {min_top1:g}, but {facts.name} reaches "
            f"{facts.top1:.4f} on validation ({n_images} images)"
        )
