"""The run folder: what one execution of a study leaves on disk.

::

    runs/NAME/
      study.toml  space.toml   exact copies of the definitions, where the study came from files
      study.json               the study as it was checked, defaults included: read back from here
      run.json                 versions, hardware, storage, teacher, start and end
      study.db                 the ledger, unless --storage names a server
      warm.json                what the study began from, where --warm-start named earlier runs
      slots/0017/student.json  the family's graphs
      slots/0017/weights.safetensors   the first member's weights
      report.html

Every file is written whole or not at all. Weights are kept for the front only.
"""

import json
import os
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from autokd.errors import GraphError, RunError
from autokd.graphs import ArchGraph
from autokd.runs.urls import file_url
from autokd.study import StudySpec

__all__ = ["RunFolder", "latest_run"]


class RunFolder:
    """Paths and small files of one run.

    Args:
        path: The folder; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path if path.name not in ("", "..") else path.resolve()

    @property
    def exists(self) -> bool:
        """Whether a run was begun here."""
        return (self.path / "run.json").is_file()

    @property
    def report(self) -> Path:
        """Where the report is written."""
        return self.path / "report.html"

    @property
    def database(self) -> str:
        """URL of the ledger in this folder."""
        return file_url(self.path / "study.db")

    def create(self, spec: StudySpec, *, definitions: Mapping[str, Path]) -> None:
        """Make the folder and copy the definitions into it.

        Args:
            spec: The study.
            definitions: File by name, ``{"study.toml": ..., "space.toml": ...}``; empty for a
                study made in Python.

        Raises:
            RunError: If the folder cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for name, source in definitions.items():
                shutil.copyfile(source, self.path / name)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        self._write("study.json", spec.model_dump_json(indent=2))

    def check_own(self) -> None:
        """Check that there is a run here, or nothing.

        Raises:
            RunError: If the folder holds something else.
        """
        is_foreign = self.path.exists() and not self.path.is_dir()
        if is_foreign or (self.path.is_dir() and not self.exists and any(self.path.iterdir())):
            raise RunError(f"{self.path} is not a run folder; --fresh deletes nothing else")

    def clear(self) -> None:
        """Delete an earlier run here, and nothing that is not one.

        Its ledger goes first: were it left by a process that is killed meanwhile, the next search
        would take its trials for its own.

        Raises:
            RunError: If the folder holds something else, or cannot be deleted.
        """
        self.check_own()
        try:
            for path in self.path.glob("study.db*"):
                path.unlink()
            if self.path.exists():
                shutil.rmtree(self.path)
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def read_spec(self) -> StudySpec:
        """Read the study back.

        Returns:
            The study as it was checked when the run began.

        Raises:
            RunError: If this is no run folder, or its study is of an incompatible version.
        """
        try:
            return StudySpec.model_validate_json(self._read("study.json"))
        except ValidationError as error:
            raise RunError(
                f"{self.path / 'study.json'} was written by an incompatible version: {error}"
            ) from error

    def read_info(self) -> dict[str, Any]:
        """Read ``run.json``.

        Returns:
            Its mapping, with the URL of the storage: that of the ledger in this folder, wherever
            the folder is by now, unless it was begun with another.

        Raises:
            RunError: If this is no run folder.
        """
        try:
            info: dict[str, Any] = json.loads(self._read("run.json"))
        except json.JSONDecodeError as error:
            raise RunError(f"{self.path / 'run.json'} is damaged: {error}") from error
        # Earlier versions wrote where the folder's own ledger was when the run began.
        if str(info.get("storage")).endswith("/study.db") and (self.path / "study.db").is_file():
            info["storage"] = None
        return {**info, "storage": info.get("storage") or self.database}

    def write_info(self, info: Mapping[str, Any]) -> None:
        """Write ``run.json``, so that it holds wherever the folder is moved.

        Args:
            info: JSON types.

        Raises:
            RunError: If the folder cannot be written.
        """
        storage = info.get("storage")
        told = {**info, "storage": None if storage == self.database else storage}
        self._write("run.json", json.dumps(told, indent=2))

    def read_warm(self) -> list[dict[str, Any]]:
        """Read ``warm.json``.

        Returns:
            What `write_warm` wrote; empty where nothing was.

        Raises:
            RunError: If it is damaged.
        """
        if not (self.path / "warm.json").is_file():
            return []
        try:
            runs: list[dict[str, Any]] = json.loads(self._read("warm.json"))
        except json.JSONDecodeError as error:
            raise RunError(f"{self.path / 'warm.json'} is damaged: {error}") from error
        return runs

    def write_warm(self, runs: Sequence[Mapping[str, Any]]) -> None:
        """Write ``warm.json``, or no such file where the study begins from nothing.

        Args:
            runs: What was taken from each earlier run, JSON types.

        Raises:
            RunError: If the folder cannot be written.
        """
        if runs:
            self._write("warm.json", json.dumps(list(runs)))
        else:
            (self.path / "warm.json").unlink(missing_ok=True)

    def slot(self, slot: int) -> Path:
        """Name a slot's folder.

        Args:
            slot: Slot number.

        Returns:
            ``slots/0017``; it need not exist.
        """
        return self.path / "slots" / f"{slot:04d}"

    def weights(self, slot: int) -> Path:
        """Name the weights of a slot's first student.

        Args:
            slot: Slot number.

        Returns:
            ``slots/0017/weights.safetensors``; it need not exist.
        """
        return self.slot(slot) / "weights.safetensors"

    def write_graphs(self, slot: int, graphs: Iterable[ArchGraph]) -> None:
        """Write a family's graphs.

        Args:
            slot: Slot number.
            graphs: Its students' graphs.

        Raises:
            RunError: If the folder cannot be written.
        """
        text = ",".join(graph.to_json() for graph in graphs)
        self._write(f"slots/{slot:04d}/student.json", f"[{text}]")

    def read_graphs(self, slot: int) -> tuple[ArchGraph, ...]:
        """Read a family's graphs.

        Args:
            slot: Slot number.

        Returns:
            Its students' graphs.

        Raises:
            RunError: If they are missing or damaged.
        """
        name = f"slots/{slot:04d}/student.json"
        try:
            return tuple(ArchGraph.from_mapping(raw) for raw in json.loads(self._read(name)))
        except (json.JSONDecodeError, GraphError) as error:
            raise RunError(f"{self.path / name} is damaged: {error}") from error

    def keep_weights(self, slots: Collection[int]) -> None:
        """Delete the weights of all other slots.

        Args:
            slots: Slots whose weights stay.
        """
        keep = {self.weights(slot) for slot in slots}
        for path in self.path.glob("slots/*/weights.safetensors"):
            if path not in keep:
                path.unlink()

    def drop_weights(self, slots: Iterable[int]) -> None:
        """Delete the weights of some slots.

        Args:
            slots: Slots, with or without weights.
        """
        for slot in slots:
            self.weights(slot).unlink(missing_ok=True)

    def _read(self, name: str) -> str:
        try:
            return (self.path / name).read_text(encoding="utf-8")
        except OSError as error:
            raise RunError(
                f"{self.path} is not a run folder: {name} cannot be read ({error.strerror})"
            ) from error

    def _write(self, name: str, text: str) -> None:
        path = self.path / name
        partial = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(text, encoding="utf-8")
            partial.replace(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise _unwritable(path, error) from error


def latest_run(root: Path = Path("runs")) -> Path:
    """Find the run that was last worked on.

    Args:
        root: Folder of run folders.

    Returns:
        Path of the run folder whose ``run.json`` is newest.

    Raises:
        RunError: If there is none.
    """
    found = [path.parent for path in root.glob("*/run.json")]
    if not found:
        raise RunError(f"there is no run in {root}/; `autokd search` makes one")
    return max(found, key=lambda path: (path / "run.json").stat().st_mtime)


def _unwritable(path: Path, error: OSError) -> RunError:
    return RunError(f"{path} cannot be written: {error.strerror}")
