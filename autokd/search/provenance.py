"""Where a run comes from, and whether it may be continued.

A run is continued only with what would have given the same results: the same definitions (budget
apart), the same data, the same teacher, and the same networkx, which draws the graphs. A refusal
names what changed.
"""

import datetime
import os
import platform
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from shlex import quote
from typing import Any

import torch

import autokd
from autokd.data import Dataset
from autokd.distill import PreparedStudy
from autokd.errors import ChangedDefinitionError
from autokd.runs import RunFolder
from autokd.study import COST_OPTIONS, StudySpec

__all__ = ["check_unchanged", "describe_run", "now"]

_PACKAGES = ("networkx", "numpy", "optuna", "torch", "torchvision")
_FREE: dict[str, bool | set[str]] = {
    "title": True,
    "search_space": {"title"},
    "budget": True,
    "training": set(COST_OPTIONS),
}
"""Parts of a study that may change between sessions."""


def describe_run(
    folder: RunFolder, prepared: PreparedStudy, *, storage: str | None, data_dir: str | Path | None
) -> dict[str, Any]:
    """Describe a run that begins.

    Args:
        folder: Its folder.
        prepared: The prepared study.
        storage: Storage URL; None for an SQLite file in the folder.
        data_dir: Folder of the data, for later commands.

    Returns:
        The content of ``run.json``.
    """
    return {
        "storage": storage or folder.database,
        "study_name": f"{folder.path.name}-{uuid.uuid4().hex[:8]}"
        if storage
        else folder.path.name,
        "teacher": prepared.facts.as_dict(),
        "teachers": [facts.as_dict() for facts in prepared.more_facts],
        "assistants": [facts.as_dict() for facts in prepared.assistant_facts],
        "data": _data(prepared.dataset),
        "data_dir": str(Path(data_dir).resolve()) if data_dir else None,
        "device": str(prepared.device),
        "precision": prepared.precision,
        "hardware": _hardware(prepared.device),
        "versions": {
            "autokd": autokd.__version__,
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
        "commit": _commit(),
        "started": now(),
        "ended": None,
        "interrupted": False,
    }


def check_unchanged(
    folder: RunFolder, spec: StudySpec, *, prepared: PreparedStudy | None = None
) -> None:
    """Refuse to continue a run with something that changes results.

    Args:
        folder: The run's folder.
        spec: The study as it is now.
        prepared: Its data and teacher, once they are loaded.

    Raises:
        ChangedDefinitionError: Naming every key that changed, with both values.
    """
    changes = list(_differences(_plain(folder.read_spec()), _plain(spec)))
    info = folder.read_info()
    drawn_by, installed = info["versions"]["networkx"], version("networkx")
    if drawn_by != installed:
        changes.append(f"networkx: {drawn_by} -> {installed}")
    if prepared is not None:
        changes += _changed_inputs(info, prepared)
    # Runs that were begun before precision was recorded have none.
    if prepared is not None and info.get("precision", prepared.precision) != prepared.precision:
        found, where = prepared.precision, prepared.device
        changes.append(f"precision: {info['precision']} -> {found} on {where}")
    if changes:
        raise ChangedDefinitionError(
            f"{folder.path} was begun with another study; changed: {'; '.join(changes)}. "
            "Start over with --fresh, or choose another folder with --run-dir; "
            f"--warm-start {quote(str(folder.path))} then begins from what this run has found"
        )


def now() -> str:
    """Tell the time.

    Returns:
        ISO 8601 with seconds and time zone.
    """
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _changed_inputs(info: Mapping[str, Any], prepared: PreparedStudy) -> Iterator[str]:
    same_images = info["data"]["digest"] == prepared.dataset.digest
    if not same_images:
        yield "the images or labels"
    if changed := prepared.facts.changed_since(info["teacher"], same_images=same_images):
        yield f"the teacher's {changed}"
    found = {"teachers": prepared.more_facts, "assistants": prepared.assistant_facts}
    for table, networks in found.items():
        # Runs that were begun before there were others than the teacher have none.
        known = info.get(table, [])
        if len(known) != len(networks):
            yield f"the number of [[{table}]]"
            continue
        for facts, noted in zip(networks, known, strict=True):
            if changed := facts.changed_since(noted, same_images=same_images):
                yield f"the {changed} of {facts.name} in [[{table}]]"


def _plain(spec: StudySpec) -> dict[str, Any]:
    return spec.model_dump(mode="json", exclude=_FREE)


def _data(dataset: Dataset) -> dict[str, Any]:
    """State what an export needs to know about the images without loading them."""
    return {
        **asdict(dataset.shape),
        "class_names": dataset.class_names,
        "mean": dataset.mean,
        "std": dataset.std,
        "digest": dataset.digest,
        "images_bytes": dataset.n_bytes,
        "images_from": "disk" if dataset.is_mapped else "memory",
        "n_train": len(dataset.train),
        "n_validation": len(dataset.validation),
        "n_test": len(dataset.test),
    }


def _differences(old: Any, new: Any, key: str = "") -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({*old, *new}):
            inner = f"{key}.{name}" if key else name
            yield from _differences(old.get(name), new.get(name), inner)
    elif old != new:
        yield f"[{key}] {old!r} -> {new!r}"


def _hardware(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs"


def _commit() -> str | None:
    """Tell which commit of autokd runs, when it runs from a checkout."""
    root = Path(autokd.__file__).parent.parent
    if not (root / ".git").exists():
        return None
    asked = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or None
