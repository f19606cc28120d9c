"""Where an exported student comes from: the search itself, or a retraining of one of its trials.

Both leave a graph, weights and what was measured on them; the rest of this room need not know
which it was. No torch here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Literal

from autokd.checking import nearest
from autokd.errors import ExportError, GraphError
from autokd.graphs import ArchGraph

if TYPE_CHECKING:
    from autokd.runs import Record, Run

__all__ = [
    "MEMBERS",
    "WEIGHTS",
    "Members",
    "Origin",
    "RetrainFiles",
    "find_origin",
    "kept_epochs",
    "retrain_files",
    "why_no_student",
]

Members = Literal["same", "fresh"]

MEMBERS = ("same", "fresh")
"""What can be retrained: the trial's own student, or new ones of its family."""

WEIGHTS = ("auto", "search", *MEMBERS)
"""What can be exported: by ``auto`` the retrained student where there is one, else the
search's."""

_SIZES = ("params", "macs", "peak_bytes", "latency_s")


@dataclass(frozen=True, slots=True)
class Origin:
    """A trained student, and what was measured on it.

    Attributes:
        kind: ``search``, or what was retrained.
        graph: The student.
        weights: Its weights.
        epochs: How long it was trained, epochs.
        seed: Seed of its weights and batches.
        device: Device it was trained on, ``cpu`` or ``cuda:0``.
        validation: Metrics on validation; the mean over ``n_students``.
        spread: Their standard deviation (n - 1) over ``n_students``; empty for one.
        n_students: Students of the mean, the exported one included, >= 1.
        test: Metrics of this very student on test; empty while they were not measured.
        summary: Mean and spread over the seeds of a retraining; empty for the search's student.
        first_view: View of the first epoch of its training.
    """

    kind: str
    graph: ArchGraph
    weights: Path
    epochs: int
    seed: int
    device: str
    validation: dict[str, float]
    spread: dict[str, float] = field(default_factory=dict)
    n_students: int = 1
    test: dict[str, float] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    first_view: int = 0


@dataclass(frozen=True, slots=True)
class RetrainFiles:
    """The two files that a retraining leaves in the run folder.

    Attributes:
        result: ``retrain/0017-same.json``: every seed's metrics, and the median student's graph.
        weights: ``retrain/0017-same.safetensors``: the median student's weights.
    """

    result: Path
    weights: Path


def retrain_files(folder: Path, slot: int, *, members: Members) -> RetrainFiles:
    """Name what a retraining leaves.

    Args:
        folder: The run folder.
        slot: Slot number.
        members: What is retrained.

    Returns:
        Paths; they need not exist.
    """
    stem = folder / "retrain" / f"{slot:04d}-{members}"
    return RetrainFiles(stem.with_suffix(".json"), stem.with_suffix(".safetensors"))


def find_origin(run: "Run", slot: int, *, weights: str = "auto") -> Origin:
    """Find the student to export.

    Args:
        run: The run.
        slot: Slot number.
        weights: One of `WEIGHTS`.

    Returns:
        The student; its weights file need not exist.

    Raises:
        ExportError: If the slot has no student, or was not retrained as ``weights`` asks.
        RunError: If the run has no such slot, or cannot be read.
    """
    if weights not in WEIGHTS:
        raise ExportError(
            f"weights must be one of {list(WEIGHTS)}, found {weights!r}{nearest(weights, WEIGHTS)}"
        )
    if weights == "search":
        return _searched(run, slot)
    members: Members = "fresh" if weights == "fresh" else "same"
    files = retrain_files(run.folder, slot, members=members)
    if files.result.is_file():
        return _retrained(files, kind=members)
    if weights == "auto":
        return _searched(run, slot)
    option = " --fresh-members" if members == "fresh" else ""
    raise ExportError(
        f"trial {slot} of {run.folder} has not been retrained with members {members!r}; "
        f"`autokd retrain {quote(str(run.folder))} --trial {slot}{option}` does it"
    )


def kept_epochs(files: RetrainFiles) -> int:
    """Count what went into the retraining that a run folder has.

    Args:
        files: Where it would be.

    Returns:
        Epochs, over all its seeds; 0 where there is none that could be exported.
    """
    if not (files.result.is_file() and files.weights.is_file()):
        return 0
    try:
        origin = _retrained(files, kind="kept")
        return origin.epochs * int(origin.summary["n_seeds"])
    except (ExportError, ValueError):
        return 0


def why_no_student(record: "Record") -> str:
    """Say why a trial has no student at all.

    Args:
        record: Its record.

    Returns:
        The reason; empty when it was drawn and trained, if only for a while.
    """
    if record.outcome == "infeasible":
        return f"it was infeasible ({record.reason})"
    if record.rungs:
        return ""
    state = "is running" if record.outcome == "running" else f"was {record.outcome}"
    if record.outcome == "failed":
        state = "failed"
    because = f" ({record.reason})" if record.reason else ""
    return f"it {state} before the lowest rung{because}"


def _searched(run: "Run", slot: int) -> Origin:
    record = run.record(slot)
    reason = why_no_student(record)
    if reason:
        raise ExportError(f"trial {slot} has no student: {reason}")
    front = run.front()
    tested = front[(front["trial"] == slot) & front["test_top1"].notna()]
    rung = record.rungs[-1]
    return Origin(
        kind="search",
        graph=run.graph(slot),
        weights=run.folder / "slots" / f"{slot:04d}" / "weights.safetensors",
        epochs=rung.epochs,
        seed=record.seed,
        device=run.info["device"],
        validation=_without_sizes(rung.metrics),
        spread=_without_sizes(rung.spread),
        n_students=run.spec.family_size,
        test={} if tested.empty else {"top1": float(tested["test_top1"].iloc[0])},
    )


def _retrained(files: RetrainFiles, *, kind: str) -> Origin:
    try:
        raw: dict[str, Any] = json.loads(files.result.read_text(encoding="utf-8"))
        median = raw["seeds"][raw["median"]]
        return Origin(
            kind=kind,
            graph=ArchGraph.from_mapping(raw["graph"]),
            weights=files.weights,
            epochs=raw["epochs"],
            seed=median["seed"],
            device=raw["device"],
            validation=median["validation"],
            test=median["test"],
            summary={key: raw[key] for key in ("n_seeds", "validation", "test")},
            first_view=raw["first_view"],
        )
    except (OSError, json.JSONDecodeError, GraphError, KeyError, TypeError, IndexError) as error:
        raise ExportError(f"{files.result} is damaged: {error!r}") from error


def _without_sizes(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if name not in _SIZES}
