import shlex
from collections.abc import Callable
from importlib import import_module

import pytest

from autokd.errors import ExportError, RunError
from autokd.export.choose import choose
from autokd.export.facts import data_facts
from autokd.graphs import count_params
from autokd.runs import Run, load_run

SMALL, LARGE, BEHIND, STOPPED, INFEASIBLE, FAILED = range(6)


def test_the_made_run_has_the_front_that_these_tests_speak_of(run: Run) -> None:
    assert list(run.front()["trial"]) == [SMALL, LARGE]


def test_top1_takes_the_most_accurate_of_the_front(run: Run) -> None:
    assert choose(run, best="top1") == LARGE


def test_knee_of_two_students_is_the_more_accurate(run: Run) -> None:
    assert choose(run) == LARGE


def test_max_params_bounds_what_the_rule_may_take(run: Run) -> None:
    large = int(run.front()["params"].iloc[1])
    assert choose(run, best="top1", max_params=large) == LARGE
    assert choose(run, best="top1", max_params=large - 1) == SMALL
    assert choose(run, best="knee", max_params=large - 1) == SMALL


def test_nothing_small_enough_names_the_smallest(run: Run) -> None:
    smallest = int(run.front()["params"].iloc[0])
    message = f"at most 10 params; the smallest, trial {SMALL}, has {smallest:,}"
    with pytest.raises(ExportError, match=message):
        choose(run, max_params=10)


def test_a_trial_is_taken_whatever_its_rank(run: Run) -> None:
    assert choose(run, trial=BEHIND) == BEHIND
    assert choose(run, trial=STOPPED) == STOPPED


@pytest.mark.parametrize(
    ("trial", "reason"), [(INFEASIBLE, "infeasible .*too small"), (FAILED, "failed .*not finite")]
)
def test_a_trial_without_a_student_is_refused_with_its_reason(
    run: Run, trial: int, reason: str
) -> None:
    with pytest.raises(ExportError, match=f"trial {trial} has no student: it .*{reason}"):
        choose(run, trial=trial)


def test_an_unknown_trial_is_refused(run: Run) -> None:
    with pytest.raises(RunError, match="no trial 99"):
        choose(run, trial=99)


def test_a_trial_and_a_bound_contradict_each_other(run: Run) -> None:
    with pytest.raises(ExportError, match="--max-params chooses among the front"):
        choose(run, trial=SMALL, max_params=1000)


def test_an_unknown_rule_names_the_nearest(run: Run) -> None:
    with pytest.raises(ExportError, match="found 'kne'; did you mean 'knee'"):
        choose(run, best="kne")


def test_a_run_without_a_front_is_refused(empty_run: Run) -> None:
    with pytest.raises(ExportError, match="no trial has finished the top rung, 2 epochs"):
        choose(empty_run)


def test_a_student_below_min_top1_is_not_chosen_by_a_rule(
    run: Run, bounded: Callable[[float], Run]
) -> None:
    small, large = run.front()["top1"]
    assert small < large
    read = bounded((small + large) / 2)
    assert list(read.front()["trial"]) == [LARGE]
    params = int(read.front()["params"].iloc[0])
    told = f"trial {LARGE}, has {params:,}; beside the front there is trial {SMALL} with .*retrain"
    with pytest.raises(ExportError, match=told):
        choose(read, max_params=params - 1)
    assert choose(read, trial=SMALL) == SMALL


def test_a_front_that_min_top1_keeps_empty_names_the_best_below_it(
    run: Run, bounded: Callable[[float], Run]
) -> None:
    best = f"trial {LARGE} with .* top1 {run.front()['top1'].max():.4f}: `autokd retrain"
    with pytest.raises(ExportError, match=rf"3 of 3 .* below min_top1 0.9999; .* is {best}"):
        choose(bounded(0.9999))


def test_the_bound_holds_for_the_student_that_is_exported_not_for_the_mean_of_its_family(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = run.graph(SMALL)
    params = int(run.front()["params"].iloc[0])
    front = run.front().assign(params=[params / 2, params])  # what a family's mean might be
    monkeypatch.setattr(Run, "front", lambda _: front)
    with pytest.raises(ExportError, match=f"has {params:,}"):
        choose(run, max_params=params - 1)
    assert count_params(graph, data_facts(run).shape) == params


def test_under_a_bound_the_most_accurate_is_taken_unless_a_rule_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = import_module("autokd.export.choose")  # the room has a function of that name
    monkeypatch.setattr(module, "knee", lambda _top1, _params: 0)
    assert choose(run) == SMALL
    assert choose(run, max_params=10**9) == LARGE
    assert choose(run, best="knee", max_params=10**9) == SMALL


def test_the_command_that_is_named_can_be_pasted_whatever_the_folder_is_called(
    bounded: Callable[[float], Run],
) -> None:
    read = bounded(0.9999)
    moved = load_run(read.folder.rename(read.folder.with_name("my run's")))
    with pytest.raises(ExportError) as caught:
        choose(moved)
    words = shlex.split(str(caught.value).split("`")[1])
    assert words == ["autokd", "retrain", str(moved.folder), "--trial", str(LARGE)]
