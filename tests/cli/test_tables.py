import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from autokd.cli.tables import front_table
from autokd.constraints import Constraints
from autokd.domains import CategoricalDomain
from autokd.runs import Ledger, load_run


def _text(run: Any) -> str:
    console = Console(width=120, record=True, file=None)
    with console.capture() as captured:
        console.print(front_table(run))
    return captured.get()


def test_the_front_is_a_row_a_student_with_the_teacher_last(run_cli: Any, tiny_run: Path) -> None:
    run = load_run(tiny_run)
    text = _text(run)
    for _, row in run.front().iterrows():
        assert f"{row['params']:,.0f}" in text
        assert f"{row['top1']:.4f}" in text
        assert f"{row['params'] / run.teacher['params']:.2%}" in text
    assert f"{run.teacher['params']:,}" in text
    assert "optimistic" in text


def test_methods_are_shown_where_they_are_searched(run_cli: Any, tiny_run: Path) -> None:
    run = load_run(tiny_run)
    assert "method" not in _text(run)
    space = run.spec.search_space
    both = {**space.kd, "method": CategoricalDomain(type="categorical", choices=("none", "kd"))}
    spec = run.spec.model_copy(update={"search_space": space.model_copy(update={"kd": both})})
    known = {"front": run.front, "below": run.below, "trials": run.trials}
    text = _text(SimpleNamespace(spec=spec, teacher=run.teacher, **known))
    assert "method" in text
    assert text.count(" kd ") == len(run.front())


def test_a_family_shows_its_spread_beside_the_mean(run_cli: Any, tiny_run: Path) -> None:
    run = load_run(tiny_run)
    assert "±" not in _text(run)
    front = run.front().assign(top1_std=0.0123, params_std=31.0)
    spec = run.spec.model_copy(update={"family_size": 3})
    known = {"teacher": run.teacher, "below": run.below, "trials": run.trials}
    text = _text(SimpleNamespace(spec=spec, front=lambda: front, **known))
    for _, row in front.iterrows():
        assert f"{row['top1']:.4f} ± 0.0123" in text
        assert f"{row['params']:,.0f} ± 31" in text
    assert "means of 3 students of a family" in text


def test_one_objective_has_a_best_student_and_those_below_a_bound_are_counted(
    run_cli: Any, tiny_run: Path
) -> None:
    run = load_run(tiny_run)
    objective = run.spec.objectives[:1]
    spec = run.spec.model_copy(
        update={"objectives": objective, "constraints": Constraints(min_top1=0.95)}
    )
    trials = run.trials().assign(state="complete")
    known = {"front": run.front, "below": trials.head(1).copy, "trials": trials.copy}
    text = _text(SimpleNamespace(spec=spec, teacher=run.teacher, **known))
    assert text.startswith("Best student of Tiny")
    assert f"1 of {len(trials)} trials that finished is below min_top1 0.95" in text
    assert "below" not in _text(run)


def test_a_teacher_of_unknown_size_leaves_gaps(run_cli: Any, tiny_run: Path) -> None:
    file = tiny_run / "run.json"
    whole = file.read_text()
    info = json.loads(whole)
    info["teacher"]["params"] = None
    file.write_text(json.dumps(info))
    try:
        text = _text(load_run(tiny_run))
    finally:
        file.write_text(whole)
    assert "%" not in text
    own = next(line for line in text.splitlines() if "teacher" in line and "params" not in line)
    assert own.count(" - ") == 1


def test_what_was_not_measured_is_a_dash(run_cli: Any, tiny_run: Path) -> None:
    info = load_run(tiny_run).info
    Ledger(info["storage"], info["study_name"]).note("tests", {})
    assert " - " in _text(load_run(tiny_run))


def test_what_no_sampler_proposed_is_named(run_cli: Any, tiny_run: Path) -> None:
    run = load_run(tiny_run)
    assert "tried first as" not in _text(run)
    front = run.front().assign(origin="front of [red]a, trial 3")
    known = {"teacher": run.teacher, "below": run.below, "trials": run.trials}
    text = _text(SimpleNamespace(spec=run.spec, front=lambda: front, **known))
    assert "tried first as" in text
    assert text.count("front of [red]a, trial 3") == len(front)
    nobody = front.assign(origin="")
    plain = _text(SimpleNamespace(spec=run.spec, front=lambda: nobody, **known))
    assert "tried first as" not in plain
