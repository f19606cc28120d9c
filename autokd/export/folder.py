"""Writing an exported student: a folder that appears whole and verified, or not at all.

::

    EXPORT/
      student.json          graph, input shape, classes, recipes, metrics, provenance; always
      weights.safetensors   for `load_student`
      student.onnx          for ONNX Runtime and its kin
      student.pt2           for `torch.export.load`
      README.md             the card; always

Everything is written into a hidden folder, read back and compared. Then the folder gets its name;
where that one is there already, and may be somebody's current folder, the files are moved in.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from autokd.checking import nearest
from autokd.errors import ExportError
from autokd.export.card import write_card
from autokd.export.description import Description, describe
from autokd.export.facts import data_facts
from autokd.export.loading import CONFIG_FILE, load_student, read_description
from autokd.export.origin import Origin, find_origin

if TYPE_CHECKING:
    from autokd.distill.prepared import PreparedStudy
    from autokd.runs import Run

__all__ = ["FORMATS", "export_student", "load_student"]

FORMATS = {
    "config": CONFIG_FILE,
    "safetensors": "weights.safetensors",
    "onnx": "student.onnx",
    "pt2": "student.pt2",
}
"""Every format and its file."""

_CARD = "README.md"


def export_student(
    run: "Run",
    slot: int,
    folder: Path,
    *,
    formats: Sequence[str] = tuple(FORMATS),
    prepared: "PreparedStudy | None" = None,
    data_dir: Path | None = None,
    weights: str = "auto",
) -> Path:
    """Write a student as a folder.

    Args:
        run: The run.
        slot: The student's slot.
        folder: Where to; an earlier export there is replaced, anything else is not.
        formats: Which of `FORMATS`; ``student.json`` and the card are always written, and nothing
            else is needed for ``config`` alone: no weights, no images, no torch.
        prepared: The prepared study, for its validation images; None loads them again.
        data_dir: Folder of the data, if nothing is prepared; None for that of the search.
        weights: ``auto`` for the retrained student where the trial was retrained, else the
            search's; or ``search``, ``same``, ``fresh``.

    Returns:
        ``folder``.

    Raises:
        DataError: If the validation images cannot be loaded.
        ExportError: If a format is unknown, the student has no weights, the folder cannot be
            written or holds something else, or what was exported is not the student that was
            trained.
        RunError: If the run has no such slot, or cannot be read.
    """
    folder = Path(folder)
    _check_formats(formats)
    _check_target(folder)
    facts = data_facts(run)
    origin = find_origin(run, slot, weights=weights)
    description = describe(run, slot, origin=origin, facts=facts)
    has_weights = set(formats) != {"config"}
    if has_weights and not origin.weights.is_file():
        raise _no_weights(run, slot, origin)
    with _half_made(folder) as part:
        _write_config(part, description)
        if has_weights:
            # Here, not at the top: a config is exported without torch.
            from autokd.export.artefacts import validation_images, write_and_verify

            images = validation_images(run, facts, prepared=prepared, data_dir=data_dir)
            verified = write_and_verify(
                part, origin=origin, description=description, formats=formats, images=images
            )
            description = replace(description, verified=verified)
            _write_config(part, description)
        (part / _CARD).write_text(write_card(description, formats), encoding="utf-8")
    return folder


def _check_formats(formats: Sequence[str]) -> None:
    if not formats:
        raise ExportError(f"--format needs at least one of {list(FORMATS)}")
    for name in formats:
        if name not in FORMATS:
            hint = nearest(name, list(FORMATS))
            raise ExportError(f"--format must be one of {list(FORMATS)}, found {name!r}{hint}")


def _check_target(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ExportError(f"{folder} is a file; an export is a folder")
    others = {path.name for path in folder.iterdir()} - {*FORMATS.values(), _CARD}
    if others:
        raise ExportError(
            f"{folder} holds other files than an export's, such as {min(others)}; "
            "nothing was replaced"
        )
    if any(folder.iterdir()):
        read_description(folder)


def _no_weights(run: "Run", slot: int, origin: Origin) -> ExportError:
    option = " --fresh-members" if origin.kind == "fresh" else ""
    if origin.kind != "search":
        why = f"trial {slot}'s retraining are gone: there is no {origin.weights}"
    elif slot in run.front()["trial"].tolist():
        why = f"trial {slot} are gone: there is no {origin.weights}"
    else:
        why = f"trial {slot} were not kept ({_why_not_kept(run, slot)})"
    return ExportError(
        f"the weights of {why}; `autokd retrain {quote(str(run.folder))} --trial {slot}{option}` "
        "trains it again, and `--format config` needs no weights"
    )


def _why_not_kept(run: "Run", slot: int) -> str:
    record = run.record(slot)
    match record.outcome:
        case "repeated":
            return f"it was not trained, since it repeats trial {record.repeats}"
        case "stopped":
            return f"the race stopped it at {record.epochs} epochs"
        case "complete" if not run.spec.constraints.admits(record.metrics):
            return f"its top1 of {record.metrics['top1']:.4f} is below min_top1"
        case "complete":
            return "it is not on the front"
        case "running":
            return "it is still running"
        case _:
            return f"it {record.outcome}"


def _write_config(folder: Path, description: Description) -> None:
    (folder / CONFIG_FILE).write_text(description.to_json() + "\n", encoding="utf-8")


@contextmanager
def _half_made(folder: Path) -> Iterator[Path]:
    """Give a folder that becomes ``folder`` when all went well, and vanishes when not."""
    target = folder.resolve()  # so that "." has a name, too
    name = f".{target.name}.{os.getpid()}.part"
    part = target / name if target.is_dir() else target.with_name(name)
    try:
        part.mkdir(parents=True)
        yield part
        if part.parent == target:
            _move_in(part, target)
        else:
            part.rename(target)
    except OSError as error:
        raise ExportError(f"{folder} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _move_in(part: Path, folder: Path) -> None:
    """Put an export in the place of an earlier one; if that fails, the earlier one comes back.

    ``student.json`` leaves first and arrives last: without it, nothing is taken for an export.
    """
    files = [part / name for name in (_CARD, *reversed(FORMATS.values()))]
    old = part / "old"
    old.mkdir()
    with ExitStack() as undo:
        for path in reversed(files):
            _move(folder / path.name, old / path.name, undo)
        for path in files:
            _move(path, folder / path.name, undo)
        undo.pop_all()


def _move(path: Path, to: Path, undo: ExitStack) -> None:
    if path.exists():
        path.rename(to)
        undo.callback(to.rename, path)
