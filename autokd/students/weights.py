"""A student's weights in a file: safetensors, written whole or not at all.

The file carries the digest of the student's graph, so that weights never end up in another network
of the same shapes.
"""

import os
from pathlib import Path

import safetensors
import safetensors.torch
from torch import Tensor

from autokd.errors import RunError
from autokd.students.build import Student

__all__ = ["load_weights", "save_weights"]


def save_weights(student: Student, path: Path) -> None:
    """Write the weights, the running statistics and the normalisation.

    Args:
        student: The student, on any device; what is written does not depend on it.
        path: The file; its folder exists. A file of that name is replaced in one step.

    Raises:
        RunError: If it cannot be written: a full or read-only disk, a missing folder.
    """
    state = {name: value.contiguous().cpu() for name, value in student.state_dict().items()}
    content = safetensors.torch.save(state, {"graph": student.graph.digest})
    try:
        _replace(path, content)
    except OSError as error:
        raise RunError(f"{path}: the weights cannot be written: {error.strerror}") from error


def load_weights(student: Student, path: Path) -> None:
    """Read weights into a student of the same graph.

    Args:
        student: Receives the weights, on the device where it is.
        path: What `save_weights` wrote.

    Raises:
        RunError: If the file is missing, damaged, or holds the weights of another student.
    """
    digest, state = _read(path)
    if digest != student.graph.digest:
        raise RunError(f"{path}: these are not the weights of this graph, but of graph {digest}")
    found = {name: tuple(value.shape) for name, value in state.items()}
    expected = {name: tuple(value.shape) for name, value in student.state_dict().items()}
    differing = sorted({name for name, _ in found.items() ^ expected.items()})
    if differing:
        raise RunError(f"{path}: weights do not fit the student: {', '.join(differing[:3])}")
    student.load_state_dict(state)


def _read(path: Path) -> tuple[str | None, dict[str, Tensor]]:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            digest = (file.metadata() or {}).get("graph")
            return digest, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        raise RunError(f"{path}: the weights cannot be read: {error}") from error


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
