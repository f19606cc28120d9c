"""Writes a diagnosis: the page, and its numbers beside it."""

import json
from pathlib import Path

from autokd.diagnose.page import page
from autokd.diagnose.result import Diagnosis
from autokd.errors import DiagnosisError
from autokd.pages import write_whole

__all__ = ["check_page_path", "write_diagnosis"]


def check_page_path(path: Path) -> None:
    """Check where a page is to be written, before anything is trained for it.

    Args:
        path: The HTML file.

    Raises:
        DiagnosisError: If it is a folder, or where the numbers beside it go.
    """
    if path.suffix == ".json":
        raise DiagnosisError(f"{path}: the page cannot be where its numbers go; name it .html")
    if path.is_dir():
        raise DiagnosisError(f"{path} is a folder; name a file in it, such as diagnosis.html")


def write_diagnosis(diagnosis: Diagnosis, path: Path) -> tuple[Path, Path]:
    """Write the page and the numbers.

    Args:
        diagnosis: The diagnosis.
        path: The HTML file; the numbers go into a file of the same name that ends in ``.json``.

    Returns:
        Both paths.

    Raises:
        DiagnosisError: If the path of the page is a folder, or ends in ``.json`` itself.
        ReportError: If a file cannot be written.
    """
    check_page_path(path)
    numbers = path.with_suffix(".json")
    text = json.dumps(diagnosis.as_dict(), indent=1, allow_nan=False)
    return (
        write_whole(path, page(diagnosis).encode("utf-8")),
        write_whole(numbers, text.encode("utf-8")),
    )
