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
    assert "Retrain:  autokd retrain runs/tiny" in said.out
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
    assert "the front is empty: no feasible trial has finished the top rung" in said.out
    assert "Export:" not in said.out


BOUNDED = """
objectives = [{metric = "params", direction = "minimize", reference = 1e6}]
constraints = {min_top1 = BOUND}
"""


def _bounded(bound: float) -> None:
    """Ask for the smallest student of at least so much top1, with the rest of the tiny study."""
    head, _, rest = Path("tiny.toml").read_text().partition("[data]")
    before, _, objectives = rest.partition("[[objectives]]")
    budget = objectives[objectives.index("[budget]") :]
    tables = BOUNDED.replace("BOUND", str(bound))
    Path("bounded.toml").write_text(f"{head}{tables}[data]{before}{budget}")


def test_the_smallest_student_that_is_good_enough_is_shown_and_exported(
    run_cli: Any, tiny_study: Path
) -> None:
    _bounded(0.001)
    said = run_cli("search", "bounded.toml", "--workers", "0", "--trials", "3")
    assert said.code == 0, said.err
    assert "bounds      min_top1 0.001" in said.out
    assert "best params" in said.out
    assert "Best student of Tiny" in said.out
    exported = run_cli("export", "runs/bounded", "--format", "config")
    assert exported.code == 0, exported.err


def test_a_bound_that_nobody_keeps_is_told(run_cli: Any, tiny_study: Path) -> None:
    _bounded(0.999)
    said = run_cli("search", "bounded.toml", "--workers", "0", "--trials", "2")
    assert said.code == 0, said.err
    assert "below min_top1)" in said.out
    assert "below min_top1 0.999; the best of them, trial " in said.out
    assert "no params yet" in said.out
    refused = run_cli("export", "runs/bounded")
    assert refused.code == 2
    assert "`autokd retrain runs/bounded --trial " in refused.err


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


def test_a_longer_search_begins_from_an_earlier_run(run_cli: Any, tiny_run: Path) -> None:
    text = Path("tiny.toml").read_text().replace("max_epochs = 2", "max_epochs = 4")
    Path("longer.toml").write_text(f"start = {{chain = [3_000]}}\n{text}")
    words = ("search", "longer.toml", "--workers", "0", "--warm-start", str(tiny_run))
    said = run_cli(*words, "--trials", "3")
    assert said.code == 0, said.err
    assert "queued      1 chain baseline" in said.out
    assert "of the front of runs/tiny" in said.out
    assert "learns from 2 trials of runs/tiny" in said.out
    origins = load_run("runs/longer").trials()["origin"]
    assert origins[0] == "chain baseline of 3,000 params"
    assert origins[1].startswith("front of runs/tiny, trial ")
    again = run_cli(*words, "--trials", "4")  # the same command goes on
    assert again.code == 0, again.err
    refused = run_cli(*words, "--warm-start", "runs/longer", "--trials", "5")
    assert refused.code == 2
    assert "was begun from runs/tiny, not from runs/tiny, runs/longer" in refused.err


def test_help_says_which_samplers_learn_from_an_earlier_run(run_cli: Any) -> None:
    said = " ".join(run_cli("search", "--help").out.replace("\u2502", " ").split())
    assert "--warm-start" in said
    assert "other samplers take the front alone" in said


def test_an_interrupted_search_resumes_with_the_budget_that_it_was_given(
    run_cli: Any, tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_run.rename("runs/my own")
    (folder / "run.json").write_text(
        json.dumps({**load_run(folder).info, "interrupted": True, "storage": None})
    )
    monkeypatch.setattr(autokd.search, "search", lambda *_args, **_kwargs: load_run(folder))
    said = run_cli("search", "tiny.toml", "--trials", "200", "--seconds", "60")
    options = "--run-dir 'runs/my own' --trials 200 --seconds 60.0"
    assert f"Resume:   autokd search tiny.toml {options}" in said.out


def test_names_with_brackets_are_shown_as_they_are(run_cli: Any, tiny_study: Path) -> None:
    text = tiny_study.read_text().replace('title = "Tiny"', 'title = "Tiny [/x] [red]"')
    Path("a[red].toml").write_text(text)
    said = run_cli("search", "a[red].toml", "--workers", "0")
    assert said.code == 0, said.err
    assert "autokd searches a[red].toml" in said.out
    assert "Pareto front of Tiny [/x] [red]" in said.out
    assert "Report:   runs/a[red]/report.html" in said.out


@pytest.mark.parametrize("options", [("--trials", "0"), ("--seconds", "-1"), ("--workers", "-1")])
def test_a_number_that_means_nothing_is_one_line(
    run_cli: Any, tiny_study: Path, options: tuple[str, str]
) -> None:
    said = run_cli("search", "tiny.toml", *options)
    assert said.code == 2
    assert len(said.err.splitlines()) == 1


def test_a_run_in_the_current_folder(
    run_cli: Any, tiny_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    assert run_cli("search", "../tiny.toml", "--workers", "0", "--run-dir", ".").code == 0
    said = run_cli("export", ".", "--format", "config")
    assert said.out.strip().startswith("students/here-000")
