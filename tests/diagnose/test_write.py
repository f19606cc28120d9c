import json
from pathlib import Path

import pytest

from autokd.diagnose.result import Diagnosis
from autokd.diagnose.write import write_diagnosis
from autokd.errors import DiagnosisError, ReportError


def test_the_numbers_lie_beside_the_page(diagnosis: Diagnosis, tmp_path: Path) -> None:
    html, numbers = write_diagnosis(diagnosis, tmp_path / "new" / "mine.html")
    assert html.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert numbers == tmp_path / "new" / "mine.json"
    assert json.loads(numbers.read_text(encoding="utf-8")) == diagnosis.as_dict()


def test_the_page_cannot_be_where_its_numbers_go(diagnosis: Diagnosis, tmp_path: Path) -> None:
    with pytest.raises(DiagnosisError, match=r"mine\.json: the page cannot be where"):
        write_diagnosis(diagnosis, tmp_path / "mine.json")


def test_a_path_that_cannot_be_written_is_named(diagnosis: Diagnosis, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="cannot be written"):
        write_diagnosis(diagnosis, tmp_path / "file" / "mine.html")


def test_the_page_cannot_be_a_folder(diagnosis: Diagnosis, tmp_path: Path) -> None:
    with pytest.raises(DiagnosisError, match="is a folder; name a file in it"):
        write_diagnosis(diagnosis, tmp_path)
