import json
import os
import shutil
from pathlib import Path

import pytest

from autokd.errors import RunError
from autokd.graphs import ArchGraph, Node
from autokd.runs import Ledger
from autokd.runs.folder import RunFolder, latest_run
from autokd.study import StudySpec

GRAPH = ArchGraph((Node("stem", (), 4, 1), Node("conv3x3", (0,), 8, 2)), notes=("as drawn",))


def _begun(path: Path, spec: StudySpec) -> RunFolder:
    folder = RunFolder(path)
    folder.create(spec, definitions={})
    folder.write_info({"storage": folder.database})
    return folder


def test_spec_info_and_graphs_are_read_back(tmp_path: Path, spec: StudySpec) -> None:
    folder = _begun(tmp_path / "run", spec)
    folder.write_graphs(17, [GRAPH, GRAPH])
    assert folder.exists
    assert folder.read_spec() == spec
    assert folder.read_info() == {"storage": folder.database}
    assert folder.read_graphs(17) == (GRAPH, GRAPH)
    assert (folder.path / "slots" / "0017" / "student.json").is_file()


def test_definitions_are_copied_to_the_letter(tmp_path: Path, spec: StudySpec) -> None:
    source = tmp_path / "mine.toml"
    source.write_text("# a comment\ntitle = 'x'\n")
    folder = RunFolder(tmp_path / "run")
    folder.create(spec, definitions={"study.toml": source})
    assert (folder.path / "study.toml").read_text() == source.read_text()


def test_only_the_named_slots_keep_their_weights(tmp_path: Path, spec: StudySpec) -> None:
    folder = _begun(tmp_path / "run", spec)
    for slot in (0, 1, 2):
        folder.write_graphs(slot, [GRAPH])
        folder.weights(slot).write_bytes(b"weights")
    folder.keep_weights([1])
    assert [slot for slot in (0, 1, 2) if folder.weights(slot).exists()] == [1]
    assert folder.read_graphs(0) == (GRAPH,)
    folder.drop_weights([0, 1])
    assert not folder.weights(1).exists()


def test_no_partial_file_is_left_behind(tmp_path: Path, spec: StudySpec) -> None:
    folder = _begun(tmp_path / "run", spec)
    assert sorted(path.name for path in folder.path.iterdir()) == ["run.json", "study.json"]


def test_clear_deletes_a_run_and_nothing_else(tmp_path: Path, spec: StudySpec) -> None:
    folder = _begun(tmp_path / "run", spec)
    folder.clear()
    assert not folder.path.exists()
    folder.clear()  # nothing there is nothing to do
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter1.tex").write_text("precious")
    with pytest.raises(RunError, match="thesis is not a run folder; --fresh deletes nothing else"):
        RunFolder(other).clear()
    assert (other / "chapter1.tex").exists()


def test_clear_that_is_killed_leaves_no_ledger_without_its_run(
    tmp_path: Path, spec: StudySpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _begun(tmp_path / "run", spec)
    (folder.path / "study.db").touch()
    (folder.path / "study.db-wal").touch()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        folder.clear()
    assert not [*folder.path.glob("study.db*")]
    assert folder.exists


def test_a_missing_file_names_folder_and_file(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"nowhere is not a run folder: study.json cannot be read"):
        RunFolder(tmp_path / "nowhere").read_spec()


def test_a_study_of_another_version_is_refused(tmp_path: Path, spec: StudySpec) -> None:
    folder = _begun(tmp_path / "run", spec)
    (folder.path / "study.json").write_text('{"title": "old"}')
    with pytest.raises(RunError, match="written by an incompatible version"):
        folder.read_spec()


@pytest.mark.parametrize("text", ["{", '[{"format": 99}]'])
def test_damaged_graphs_are_refused(tmp_path: Path, spec: StudySpec, text: str) -> None:
    folder = _begun(tmp_path / "run", spec)
    folder.write_graphs(0, [GRAPH])
    (folder.slot(0) / "student.json").write_text(text)
    with pytest.raises(RunError, match=r"student.json is damaged"):
        folder.read_graphs(0)


def test_damaged_info_is_refused(tmp_path: Path, spec: StudySpec) -> None:
    folder = _begun(tmp_path / "run", spec)
    (folder.path / "run.json").write_text("{")
    with pytest.raises(RunError, match=r"run.json is damaged"):
        folder.read_info()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, spec: StudySpec) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("a file where a folder should be")
    with pytest.raises(RunError, match="file/run cannot be written: Not a directory"):
        RunFolder(blocker / "run").create(spec, definitions={})


