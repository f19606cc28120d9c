import shlex

import pytest

from autokd.errors import ExportError
from autokd.export.origin import find_origin, kept_epochs, why_no_student
from autokd.runs import Run, load_run
from tests.export.conftest import write_retraining

SMALL, LARGE, BEHIND, STOPPED, INFEASIBLE, FAILED = range(6)


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
    write_retraining(run, SMALL, "same")
    origin = find_origin(run, SMALL)
    assert (origin.kind, origin.seed, origin.epochs, origin.device) == ("same", 7, 6, "cuda:0")
    assert (origin.validation, origin.test) == ({"top1": 0.6}, {"top1": 0.5})
    assert origin.graph == run.graph(LARGE)
    assert origin.weights.name == "0000-same.safetensors"
    assert find_origin(run, SMALL, weights="search").kind == "search"


def test_auto_does_not_take_another_student_than_the_trial_s(run: Run) -> None:
    write_retraining(run, SMALL, "fresh")
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
    write_retraining(run, SMALL, "same").result.write_text(text)
    with pytest.raises(ExportError, match=r"0000-same.json is damaged"):
        find_origin(run, SMALL)


def test_trials_that_trained_for_a_while_have_a_student(run: Run) -> None:
    reasons = [why_no_student(record) for record in run.records()]
    assert [bool(reason) for reason in reasons] == [False, False, False, False, True, True]
    with pytest.raises(ExportError, match="trial 5 has no student: it failed before"):
        find_origin(run, FAILED)


def test_a_retraining_without_its_weights_is_none_that_is_kept(run: Run) -> None:
    files = write_retraining(run, SMALL, "same")
    assert kept_epochs(files) == 0
    files.weights.write_bytes(b"weights")
    assert kept_epochs(files) == 6
    files.result.unlink()
    assert kept_epochs(files) == 0


def test_the_command_that_is_named_can_be_pasted_whatever_the_folder_is_called(run: Run) -> None:
    moved = load_run(run.folder.rename(run.folder.with_name("my run's")))
    with pytest.raises(ExportError) as caught:
        find_origin(moved, SMALL, weights="fresh")
    words = shlex.split(str(caught.value).split("`")[1])
    assert words == ["autokd", "retrain", str(moved.folder), "--trial", "0", "--fresh-members"]
