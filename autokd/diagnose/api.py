"""`diagnose`: from a run to what the theory would look at.

What can be refused is refused first; then the teacher is looked at, and last come the trainings.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
import torch
from torch import nn

from autokd.checking import nearest
from autokd.diagnose.angles import measure_angles
from autokd.diagnose.geometry import class_separation
from autokd.diagnose.head import LinearHead, linear_head
from autokd.diagnose.result import Diagnosis
from autokd.diagnose.training import check_transfer, measure_transfer
from autokd.diagnose.transfer import Transfer
from autokd.distill import PreparedStudy, Progress, prepare, study_network
from autokd.distill.progress import silent
from autokd.errors import DiagnosisError, TeacherError

if TYPE_CHECKING:
    from autokd.runs import Run

__all__ = ["FRACTIONS", "PARTS", "diagnose"]

PARTS = ("transfer", "geometry", "angles")
"""What can be measured; ``transfer`` alone trains students, and alone needs no features."""

FRACTIONS = (0.125, 0.25, 0.5, 1.0)
"""Shares of the training images by default."""


def diagnose(
    run: "Run",
    slot: int,
    *,
    parts: Sequence[str] = PARTS,
    fractions: Sequence[float] = FRACTIONS,
    n_seeds: int = 3,
    teacher: nn.Module | None = None,
    data: tuple[Any, Any] | None = None,
    device: str = "auto",
    data_dir: Path | None = None,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> Diagnosis:
    """Measure what a theory of distillation says should matter.

    Args:
        run: The run; nothing in its folder is changed.
        slot: Slot of the trial whose student is trained.
        parts: What to measure, of `PARTS`.
        fractions: Shares of the training images, ascending, in (0, 1].
        n_seeds: Trainings for each share, with distillation and without, >= 1.
        teacher: As for `autokd.search`, where the study's teacher is a module given in Python:
            ``(batch, channels, size, size)`` in [0, 1] to logits, ``(batch, classes)``.
        data: As for `autokd.search`, where the study's data are arrays: images ``(n, size,
            size)``, ``(n, channels, size, size)`` or ``(n, size, size, channels)``, labels
            ``(n,)``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        data_dir: Folder of the data; None for that of the search.
        cache_dir: Where teachers and their answers are kept; None for the user's cache folder.
        progress: Told how many of all epochs are done, as ``diagnose``.

    Returns:
        The diagnosis.

    Raises:
        DataError: If the images cannot be loaded.
        DiagnosisError: If an argument is illegal, the trial was never trained, or images or
            teacher are not those of the run.
        RunError: If the run has no such trial, or cannot be read.
        TeacherError: If the teacher cannot be prepared, or has no linear last layer.
        TrialError: If a training diverges or the device has no memory left.
    """
    _check(run, slot, parts)
    if "transfer" in parts:
        check_transfer(run, fractions, n_seeds=n_seeds)
    searched, tell = run.info.get("data_dir"), progress or silent
    folder = data_dir or (Path(searched) if searched else None)
    cache = cache_dir or platformdirs.user_cache_path("autokd")
    prepared = prepare(
        run.spec,
        device=device,
        cache_dir=cache,
        data_dir=folder,
        teacher=teacher,
        arrays=data,
        trained_on=run.info["device"],
        progress=tell,
    )
    _check_prepared(run, prepared)
    head = None
    if _looks_at_features(parts):
        network = teacher or _network(run, prepared, cache, folder)
        head = linear_head(network, prepared.dataset.validation.images)
    transfer = None
    if "transfer" in parts:
        transfer = measure_transfer(
            run, slot, prepared=prepared, fractions=fractions, n_seeds=n_seeds, progress=tell
        )
    return _diagnosis(run, slot, prepared, parts, head, transfer)


def _looks_at_features(parts: Sequence[str]) -> bool:
    return "geometry" in parts or "angles" in parts


def _check(run: "Run", slot: int, parts: Sequence[str]) -> None:
    for part in parts:
        if part not in PARTS:
            raise DiagnosisError(
                f"parts must be of {list(PARTS)}, found {part!r}{nearest(part, PARTS)}"
            )
    if not parts:
        raise DiagnosisError(f"at least one part of {list(PARTS)} is needed, found none")
    record = run.record(slot)
    if not record.rungs:
        raise DiagnosisError(
            f"trial {slot} of {run.folder} was never trained: {record.reason or record.outcome}"
        )
    if run.spec.teacher.source == "probabilities" and _looks_at_features(parts):
        raise TeacherError(
            f"{run.folder}: of the teacher there are only probabilities, so it has no penultimate "
            "features; the part 'transfer' needs none"
        )


def _check_prepared(run: "Run", prepared: PreparedStudy) -> None:
    found, expected = prepared.dataset.digest, run.info.get("data", {}).get("digest", "")
    if found != expected:
        raise DiagnosisError(
            f"the images are not those of {run.folder}: digest {found[:12]}, the run's "
            f"{expected[:12]}"
        )
    if changed := prepared.facts.changed_since(run.teacher):
        raise DiagnosisError(f"the teacher is not that of {run.folder}: its {changed} are others")


def _network(run: "Run", prepared: PreparedStudy, cache: Path, folder: Path | None) -> nn.Module:
    """Load the teacher once more: a prepared study has its answers only."""
    return study_network(
        prepared.spec.teacher,
        prepared.spec,
        prepared.dataset,
        device=prepared.device,
        cache_dir=cache,
        data_dir=folder,
        trained_on=torch.device(run.info["device"]),
    ).module


def _diagnosis(
    run: "Run",
    slot: int,
    prepared: PreparedStudy,
    parts: Sequence[str],
    head: LinearHead | None,
    transfer: Transfer | None,
) -> Diagnosis:
    dataset = prepared.dataset
    separation = angles = None
    if head and "geometry" in parts:
        labels = dataset.validation.labels.cpu()
        num_classes = prepared.shape.num_classes
        separation = class_separation(head.features, labels, num_classes=num_classes)
    if head and "angles" in parts:
        angles = measure_angles(head, transfer.agrees if transfer else None)
    return Diagnosis(
        run=run.folder.name,
        title=run.spec.title,
        trial=slot,
        point=run.point(slot),
        teacher=prepared.facts.as_dict(),
        device=str(prepared.device),
        n_train=len(dataset.train),
        n_validation=len(dataset.validation),
        class_names=dataset.class_names,
        transfer=transfer,
        separation=separation,
        angles=angles,
    )
