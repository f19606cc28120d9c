import sys
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import pytest

from autokd.errors import ReportError
from autokd.report import write_csv, write_png, write_report
from tests.report.conftest import LATENCY, TOP1, FakeRun, MakeRun, refused


def test_report_is_one_file_below_8_megabytes(run: FakeRun, tmp_path: Path) -> None:
    path = write_report([run], tmp_path / "new" / "report.html")
    assert path.stat().st_size < 8e6
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_same_run_writes_the_same_bytes(run: FakeRun, tmp_path: Path) -> None:
    first = write_report([run], tmp_path / "a.html").read_bytes()
    assert write_report([run], tmp_path / "b.html").read_bytes() == first


def test_csv_has_every_trial_of_every_run(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [make_run("a", n_trials=24), make_run("b", seed=1, n_trials=20)]
    table = pd.read_csv(write_csv(runs, tmp_path / "trials.csv"))
    assert table.groupby("run").size().to_dict() == {"a": 24, "b": 20}
    assert set(runs[0].trials().columns) <= set(table.columns)
    fronts = {
        name: rows["trial"].tolist() for name, rows in table[table["is_front"]].groupby("run")
    }
    assert fronts == {run.folder.name: sorted(run.front()["trial"]) for run in runs}
    measured = table[table["run"] == "a"].set_index("trial")["test_top1"].dropna()
    expected = runs[0].front().set_index("trial")["test_top1"]
    pd.testing.assert_series_equal(measured, expected.sort_index())


def test_csv_of_runs_of_different_metrics_has_the_columns_of_all(
    make_run: MakeRun, tmp_path: Path
) -> None:
    timed = make_run("timed", n_trials=8, objectives=[TOP1, LATENCY])
    runs = [make_run("plain", n_trials=8), timed, refused(make_run("none", n_trials=3))]
    table = pd.read_csv(write_csv(runs, tmp_path / "trials.csv"))
    measured = table.groupby("run")["latency_s"].count().to_dict()
    assert measured == {"none": 0, "plain": 0, "timed": timed.trials()["latency_s"].count()}


@pytest.mark.parametrize("write", [write_report, write_csv, write_png])
def test_no_run_is_refused(write: object, tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="at least one run"):
        write([], tmp_path / "x")  # type: ignore[operator]


def test_path_that_cannot_be_written_is_named_and_nothing_is_left(
    run: FakeRun, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ReportError, match=r"file/report.html: the report cannot be written"):
        write_report([run], tmp_path / "file" / "report.html")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ReportError, match=r"folder: the report cannot be written"):
        write_csv([run], tmp_path / "folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_picture_of_nothing_is_refused(make_run: MakeRun, tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="nothing to draw"):
        write_png([make_run(n_trials=0)], tmp_path / "front.png")


def test_missing_extra_is_named(
    run: FakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise ValueError("kaleido is not installed")

    monkeypatch.setattr(go.Figure, "to_image", fail)
    with pytest.raises(ReportError, match=r"pip install \"autokd\[png\]\" and Chrome or Chromium"):
        write_png([run], tmp_path / "front.png")


def test_picture_has_a_title_and_no_buttons(
    run: FakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []

    def draw(figure: go.Figure, **_: object) -> bytes:
        drawn.append(figure)
        return b"png"

    monkeypatch.setattr(go.Figure, "to_image", draw)
    assert write_png([run], tmp_path / "front.png").read_bytes() == b"png"
    (figure,) = drawn
    assert figure.layout.title.text == run.spec.title
    assert not figure.layout.updatemenus


@pytest.mark.slow
def test_picture_is_a_png(run: FakeRun, tmp_path: Path, browser: str) -> None:
    pytest.importorskip("kaleido")
    assert browser
    content = write_png([run], tmp_path / "front.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert sys.getsizeof(content) > 10_000
