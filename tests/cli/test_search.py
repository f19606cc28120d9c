import json
from pathlib import Path
from typing import Any

import pytest

import autokd.search
from autokd.runs import load_run


def test_a_search_ends_with_front_report_and_next_commands(run_cli: Any, tiny_run: Path) -> None:
    said = run_cli("search", "tiny.toml", "--workers", "0")  # finished already: nothing to do
    assert said.code == 0
    assert "Pareto front of Tiny" in said.out
    assert "Report:   runs/tiny/report.html (open it in a browser)" in said.out
    assert "Export:   autokd export runs/tiny" in said.out
    assert (tiny_run / "report.html").is_file()
    assert len(load_run(tiny_run).trials()) == 2


def test_what_takes_long_on_a_cold_cache_is_shown_as_it_begins(
    run_cli: Any, tiny_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cold"))
    said = run_cli("search", "tiny.toml", "--workers", "0")
    steps = ("reading the images", "training the teacher", "asking the teacher about the views")
    lines = said.out.splitlines()
    shown = [f"{step}{end}" for step in steps for end in (" ...", ": done")]
    assert lines[0] == "autokd searches tiny.toml"
    assert lines[1:7] == shown
    assert lines[7] == "study       Tiny"
    assert lines[9].startswith("teacher     resnet8, ")
    assert lines[11] == "workers     none: students train in this process"


def test_a_finished_run_continues_with_more_trials(run_cli: Any, tiny_run: Path) -> None:
    said = run_cli("search", "tiny.toml", "--workers", "0", "--trials", "3")
    assert "3 of 3 trials" in said.out
    assert len(load_run(tiny_run).trials()) == 3


def test_a_changed_study_is_refused_naming_the_key(run_cli: Any, tiny_run: Path) -> None:
    text = Path("tiny.toml").read_text().replace("train_limit = 200", "train_limit = 150")
    Path("tiny.toml").write_text(text)
    said = run_cli("search", "tiny.toml", "--workers", "0")
    assert said.code == 2
    assert "[data.train_limit] 200 -> 150" in said.err
    assert run_cli("search", "tiny.toml", "--workers", "0", "--fresh").code == 0


def test_ctrl_c_prints_the_command_that_resumes(
    run_cli: Any, tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = {**load_run(tiny_run).info, "interrupted": True}
    (tiny_run / "run.json").write_text(json.dumps(info))
    monkeypatch.setattr(autokd.search, "search", lambda *_args, **_kwargs: load_run(tiny_run))
    said = run_cli("search", "tiny.toml")
    assert said.code == 0
    assert "Resume:   autokd search tiny.toml --run-dir runs/tiny" in said.out
    assert "Export:" not in said.out


def test_a_run_without_a_front_says_so(
    run_cli: Any, tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = load_run(tiny_run)
    empty = run.front().iloc[:0]
    monkeypatch.setattr(type(run), "front", lambda _self: empty)
    monkeypatch.setattr(autokd.search, "search", lambda *_args, **_kwargs: run)
    said = run_cli("search", "tiny.toml")
    assert "there is no front" in said.out


def test_teacher_is_trained_measured_and_kept(
    run_cli: Any, tiny_study: Path, cache_home: Path
) -> None:
    said = run_cli("teacher", "tiny.toml")
    assert said.code == 0
    assert "resnet8: " in said.out
    assert "on validation" in said.out
    assert list(cache_home.rglob("*.safetensors"))


def test_missing_data_is_refused_before_the_search(run_cli: Any) -> None:
    said = run_cli("search", "fashion_mnist", "--data", "nowhere")
    assert said.code == 2
    assert "nowhere" in said.err
    assert not Path("runs/fashion_mnist").exists()
