import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from autokd.data.store.files import check_space, check_writable, replacing, writing_to
from autokd.errors import RunError

Usage = namedtuple("Usage", ["total", "used", "free"])


def test_a_file_appears_whole_and_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file"
    for text in ("one", "two"):
        with replacing(path) as temporary:
            temporary.write_text(text)
            assert not path.exists() or path.read_text() == "one"
        assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


def _write_half(path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError):
        _write_half(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("not a folder")
    with (
        pytest.raises(RunError, match=r"cache.*: cannot be written: Not a directory"),
        replacing(tmp_path / "cache" / "sub" / "file"),
    ):
        pass


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(RunError, match=f"{tmp_path}: cannot be written: No space left on device"),
        writing_to(tmp_path),
    ):
        Path("/dev/full").write_text("x")


def test_a_file_that_will_not_fit_is_refused_with_both_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(9, 9, 3_000_000))
    check_space(tmp_path, 3_000_000)
    with pytest.raises(RunError, match="5 MB are needed, but 3 MB are free"):
        check_space(tmp_path, 5_000_000)


def test_a_writable_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"file/folder: cannot be written: Not a directory"):
        check_writable(tmp_path / "file" / "folder")
