import json
from pathlib import Path
from typing import Any

import pytest

import autokd.diagnose
from autokd.cli.diagnose import parse_fractions
from autokd.errors import DefinitionError


def test_diagnosis_is_a_page_numbers_beside_it_and_a_short_table(
    run_cli: Any, tiny_run: Path
) -> None:
    said = run_cli("diagnose", "--seeds", "1", "--fractions", "1/2,1", "--device", "cpu")
    assert said.code == 0, said.err
    assert said.out.splitlines()[-2:] == ["runs/tiny/diagnosis.html", "runs/tiny/diagnosis.json"]
    for word in ("training the student on parts", "hard labels", "scatter", "degrees"):
        assert word in said.out
    numbers = json.loads((tiny_run / "diagnosis.json").read_text())
    fractions = [share["fraction"] for share in numbers["transfer"]["curves"][0]["shares"]]
    assert fractions == [0.5, 1.0]


def test_parts_and_output_are_chosen(run_cli: Any, tiny_run: Path) -> None:
    said = run_cli(
        "diagnose", str(tiny_run), "--parts", "geometry", "--output", "g.html", "--device", "cpu"
    )
    assert said.code == 0, said.err
    assert json.loads(Path("g.json").read_text())["transfer"] is None
    assert not (tiny_run / "diagnosis.html").exists()


def test_errors_are_one_line(run_cli: Any, tiny_run: Path) -> None:
    for words, message in (
        (("--parts", "angle"), "did you mean 'angles'?"),
        (("--fractions", "1,1/2"), "must ascend within (0, 1]"),
        (("--trial", "99"), "has no trial 99"),
        (("--best", "knees"), "did you mean 'knee'?"),
    ):
        said = run_cli("diagnose", *words)
        assert (said.code, said.err.count("\n")) == (2, 1)
        assert message in said.err


def test_fractions_are_read_as_ratios_and_decimals() -> None:
    assert parse_fractions("1/8, 0.25,1") == (0.125, 0.25, 1.0)


@pytest.mark.parametrize("text", ["", "a", "1/0", "1/2,,1"])
def test_fractions_that_are_no_numbers_are_refused(text: str) -> None:
    with pytest.raises(DefinitionError, match="is not a number such as 1/8"):
        parse_fractions(text)


def test_where_the_page_goes_is_checked_before_anything_is_trained(
    run_cli: Any, tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autokd.diagnose, "diagnose", lambda *_, **__: pytest.fail("trained"))
    for output in ("numbers.json", "."):
        said = run_cli("diagnose", "--output", output)
        assert said.code == 2
        assert output in said.err
