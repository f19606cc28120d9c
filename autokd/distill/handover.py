"""Hands a prepared study to other processes as files that they map into memory, and so share.

Images are loaded, cut and checked once, in the parent; a worker starts in a moment and adds no
memory of its own for them. What is a file of the cache already, the table of the teacher's answers
and the pixels of an image folder, is linked, not copied, where the file system can.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autokd.data import Dataset, Split
from autokd.data.store.arrays import open_array
from autokd.data.store.files import writing_to
from autokd.distill.outputs import TeacherOutputs
from autokd.distill.placement import place, place_table
from autokd.distill.prepared import PreparedStudy, TeacherFacts
from autokd.errors import RunError
from autokd.study import StudySpec

__all__ = ["open_for_worker", "save_for_workers"]

_SPLITS = ("train", "validation", "test")
_STUDY = "study.json"
_VIEWS = "views"


def save_for_workers(prepared: PreparedStudy, folder: Path) -> None:
    """Write a prepared study.

    Args:
        prepared: The study.
        folder: An existing folder, for as long as workers live.

    Raises:
        RunError: If the folder cannot be written.
    """
    dataset, outputs = prepared.dataset, prepared.outputs
    description = {
        "spec": prepared.spec.model_dump(mode="json"),
        "facts": prepared.facts.as_dict(),
        "precision": prepared.precision,
        "class_names": dataset.class_names,
        "mean": dataset.mean,
        "std": dataset.std,
        "digest": dataset.digest,
        "n_views": None if outputs.views is None else len(outputs.views),
        "table_kind": outputs.kind,
    }
    with writing_to(folder):
        for name in _SPLITS:
            split: Split = getattr(dataset, name)
            _link_or_write(split.images, folder / f"{name}-images.npy", split.file)
            _write(folder / f"{name}-labels.npy", split.labels)
        _write(folder / "outputs-validation.npy", outputs.validation)
        _write(folder / "outputs-test.npy", outputs.test)
        if outputs.views is not None:
            cached = None if prepared.folder is None else prepared.folder / f"{_VIEWS}.npy"
            _link_or_write(outputs.views, folder / f"{_VIEWS}.npy", cached)
        (folder / _STUDY).write_text(json.dumps(description), encoding="utf-8")


def open_for_worker(folder: Path, device: torch.device | str) -> PreparedStudy:
    """Open what `save_for_workers` wrote.

    Args:
        folder: The folder.
        device: Where this worker computes; on the CPU the tensors are the files' pages.

    Returns:
        The study, equal to the one that was written.

    Raises:
        RunError: If a file is missing or damaged.
    """
    try:
        description = json.loads((folder / _STUDY).read_text(encoding="utf-8"))
        return _open(folder, description, torch.device(device))
    except (OSError, ValueError, KeyError) as error:
        raise RunError(f"{folder}: the prepared study cannot be read: {error}") from error


def _open(folder: Path, description: dict[str, Any], device: torch.device) -> PreparedStudy:
    train, validation, test = (
        Split(open_array(folder / f"{name}-images.npy"), open_array(folder / f"{name}-labels.npy"))
        for name in _SPLITS
    )
    dataset = Dataset(
        train,
        validation,
        test,
        tuple(description["class_names"]),
        tuple(description["mean"]),
        tuple(description["std"]),
        description["digest"],
    )
    dataset = place(dataset, device)
    where, n_views = dataset.train.images.device, description["n_views"]
    table = None if n_views is None else open_array(folder / f"{_VIEWS}.npy")[:n_views]
    outputs = TeacherOutputs(
        place_table(table, device),
        open_array(folder / "outputs-validation.npy").to(where),
        open_array(folder / "outputs-test.npy").to(where),
        description["table_kind"],
    )
    return PreparedStudy(
        StudySpec.model_validate_json(json.dumps(description["spec"])),
        dataset,
        outputs,
        TeacherFacts(**description["facts"]),
        device,
        folder,
        description["precision"],
    )


def _write(path: Path, tensor: Tensor) -> None:
    np.save(path, tensor.cpu().contiguous().numpy(), allow_pickle=False)


def _link_or_write(tensor: Tensor, path: Path, cached: Path | None) -> None:
    if cached is not None:
        with suppress(OSError):  # another file system, or one without links; or the cache is gone
            path.hardlink_to(cached)
            return
    _write(path, tensor)
