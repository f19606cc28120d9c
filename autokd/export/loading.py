"""From an exported folder back to the student: build what ``student.json`` says, fill in weights.

Nothing is drawn and no code is run: the graph is explicit, and safetensors hold numbers only.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from autokd.errors import ExportError, RunError, ShapeError
from autokd.export.description import Description

if TYPE_CHECKING:
    from autokd.students import Student

__all__ = [
    "CONFIG_FILE",
    "WEIGHTS_FILE",
    "build_student",
    "load_student",
    "read_description",
    "rebuild",
]

CONFIG_FILE = "student.json"
WEIGHTS_FILE = "weights.safetensors"


def load_student(folder: str | Path) -> "Student":
    """Load an exported student.

    Args:
        folder: What `export_student` wrote; only ``student.json`` and ``weights.safetensors`` are
            read.

    Returns:
        The student in eval mode, on the CPU; it takes raw images in [0, 1], ``(batch, channels,
        size, size)``, normalises them itself, and gives logits, ``(batch, classes)``.

    Raises:
        ExportError: If a file is missing or damaged, or the weights are not this student's.
    """
    folder = Path(folder)
    description = read_description(folder)
    if not (folder / WEIGHTS_FILE).is_file():
        raise ExportError(
            f"{folder} has no {WEIGHTS_FILE}: it was exported without format 'safetensors'"
        )
    return rebuild(description, folder / WEIGHTS_FILE)


def build_student(folder: str | Path, *, seed: int = 0) -> "Student":
    """Build an exported student with fresh weights, to train it again.

    Args:
        folder: What `export_student` wrote; only ``student.json`` is read.
        seed: Of the weights.

    Returns:
        The student in training mode, on the CPU.

    Raises:
        ExportError: If the file is missing or damaged.
    """
    return _build(read_description(Path(folder)), seed=seed)


def read_description(folder: Path) -> Description:
    """Read what a folder's student is.

    Args:
        folder: An exported folder.

    Returns:
        Its description.

    Raises:
        ExportError: If this is no exported folder, or its ``student.json`` is damaged.
    """
    path = folder / CONFIG_FILE
    try:
        return Description.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ExportError(f"{folder} is not an exported student: {error}") from error
    except ExportError as error:
        raise ExportError(f"{path}: {error}") from error


def rebuild(description: Description, weights: Path) -> "Student":
    """Build a described student and fill it with weights.

    Args:
        description: The student.
        weights: A safetensors file.

    Returns:
        The student in eval mode, on the CPU.

    Raises:
        ExportError: If the file cannot be read, or its weights are not this student's.
    """
    # Here, not at the top: a config is written and read without torch.
    from autokd.students import load_weights

    student = _build(description, seed=0)
    try:
        load_weights(student, weights)
    except RunError as error:
        raise ExportError(str(error)) from error
    return student.eval()


def _build(description: Description, *, seed: int) -> "Student":
    from autokd.students import build

    mean, std = description.mean, description.std
    try:
        return build(description.graph, description.shape, mean=mean, std=std, seed=seed)
    except ShapeError as error:
        raise ExportError(f"{CONFIG_FILE}: {error}") from error
