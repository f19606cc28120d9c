from pathlib import Path

import pytest

from autokd.errors import ReportError
from autokd.pages.writing import write_whole


def test_a_file_is_replaced_and_its_folder_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "page.html"
    assert write_whole(path, b"old") == path
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert [file.name for file in path.parent.iterdir()] == ["page.html"]


def test_a_file_that_cannot_be_written_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ReportError, match=r"folder: the report cannot be written"):
        write_whole(tmp_path / "folder", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("path", [".", "/", ""])
def test_a_folder_without_a_name_is_refused_like_any_other(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ReportError, match="the report cannot be written: it is a folder"):
        write_whole(Path(path), b"content")
    assert not list(tmp_path.iterdir())
