"""Writes a file whole or not at all."""

import os
from contextlib import suppress
from pathlib import Path

from autokd.errors import ReportError

__all__ = ["write_whole"]


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file, or leave what was there.

    Args:
        path: The file; its folder is made.
        content: All of it.

    Returns:
        The path.

    Raises:
        ReportError: If it is a folder, or cannot be written.
    """
    if not path.name:  # such as "." and "/", beside which there is no place either
        raise ReportError(f"{path}: the report cannot be written: it is a folder")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise ReportError(f"{path}: the report cannot be written: {error}") from error
    return path
