from pathlib import Path

import pytest

from autokd.errors import ExportError
from autokd.export.origin import find_origin, retrain_files, why_no_student
from autokd.export.retrained import Retrained, SeedResult
from autokd.runs import Run

SMALL, LARGE, BEHIND, STOPPED, INFEASIBLE, FAILED = range(6)


def _write(run: Run, slot: int, members: str) -> Path:
    path = retrain_files(run.folder, slot, members=members).result  # type: ignore[arg-type]
    path.parent.mkdir(exist_ok=True)
    seed = SeedResult(7, "d", 100, 1.0, {"top1": 0.6}, {"top1": 0.5})
    Retrained(
        slot=slot,
        members=members,  # type: ignore[arg-type]
        epochs=6,
        first_view=2,
        device="cuda:0",
        precision="float32",
        seeds=(seed,),
        median=0,
        graph=run.graph(LARGE),
    ).write(path)
    return path


def test_search_gives_the_recorded_metrics_without_sizes(run: Run) -> None:
    origin = find_origin(run, LARGE)
    recorded = run.record(LARGE).metrics
    assert origin.kind == "search"
    assert origin.validation == {name: recorded[name] for name in ("top1", "ece", "nll")}
    assert origin.test == {"top1": 0.75}
    assert origin.weights == run.weights(LARGE)


def test_a_student_that_was_not_tested_has_no_test_metrics(run: Run) -> None:
    assert find_origin(run, BEHIND).test == {}


def test_auto_prefers_the_retrained_student(run: Run) -> None:
    _write(run, SMALL, "same")
    origin = find_origin(run, SMALL)
    assert (origin.kind, origin.seed, origin.epochs, origin.device) == ("same", 7, 6, "cuda:0")
    assert (origin.validation, origin.test) == ({"top1": 0.6}, {"top1": 0.5})
    assert origin.graph == run.graph(LARGE)
    assert origin.weights.name == "0000-same.safetensors"
    assert find_origin(run, SMALL, weights="search").kind == "search"


def test_auto_does_not_take_another_student_than_the_trial_s(run: Run) -> None:
    _write(run, SMALL, "fresh")
    assert find_origin(run, SMALL).kind == "search"
    assert find_origin(run, SMALL, weights="fresh").kind == "fresh"


@pytest.mark.parametrize(
    ("weights", "command"),
    [("same", f"--trial {SMALL}`"), ("fresh", f"--trial {SMALL} --fresh-members`")],
)
def test_what_was_not_retrained_names_the_command(run: Run, weights: str, command: str) -> None:
    with pytest.raises(ExportError, match=f"has not been retrained.*autokd retrain .* {command}"):
        find_origin(run, SMALL, weights=weights)


def test_unknown_weights_name_the_nearest(run: Run) -> None:
    with pytest.raises(ExportError, match="found 'serch'; did you mean 'search'"):
        find_origin(run, SMALL, weights="serch")


@pytest.mark.parametrize("text", ["{", "{}", '{"seeds": [], "median": 0}', "[]"])
def test_a_damaged_result_is_named(run: Run, text: str) -> None:
    path = _write(run, SMALL, "same")
    path.write_text(text)
    with pytest.raises(ExportError, match=r"0000-same.json is damaged"):
        find_origin(run, SMALL)


def test_trials_that_trained_for_a_while_have_a_student(run: Run) -> None:
    reasons = [why_no_student(record) for record in run.records()]
    assert [bool(reason) for reason in reasons] == [False, False, False, False, True, True]
    with pytest.raises(ExportError, match="trial 5 has no student: it failed before"):
        find_origin(run, FAILED)
