import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from autokd.distill import PreparedStudy, TeacherOutputs
from autokd.errors import ExportError, TeacherError
from autokd.export.folder import export_student, load_student
from autokd.export.origin import retrain_files
from autokd.export.retrain import FULL_BUDGET, n_views, retrain
from autokd.export.retrained import Retrained
from autokd.runs import Run, load_run

SMALL, LARGE, BEHIND, STOPPED, INFEASIBLE, FAILED = range(6)


@pytest.fixture(scope="module")
def retrained_run(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return load_run(shutil.copytree(finished, tmp_path_factory.mktemp("retrained") / "digits"))


@pytest.fixture(scope="module")
def same(retrained_run: Run, prepared: PreparedStudy) -> Retrained:
    return retrain(retrained_run, STOPPED, n_seeds=3, epochs=4, prepared=prepared)


def test_every_seed_is_measured_on_validation_and_test(same: Retrained) -> None:
    assert len({result.seed for result in same.seeds}) == 3
    for result in same.seeds:
        for metrics in (result.validation, result.test):
            assert set(metrics) == {"top1", "ece", "nll", "agreement", "kl", "cev", "sde"}


def test_retraining_is_reproducible(run: Run, prepared: PreparedStudy, same: Retrained) -> None:
    again = retrain(run, STOPPED, n_seeds=1, epochs=4, prepared=prepared).seeds[0]
    assert again.validation == same.seeds[0].validation
    assert again.test == same.seeds[0].test


def test_retraining_trains_on_views_that_the_search_did_not_see(
    run: Run, prepared: PreparedStudy, same: Retrained
) -> None:
    views = prepared.outputs.views
    assert views is not None
    assert same.first_view == run.spec.fidelity.max_epochs == 2
    searched_only = views.clone()
    searched_only[:2] = 1e4  # whoever read these would train to something else
    outputs = replace(prepared.outputs, views=searched_only)
    other = retrain(run, STOPPED, n_seeds=1, epochs=4, prepared=replace(prepared, outputs=outputs))
    assert other.seeds[0].validation == same.seeds[0].validation


def test_kept_weights_are_those_of_the_median_seed(
    same: Retrained, retrained_run: Run, prepared: PreparedStudy, tmp_path: Path
) -> None:
    scores = [result.validation["top1"] for result in same.seeds]
    assert same.seeds[same.median].validation["top1"] == sorted(scores)[1]
    folder = export_student(
        retrained_run, STOPPED, tmp_path / "e", formats=["safetensors"], prepared=prepared
    )
    said = json.loads((folder / "student.json").read_text())
    assert said["verified"]["top1"] == same.seeds[same.median].validation["top1"]
    assert said["provenance"]["origin"] == "same"
    assert said["training"]["rungs"] == [4]
    assert said["training"]["views"]["first_view"] == 2
    assert said["metrics"]["test"]["top1"] == same.seeds[same.median].test["top1"]
    assert "Retrained with 3 seeds" in (folder / "README.md").read_text()
    images = prepared.dataset.test.images / 255
    top1 = (load_student(folder)(images).argmax(1) == prepared.dataset.test.labels).double().mean()
    assert float(top1) == same.seeds[same.median].test["top1"]


def test_fresh_members_are_new_students_of_the_family(
    run: Run, prepared: PreparedStudy, tmp_path: Path
) -> None:
    fresh = retrain(run, LARGE, n_seeds=2, epochs=1, prepared=prepared, members="fresh")
    digests = {result.graph_digest for result in fresh.seeds}
    assert len(digests) == 2
    assert run.graph(LARGE).digest not in digests
    budget = run.point(LARGE)["architecture.params_budget"]
    assert all(result.params == pytest.approx(budget, rel=0.03) for result in fresh.seeds)
    assert fresh.searched is not None
    assert fresh.searched.validation["top1"] == run.record(LARGE).metrics["top1"]
    folder = export_student(
        run, LARGE, tmp_path / "e", formats=["safetensors"], prepared=prepared, weights="fresh"
    )
    assert load_student(folder).graph == fresh.graph


def test_progress_counts_epochs_over_all_seeds(run: Run, prepared: PreparedStudy) -> None:
    told: list[tuple[str, int, int]] = []
    retrain(
        run,
        SMALL,
        n_seeds=2,
        epochs=2,
        prepared=prepared,
        progress=lambda *news: told.append(news),
    )
    assert told == [("retrain", done, 4) for done in (1, 2, 3, 4)]


def test_full_budget_is_three_times_the_top_rung_on_views_of_its_own(run: Run) -> None:
    assert FULL_BUDGET == 3
    assert n_views(run) == 2 + 6
    assert n_views(run, epochs=10) == 2 + 10


def test_too_few_views_say_how_many_are_needed(run: Run, prepared: PreparedStudy) -> None:
    with pytest.raises(
        ExportError, match=r"8 views are needed, and fewer are prepared: .*n_views=8"
    ):
        retrain(run, SMALL, prepared=prepared)


def test_other_images_or_another_teacher_are_refused(run: Run, prepared: PreparedStudy) -> None:
    other_data = replace(prepared, dataset=replace(prepared.dataset, digest="f" * 64))
    with pytest.raises(ExportError, match="the images prepared are not those of"):
        retrain(run, SMALL, epochs=1, prepared=other_data)
    other_teacher = replace(prepared, facts=replace(prepared.facts, digest="e" * 64))
    with pytest.raises(
        ExportError, match=r"the teacher prepared is not that of .*its weights are"
    ):
        retrain(run, SMALL, epochs=1, prepared=other_teacher)


def test_method_none_needs_no_answers_of_a_teacher(
    run: Run, prepared: PreparedStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "point", lambda *_: {"kd.method": "none"})
    outputs = TeacherOutputs(None, prepared.outputs.validation, prepared.outputs.test)
    without = replace(prepared, outputs=outputs)
    assert len(retrain(run, SMALL, n_seeds=1, epochs=1, prepared=without).seeds) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_seeds": 0}, "--seeds must be at least 1, found 0"),
        ({"epochs": 0}, "--epochs must be at least 1, found 0"),
        ({"members": "fesh"}, "found 'fesh'; did you mean 'fresh'"),
    ],
)
def test_illegal_arguments_are_refused(run: Run, arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ExportError, match=message):
        retrain(run, SMALL, **arguments)  # type: ignore[arg-type]