def test_a_full_disk_is_reported_and_leaves_no_partial_file(
    tmp_path: Path, spec: StudySpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _begun(tmp_path / "run", spec)

    def full(self: Path, *_args: object, **_kwargs: object) -> None:
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(RunError, match=r"run.json cannot be written: No space left on device"):
        folder.write_info({})
    assert not list(folder.path.glob(".*.part"))


def test_latest_run_is_the_one_written_last(tmp_path: Path, spec: StudySpec) -> None:
    with pytest.raises(RunError, match="there is no run in"):
        latest_run(tmp_path)
    older, newer = _begun(tmp_path / "a", spec), _begun(tmp_path / "b", spec)
    os.utime(older.path / "run.json", (1, 1))
    assert latest_run(tmp_path) == newer.path


def test_what_a_run_began_from_is_kept_and_forgotten(tmp_path: Path, spec: StudySpec) -> None:
    folder = _begun(tmp_path / "run", spec)
    assert folder.read_warm() == []
    folder.write_warm([{"run": "a"}])
    assert folder.read_warm() == [{"run": "a"}]
    folder.write_warm([])
    assert not (folder.path / "warm.json").exists()
    (folder.path / "warm.json").write_text("{")
    with pytest.raises(RunError, match=r"warm.json is damaged: Expecting"):
        folder.read_warm()


def test_a_folder_that_is_moved_names_its_own_ledger(tmp_path: Path, spec: StudySpec) -> None:
    folder = _begun(tmp_path / "run", spec)
    assert json.loads((folder.path / "run.json").read_text())["storage"] is None
    moved = RunFolder(folder.path.rename(tmp_path / "moved"))
    assert moved.read_info() == {"storage": moved.database}
    assert moved.database.endswith("/moved/study.db")


def test_of_a_run_of_an_earlier_version_the_ledger_inside_is_meant(
    tmp_path: Path, spec: StudySpec
) -> None:
    folder = _begun(tmp_path / "run", spec)
    (folder.path / "run.json").write_text('{"storage": "sqlite:////elsewhere/run/study.db"}')
    assert folder.read_info() == {"storage": "sqlite:////elsewhere/run/study.db"}
    (folder.path / "study.db").touch()
    assert folder.read_info() == {"storage": folder.database}


def test_another_storage_stays_the_one_that_was_named(tmp_path: Path, spec: StudySpec) -> None:
    folder = _begun(tmp_path / "run", spec)
    (folder.path / "study.db").touch()
    folder.write_info({"storage": "postgresql://host/db"})
    assert folder.read_info() == {"storage": "postgresql://host/db"}


@pytest.mark.parametrize("name", ["a?b", "a%41", "a#b", "a b"])
def test_a_folder_may_have_any_name(name: str, tmp_path: Path, spec: StudySpec) -> None:
    folder = _begun(tmp_path / name, spec)
    Ledger(folder.database, "s", objectives=spec.objectives).close()
    assert (folder.path / "study.db").is_file()


def test_the_current_folder_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert RunFolder(Path()).path == tmp_path.resolve()


def test_a_file_is_no_run_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunError, match="file is not a run folder"):
        RunFolder(tmp_path / "file").clear()
