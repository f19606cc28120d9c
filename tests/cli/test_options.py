import os
from pathlib import Path

import pytest

from autokd.cli.options import parse_count, run_folder
from autokd.errors import DefinitionError, RunError


@pytest.mark.parametrize(
    ("text", "count"),
    [("100000", 100_000), ("100k", 100_000), ("1.5M", 1_500_000), ("27,000", 27_000), ("2G", 2e9)],
)
def test_counts_are_read_with_their_unit(text: str, count: int) -> None:
    assert parse_count(text) == count


@pytest.mark.parametrize(
    ("text", "count"), [("4.1M", 4_100_000), ("8.2m", 8_200_000), ("1.001k", 1_001)]
)
def test_a_fraction_of_a_unit_is_not_cut_down(text: str, count: int) -> None:
    assert parse_count(text) == count


@pytest.mark.parametrize("text", ["", "k", "ten", "1e400", "nan"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(DefinitionError, match=r"is not a number such as 100000, 100k or 1\.5M"):
        parse_count(text)


@pytest.mark.parametrize("text", ["0", "-5k", "0.5"])
def test_a_count_is_at_least_one(text: str) -> None:
    with pytest.raises(DefinitionError, match="must be at least 1"):
        parse_count(text)


def test_the_latest_run_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match="there is no run in runs/; `autokd search` makes one"):
        run_folder(None)
    for name in ("older", "newer"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "run.json").write_text("{}")
    os.utime(tmp_path / "runs" / "older" / "run.json", (1, 1))
    assert run_folder(None) == Path("runs/newer")
    assert run_folder(Path("mine")) == Path("mine")