def test_a_trial_without_a_student_is_refused(run: Run) -> None:
    with pytest.raises(ExportError, match=f"trial {INFEASIBLE} has no student"):
        retrain(run, INFEASIBLE)


def test_longer_retraining_is_given_up_only_when_told(run: Run, prepared: PreparedStudy) -> None:
    retrain(run, SMALL, n_seeds=2, epochs=2, prepared=prepared)
    kept = retrain_files(run.folder, SMALL, members="same").result
    before = kept.read_text()
    shorter = "retrained for 4 epochs over all seeds, and 3 are asked for; --replace gives"
    with pytest.raises(ExportError, match=shorter):
        retrain(run, SMALL, n_seeds=1, epochs=3, prepared=prepared)
    assert kept.read_text() == before
    # One of another kind has files of its own, and one that is as long may take its place.
    retrain(run, SMALL, n_seeds=1, epochs=1, prepared=prepared, members="fresh")
    retrain(run, SMALL, n_seeds=1, epochs=4, prepared=prepared)
    assert json.loads(kept.read_text())["epochs"] == 4
    retrain(run, SMALL, n_seeds=1, epochs=1, prepared=prepared, replace=True)
    assert json.loads(kept.read_text())["epochs"] == 1


@pytest.mark.parametrize("damaged", ["", "{}", "[]", '{"epochs": 9'])
def test_retraining_that_is_damaged_is_replaced(
    run: Run, prepared: PreparedStudy, damaged: str
) -> None:
    kept = retrain_files(run.folder, SMALL, members="same").result
    kept.parent.mkdir()
    kept.write_text(damaged)
    retrain(run, SMALL, n_seeds=1, epochs=1, prepared=prepared)
    assert json.loads(kept.read_text())["epochs"] == 1


def test_without_prepared_the_study_is_prepared_anew(run: Run, tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match="no teacher was given in Python"):
        retrain(run, SMALL, device="cpu", cache_dir=tmp_path)


def test_a_run_folder_that_cannot_be_written_is_named(run: Run, prepared: PreparedStudy) -> None:
    (run.folder / "retrain").write_text("in the way")
    with pytest.raises(ExportError, match="retrain cannot be made"):
        retrain(run, SMALL, n_seeds=1, epochs=1, prepared=prepared)


def test_random_state_is_left_alone(run: Run, prepared: PreparedStudy) -> None:
    before = torch.get_rng_state()
    retrain(run, SMALL, n_seeds=1, epochs=1, prepared=prepared)
    assert torch.equal(torch.get_rng_state(), before)
    assert retrain_files(run.folder, SMALL, members="same").weights.is_file()
