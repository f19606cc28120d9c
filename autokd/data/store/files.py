"""Files of the cache: written whole or not at all, and every failure named.

A cache may be deleted or damaged at any time, by a person, a full disk or a kill. So a file
appears under its name only when it is complete, and whoever reads one checks it.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autokd.errors import RunError

__all__ = ["check_space", "check_writable", "replacing", "writing_to"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file that appears under its name in one step.

    Args:
        path: The file; its folder is made.

    Yields:
        A name beside it to write to; it takes the file's place at the end, and is removed on an
        error.

    Raises:
        RunError: If the folder cannot be written; the message names it.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with writing_to(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Turn what the operating system says about a folder into an error of ours.

    Args:
        folder: The folder that is written.

    Yields:
        Nothing.

    Raises:
        RunError: If the operating system refuses.
    """
    try:
        yield
    except OSError as error:
        raise RunError(f"{folder}: cannot be written: {error.strerror or error}") from error


def check_writable(folder: Path) -> None:
    """Refuse a folder that cannot be written, before the work whose result it shall keep.

    Args:
        folder: The folder; it is made.

    Raises:
        RunError: If it cannot be made or written.
    """
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()


def check_space(folder: Path, n_bytes: int) -> None:
    """Refuse to begin a file that will not fit.

    Args:
        folder: An existing folder.
        n_bytes: Size of the file, bytes.

    Raises:
        RunError: If the disk has less room; the message names both numbers.
    """
    with writing_to(folder):
        free = shutil.disk_usage(folder).free
    if free < n_bytes:
        raise RunError(
            f"{folder}: {n_bytes / 1e6:.0f} MB are needed, but {free / 1e6:.0f} MB are free"
        )
