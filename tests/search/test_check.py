import sys
from typing import Any

import pytest

from autokd.errors import ConstraintViolated, DataError
from autokd.search.check import check_study


def test_an_estimate_covers_sizes_steps_trials_and_the_whole_study(make_spec: Any) -> None:
    told: list[tuple[str, int, int]] = []
    estimate = check_study(
        make_spec(), device="cpu", progress=lambda *progress: told.append(progress)
    )
    assert estimate.n_train + estimate.n_validation == 200
    assert estimate.costs[0].params <= estimate.costs[-1].params
    assert estimate.costs[0].params >= 2e3 * 0.97
    assert estimate.costs[-1].params <= 5e4 * 1.03
    assert all(0 < step < 5 for step in estimate.step_s)
    assert estimate.trial_s[1] == pytest.approx(estimate.step_s[1] * 3 * 4)  # 3 steps, 4 epochs
    assert estimate.teaching.parts == 4
    assert estimate.teaching.table_bytes == 4 * estimate.n_train * 10 * 2
    assert estimate.teaching.table_s is not None
    assert 0 < estimate.teaching.table_s < 60
    assert estimate.teaching.training_s is not None
    assert estimate.study_s is not None
    assert told[-1] == ("steps", 3, 3)


def test_epochs_that_a_schedule_trains_twice_are_counted(make_spec: Any) -> None:
    ladder = {"min_epochs": 2, "max_epochs": 20, "eta": 3}  # rungs at 2, 6 and 20 epochs
    estimate = check_study(
        make_spec(training={"schedule": "branch"}, fidelity=ladder), device="cpu"
    )
    assert estimate.trial_s[0] == pytest.approx(estimate.step_s[0] * 3 * (20 + 1 + 1))


def test_it_is_said_in_words(make_spec: Any) -> None:
    text = "\n".join(check_study(make_spec(), device="cpu").lines())
    for word in ("images", "params", "a trial", "memory", "table", "teacher", "search"):
        assert word in text


def test_the_table_is_priced_by_what_it_holds(make_spec: Any) -> None:
    views = {"crop_padding": 1, "table": "exhaustive"}
    whole = check_study(make_spec(views=views), device="cpu")
    assert whole.teaching.parts == 9
    assert whole.teaching.table_bytes == 9 * whole.n_train * 10 * 2
    assert any("9 passes over the training images" in line for line in whole.lines())
    space = {
        "title": "A space",
        "generator": "chain",
        "architecture": {"params_budget": {"type": "fixed", "value": 5e3}},
        "kd": {"method": {"type": "fixed", "value": "none"}},
    }
    without = check_study(make_spec(search_space=space), device="cpu")
    assert without.teaching.table_bytes == 0
    assert "table       none: no method reads the teacher's outputs" in without.lines()


def test_views_that_would_hide_the_images_are_refused(make_spec: Any) -> None:
    with pytest.raises(DataError, match=r"\[views.cutout\] must be below"):
        check_study(make_spec(views={"cutout": 8}), device="cpu")


def test_seconds_limit_the_search(make_spec: Any) -> None:
    spec = make_spec(budget={"seconds": 0.5, "trials": 1_000})
    assert check_study(spec, device="cpu").study_s == 0.5
    assert check_study(make_spec(budget={"seconds": 7}), device="cpu").study_s == 7.0


def test_a_study_without_feasible_students_is_refused(make_spec: Any) -> None:
    with pytest.raises(ConstraintViolated, match="exceeds max_params = 1,000"):
        check_study(make_spec(constraints={"max_params": 1_000}), device="cpu")


def test_baselines_are_drawn_and_told(make_spec: Any) -> None:
    spec = make_spec(start={"chain": [3_000, 9_000]}, constraints={"max_params": 8_000})
    lines = check_study(spec, device="cpu").lines()
    told = [line for line in lines if line.startswith("tried first ")]
    assert told[0] == "tried first chain baseline of 3,000 params: 2,994"
    assert told[1].startswith("tried first chain baseline of 9,000 params: infeasible, params ")


def test_a_system_that_does_not_tell_of_memory_is_no_error(
    make_spec: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    estimate = check_study(make_spec(), device="cpu")
    assert estimate.peak_memory_bytes is None
    assert any(line.startswith("memory      unknown, ") for line in estimate.lines())
