"""One objective from search to export: most accurate of a size, smallest that is good enough."""

from pathlib import Path
from typing import Any

import pytest

from autokd.distill import prepare
from autokd.errors import ExportError
from autokd.export import choose, export_student, load_student
from autokd.export.retrain import n_views, retrain
from autokd.report import front_text, write_report
from autokd.runs import Ledger, Run, load_run
from autokd.search import search
from autokd.search.check import check_study
from autokd.study import StudySpec

TOP1 = {"metric": "top1", "direction": "maximize", "reference": 0.0}
PARAMS = {"metric": "params", "direction": "minimize", "reference": 1e6}
STUDIES: dict[str, dict[str, Any]] = {
    "the most accurate": {"objectives": [TOP1], "constraints": {"max_params": 20_000}},
    "the smallest": {"objectives": [PARAMS], "constraints": {"min_top1": 0.02}},
    "none": {"objectives": [PARAMS], "constraints": {"min_top1": 0.999}},
}
SEARCHED = {"budget": {"trials": 8}, "training": {"batch_size": 16}}


@pytest.fixture(scope="module")
def runs() -> dict[str, Run]:
    """Runs by name, filled as tests ask for them."""
    return {}


@pytest.fixture
def make_run(
    runs: dict[str, Run],
    tmp_path_factory: pytest.TempPathFactory,
    cache_dir: Path,
    make_spec: Any,
) -> Any:
    def make(name: str) -> Run:
        if name not in runs:
            spec = make_spec(**SEARCHED, **STUDIES[name])
            folder = tmp_path_factory.mktemp("runs") / name.replace(" ", "_")
            runs[name] = search(spec, run_dir=folder, workers=0, device="cpu", cache_dir=cache_dir)
        return runs[name]

    return make


def test_the_most_accurate_student_within_a_size_is_the_front(make_run: Any) -> None:
    run = make_run("the most accurate")
    trials, front = run.trials(), run.front()
    trained = trials[trials["state"] != "infeasible"]
    assert (trained["params"] <= 20_000).all()
    assert trials.loc[trials["state"] == "infeasible", "reason"].str.contains("by ").all()
    complete = trials[trials["state"] == "complete"]
    assert set(front["top1"]) == {complete["top1"].max()}
    assert front["test_top1"].notna().all()
    assert all(run.weights(slot) for slot in front["trial"])


def test_the_smallest_student_that_is_accurate_enough_is_the_front(make_run: Any) -> None:
    run = make_run("the smallest")
    trials, front = run.trials(), run.front()
    members = trials[(trials["state"] == "complete") & (trials["top1"] >= 0.02)]
    assert set(front["params"]) == {members["params"].min()}
    assert front["test_top1"].notna().all()
    assert run.size_metric == "params"
    assert run.first_metric == "top1"


def test_a_bound_that_nobody_keeps_leaves_an_empty_front_and_says_so(
    make_run: Any, tmp_path: Path
) -> None:
    run = make_run("none")
    complete = run.trials()["state"] == "complete"
    assert complete.any()
    assert run.front().empty
    assert len(run.below()) == complete.sum()
    assert run.hypervolume()["hypervolume"].eq(0).all()
    assert list(run.folder.glob("slots/*/weights*")) == []
    assert "are below min_top1 0.999" in front_text(run) or "is below" in front_text(run)
    assert "The front is empty" in write_report([run], tmp_path / "r.html").read_text()
    with pytest.raises(ExportError, match=r"has no front: .* below min_top1 0.999; the best of"):
        choose(run)


@pytest.mark.parametrize("name", STUDIES)
def test_optuna_agrees_on_who_is_best(make_run: Any, name: str) -> None:
    run = make_run(name)
    ledger = Ledger(run.info["storage"], run.info["study_name"])
    best = {trial.user_attrs["autokd"]["slot"] for trial in ledger.study().best_trials}
    assert best == set(run.front()["trial"])


@pytest.mark.parametrize("name", STUDIES)
def test_a_run_read_back_is_the_run_that_was_searched(make_run: Any, name: str) -> None:
    run = make_run(name)
    again = load_run(run.folder)
    assert again.spec == run.spec
    assert again.front().equals(run.front())
    assert again.below().equals(run.below())


@pytest.mark.parametrize("name", ["the most accurate", "the smallest"])
def test_both_rules_take_the_one_best_student(make_run: Any, name: str) -> None:
    run = make_run(name)
    front = run.front()
    assert choose(run, best="knee") == front["trial"].iloc[0]
    assert choose(run, best="top1") == front["trial"].iloc[0]
    smallest = int(front["params"].min())
    assert choose(run, max_params=smallest) == front["trial"].iloc[0]
    with pytest.raises(ExportError, match=f"at most {smallest - 1:,} params; the smallest"):
        choose(run, max_params=smallest - 1)


@pytest.mark.parametrize("name", ["the most accurate", "the smallest"])
def test_report_shows_the_best_student(make_run: Any, name: str, tmp_path: Path) -> None:
    run = make_run(name)
    html = write_report([run], tmp_path / "report.html").read_text()
    assert "<h3>The best student</h3>" in html
    assert "<h3>Best so far over trials</h3>" in html
    assert "Hypervolume" not in html
    assert f"is trial {run.front()['trial'].iloc[0]} with" in html
    assert str(run.spec.constraints) in html


def test_the_best_student_is_exported_and_retrained(
    make_run: Any, cache_dir: Path, tmp_path: Path
) -> None:
    run = make_run("the smallest")
    slot = choose(run)
    prepared = prepare(run.spec, device="cpu", cache_dir=cache_dir, n_views=n_views(run, epochs=1))
    folder = export_student(run, slot, tmp_path / "s", formats=("safetensors",), prepared=prepared)
    params = sum(weight.numel() for weight in load_student(folder).parameters())
    assert params == int(run.front()["params"].iloc[0])
    retrained = retrain(run, slot, n_seeds=1, epochs=1, prepared=prepared)
    assert 0 <= retrained.seeds[0].test["top1"] <= 1


@pytest.mark.parametrize("name", ["the most accurate", "the smallest"])
def test_cost_is_estimated_within_the_bounds(make_spec: Any, name: str) -> None:
    spec: StudySpec = make_spec(**SEARCHED, **STUDIES[name])
    estimate = check_study(spec, device="cpu")
    bound = spec.constraints.max_params
    assert (estimate.n_infeasible > 0) == (bound is not None)
    assert all(cost.params <= (bound or 1e6) for cost in estimate.costs)
