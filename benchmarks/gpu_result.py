"""The JSON of the GPU benchmarks: units by row, each with what it was measured on."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from describing import hardware, today, versions
from gpu_device import describe
from gpu_study import Setting, Unit
from measuring import code_digest

import autokd

_PACKAGES = ("torch", "torchvision", "optuna", "numpy", "networkx")
_LONG = ("hardware", "versions", "code", "profile", "machine", "graph", "outcomes")

Summary = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Summarises the units of a row that are measured, by name."""


@dataclass(frozen=True)
class Row:
    """One claim.

    Attributes:
        units: Lists what is measured.
        summary: Summarises it.
    """

    units: Callable[[Setting], list[Unit]]
    summary: Summary


class Result:
    """The JSON: units by row, each with what it was measured on.

    Args:
        path: The file.
        setting: Says what is measured on.
    """

    def __init__(self, path: Path, setting: Setting) -> None:
        self._path = path
        self._about = {
            "device": describe(setting.device),
            "hardware": hardware(),
            "versions": {"autokd": autokd.__version__, **versions(*_PACKAGES)},
            "code": code_digest("runs", "search"),
        }
        self.content: dict[str, Any] = {"summary": {}, "rows": {}}
        if path.exists():
            self.content = json.loads(path.read_text())

    def find(self, row: str, unit: Unit) -> dict[str, Any]:
        """Find what was measured of the very same; else what a new measurement begins with."""
        about = {**self._about, "settings": unit.settings}
        found: dict[str, Any] = self.content["rows"].get(row, {}).get(unit.name, {})
        return found if _has(found, about) else {**about, "date": today()}

    def begin(self, row: str, unit: Unit, found: dict[str, Any]) -> None:
        """Put a measurement into the place of an earlier one of something else."""
        self.content["rows"].setdefault(row, {})[unit.name] = found

    def summarise(self, row: str, summary: Summary) -> None:
        """Summarise a row anew, and write the file."""
        units = self.content["rows"][row]
        alike = {
            name: unit
            for name, unit in units.items()
            if _has(unit, self._about) and "took_s" in unit
        }
        self.content["summary"][row] = {**self._about, **summary(alike)}
        self.save()

    def save(self) -> None:
        """Write the file in one step."""
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text(json.dumps(self.content, indent=1) + "\n")
        temporary.replace(self._path)


def _has(found: Mapping[str, Any], about: Mapping[str, Any]) -> bool:
    return all(found.get(key) == value for key, value in about.items())


def in_short(found: Any) -> Any:
    """Leave of a summary what one wants to see at once: no profiles, spreads in one line."""
    if not isinstance(found, Mapping):
        return found
    if "median" in found:
        return f"{found['median']:g} ({found['min']:g} to {found['max']:g}, n = {found['n']})"
    return {name: in_short(value) for name, value in found.items() if name not in _LONG}


@contextmanager
def noted_warnings() -> Iterator[list[str]]:
    """Note what autokd warns of, such as a step that could not be recorded."""
    notes: list[str] = []

    class Notes(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage() not in notes:
                notes.append(record.getMessage())

    handler = Notes(logging.WARNING)
    logger = logging.getLogger("autokd")
    logger.addHandler(handler)
    try:
        yield notes
    finally:
        logger.removeHandler(handler)
