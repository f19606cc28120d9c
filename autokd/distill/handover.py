"""Hands a prepared study to other processes as files that they map into memory, and so share.

Images are loaded, cut and checked once, in the parent; a worker starts in a moment and adds no
memory of its own for them. What is a file of the cache already, tables of answers and the pixels
of an image folder, is linked, not copied, where the file system can.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from autokd.data import Dataset, Split
from autokd.data.store.arrays import link_or_save, open_array, save_array
from autokd.data.store.files import writing_to
from autokd.distill.answers import Answers
from autokd.distill.map_handover import open_maps, save_maps
from autokd.distill.outputs import TeacherOutputs
from autokd.distill.placement import place, place_table
from autokd.distill.prepared import PreparedStudy, TeacherFacts
from autokd.errors import AutoKDError, RunError
from autokd.study import StudySpec

__all__ = ["open_for_worker", "save_for_workers"]

_STUDY = "study.json"
_TEACHER = "teacher"


def save_for_workers(prepared: PreparedStudy, folder: Path) -> None:
    """Write a prepared study.

    Args:
        prepared: The study.
        folder: An existing folder, for as long as workers live.

    Raises:
        RunError: If the folder cannot be written.
        TeacherError: If the teacher itself is needed in workers, and was given in Python.
    """
    dataset = prepared.dataset
    more = list(zip(prepared.more, prepared.more_facts, strict=True))
    assistants = list(zip(prepared.assistants, prepared.assistant_facts, strict=True))
    description: dict[str, Any] = {
        "spec": prepared.spec.model_dump(mode="json"),
        "precision": prepared.precision,
        "class_names": dataset.class_names,
        "mean": dataset.mean,
        "std": dataset.std,
        "digest": dataset.digest,
        "splits": list(dataset.splits),
    }
    with writing_to(folder):
        for name, split in dataset.splits.items():
            link_or_save(folder / f"{name}-images.npy", split.images, cached=split.file)
            save_array(folder / f"{name}-labels.npy", split.labels)
        description["teacher"] = _save(prepared.outputs, prepared.facts, folder / _TEACHER)
        for key, networks in (("more", more), ("assistants", assistants)):
            description[key] = [
                _save(outputs, facts, folder / f"{key}-{number}")
                for number, (outputs, facts) in enumerate(networks)
            ]
        description["maps"] = save_maps(prepared.maps, folder, spec=prepared.spec)
        (folder / _STUDY).write_text(json.dumps(description), encoding="utf-8")


def open_for_worker(folder: Path, device: torch.device | str) -> PreparedStudy:
    """Open what `save_for_workers` wrote.

    Args:
        folder: The folder.
        device: Where this worker computes; on the CPU the tensors are the files' pages.

    Returns:
        The study, equal to the one that was written but for the rows of the data's source.

    Raises:
        RunError: If a file is missing or damaged.
        TeacherError: If a teacher that answers at every step cannot be made again.
    """
    try:
        description = json.loads((folder / _STUDY).read_text(encoding="utf-8"))
        return _open_study(folder, description, torch.device(device))
    except AutoKDError:
        raise
    except (OSError, ValueError, KeyError) as error:
        raise RunError(f"{folder}: the prepared study cannot be read: {error}") from error


def _save(outputs: TeacherOutputs, facts: TeacherFacts, folder: Path) -> dict[str, Any]:
    """Write what one network answers into a folder of its own, and describe it."""
    folder.mkdir(exist_ok=True)
    tables = outputs.tables()
    for role, answers in tables.items():
        link_or_save(folder / f"{role}.npy", answers.parts, cached=outputs.files.get(role))
    held_out = {"validation": outputs.validation, "test": outputs.test, "tuning": outputs.tuning}
    for name, logits in held_out.items():
        if logits is not None:
            save_array(folder / f"held-out-{name}.npy", logits)
    return {
        "facts": facts.as_dict(),
        # A cached file may have more parts than the study needs.
        "tables": {role: [len(each.parts), each.kind] for role, each in tables.items()},
        "kind": outputs.kind,
    }


def _open_study(
    folder: Path, description: Mapping[str, Any], device: torch.device
) -> PreparedStudy:
    splits = {
        name: Split(
            open_array(folder / f"{name}-images.npy"), open_array(folder / f"{name}-labels.npy")
        )
        for name in description["splits"]
    }
    dataset = Dataset(
        splits["train"],
        splits["validation"],
        splits["test"],
        tuple(description["class_names"]),
        tuple(description["mean"]),
        tuple(description["std"]),
        description["digest"],
        splits.get("tuning"),
    )
    dataset = place(dataset, device)

    def networks(key: str) -> list[tuple[TeacherOutputs, TeacherFacts]]:
        return [
            _open(folder / f"{key}-{number}", found, dataset, device)
            for number, found in enumerate(description[key])
        ]

    outputs, facts = _open(folder / _TEACHER, description["teacher"], dataset, device)
    more, assistants = networks("more"), networks("assistants")
    spec = StudySpec.model_validate_json(json.dumps(description["spec"]))
    return PreparedStudy(
        spec,
        dataset,
        outputs,
        facts,
        device,
        folder,
        description["precision"],
        more=tuple(answered for answered, _ in more),
        assistants=tuple(answered for answered, _ in assistants),
        more_facts=tuple(known for _, known in more),
        assistant_facts=tuple(known for _, known in assistants),
        maps=open_maps(folder, description["maps"], spec=spec, dataset=dataset, device=device),
    )


def _open(
    folder: Path, description: Mapping[str, Any], dataset: Dataset, device: torch.device
) -> tuple[TeacherOutputs, TeacherFacts]:
    tables = {
        role: Answers(place_table(open_array(folder / f"{role}.npy")[:n_parts], device), kind)
        for role, (n_parts, kind) in description["tables"].items()
    }
    where = dataset.train.images.device
    held_out = {
        name: open_array(folder / f"held-out-{name}.npy").to(where)
        for name in dataset.splits
        if name != "train"
    }
    same = tables.pop("same", None)
    outputs = TeacherOutputs(
        None if same is None else same.parts,
        held_out["validation"],
        held_out["test"],
        description["kind"],
        held_out.get("tuning"),
        tables,
        {role: folder / f"{role}.npy" for role in description["tables"]},
    )
    return outputs, TeacherFacts(**description["facts"])
