import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autokd.distill import PreparedStudy
from autokd.errors import ChangedDefinitionError
from autokd.runs import RunFolder
from autokd.search.provenance import check_unchanged, describe_run, now
from autokd.study import StudySpec


@pytest.fixture
def folder(tmp_path: Path, spec: StudySpec, prepared: PreparedStudy) -> RunFolder:
    folder = RunFolder(tmp_path / "mine")
    folder.create(spec, definitions={})
    folder.write_info(describe_run(folder, prepared, storage=None, data_dir=None))
    return folder


def test_a_description_says_what_a_run_came_from(
    folder: RunFolder, prepared: PreparedStudy
) -> None:
    info = folder.read_info()
    assert info["storage"] == folder.database
    assert info["study_name"] == "mine"
    assert info["teacher"]["top1"] == prepared.facts.top1
    assert info["data"]["digest"] == prepared.dataset.digest
    assert {"torch", "optuna", "networkx", "python", "autokd"} <= set(info["versions"])
    assert info["device"] == "cpu"


def test_all_who_teach_are_described_and_must_stay(
    folder: RunFolder, spec: StudySpec, prepared: PreparedStudy
) -> None:
    other = replace(prepared.facts, name="another", digest="b" * 64)
    crowded = replace(
        prepared,
        more=(prepared.outputs,),
        assistants=(prepared.outputs,),
        more_facts=(other,),
        assistant_facts=(replace(other, trained_s=1.5),),
    )
    info = describe_run(folder, crowded, storage=None, data_dir=None)
    assert [each["name"] for each in info["teachers"]] == ["another"]
    assert info["assistants"][0]["trained_s"] == 1.5
    folder.write_info(info)
    check_unchanged(folder, spec, prepared=crowded)
    changed = replace(crowded, assistant_facts=(replace(other, digest="c" * 64),))
    with pytest.raises(ChangedDefinitionError, match=r"the weights of another in \[\[assi.*\."):
        check_unchanged(folder, spec, prepared=changed)


def test_a_module_that_answers_otherwise_with_the_same_weights_is_refused(
    folder: RunFolder, spec: StudySpec, prepared: PreparedStudy
) -> None:
    answers = folder.read_info()["teacher"]["answers"]
    assert 1 < len(answers) <= 32

    def answering(factor: float) -> PreparedStudy:
        told = [factor * value for value in answers]
        return replace(prepared, facts=replace(prepared.facts, answers=told))

    check_unchanged(folder, spec, prepared=answering(1.001))
    with pytest.raises(ChangedDefinitionError, match=r"changed: the teacher's answers\."):
        check_unchanged(folder, spec, prepared=answering(1.1))
    info = folder.read_info()
    info["data"]["digest"] = "0" * 64
    folder.write_info(info)
    with pytest.raises(ChangedDefinitionError, match=r"changed: the images or labels\."):
        check_unchanged(folder, spec, prepared=answering(1.1))


def test_another_number_of_assistants_is_refused(
    folder: RunFolder, spec: StudySpec, prepared: PreparedStudy
) -> None:
    crowded = replace(prepared, assistant_facts=(prepared.facts,))
    with pytest.raises(ChangedDefinitionError, match=r"the number of \[\[assistants\]\]\."):
        check_unchanged(folder, spec, prepared=crowded)


def test_a_run_begun_before_there_were_several_teachers_may_go_on(
    folder: RunFolder, spec: StudySpec, prepared: PreparedStudy
) -> None:
    info = {k: v for k, v in folder.read_info().items() if k not in ("teachers", "assistants")}
    folder.write_info(info)
    check_unchanged(folder, spec, prepared=prepared)
    assert "teachers" not in folder.read_info()


def test_two_runs_of_one_name_differ_in_a_shared_storage(
    folder: RunFolder, prepared: PreparedStudy
) -> None:
    names = {
        describe_run(folder, prepared, storage="postgresql://x", data_dir=None)["study_name"]
        for _ in range(2)
    }
    assert len(names) == 2
    assert all(name.startswith("mine-") for name in names)


def test_the_same_study_may_go_on_with_another_budget_or_title(
    folder: RunFolder, make_spec: Any, prepared: PreparedStudy
) -> None:
    check_unchanged(folder, make_spec(budget={"seconds": 5}, title="New"), prepared=prepared)


def test_the_same_study_may_go_on_at_another_cost(
    folder: RunFolder, make_spec: Any, prepared: PreparedStudy
) -> None:
    frugal = make_spec(training={"cuda_graph": "off", "recompute": True})
    check_unchanged(folder, frugal, prepared=prepared)


def test_a_refusal_names_every_key_with_both_values(folder: RunFolder, make_spec: Any) -> None:
    changed = make_spec(seed=4, training={"learning_rate": 0.3})
    with pytest.raises(ChangedDefinitionError) as caught:
        check_unchanged(folder, changed)
    assert "[seed] 0 -> 4" in str(caught.value)
    assert "[training.learning_rate] 0.1 -> 0.3" in str(caught.value)
    assert "--fresh" in str(caught.value)


def test_a_refusal_names_what_can_be_pasted_whatever_the_folder_is_called(
    folder: RunFolder, make_spec: Any
) -> None:
    moved = RunFolder(folder.path.rename(folder.path.with_name("my run's")))
    with pytest.raises(ChangedDefinitionError) as caught:
        check_unchanged(moved, make_spec(seed=4))
    said = (
        str(caught.value)
        .rpartition("; ")[2]
        .removesuffix(" then begins from what this run has found")
    )
    assert shlex.split(said) == ["--warm-start", str(moved.path)]


def test_other_images_another_teacher_and_another_networkx_are_refused(
    folder: RunFolder, spec: StudySpec, prepared: PreparedStudy
) -> None:
    info = folder.read_info()
    info["data"]["digest"] = info["teacher"]["digest"] = "0" * 64
    info["versions"]["networkx"] = "1.0"
    folder.write_info(info)
    with pytest.raises(ChangedDefinitionError, match=r"networkx: 1\.0 -> .*images.*teacher"):
        check_unchanged(folder, spec, prepared=prepared)


def test_another_precision_is_refused(
    folder: RunFolder, spec: StudySpec, prepared: PreparedStudy
) -> None:
    elsewhere = replace(prepared, precision="bfloat16")
    with pytest.raises(ChangedDefinitionError, match="precision: float32 -> bfloat16 on cpu"):
        check_unchanged(folder, spec, prepared=elsewhere)


def test_a_run_from_before_precision_was_recorded_goes_on(
    folder: RunFolder, spec: StudySpec, prepared: PreparedStudy
) -> None:
    info = folder.read_info()
    assert info.pop("precision") == "float32"
    folder.write_info(info)
    check_unchanged(folder, spec, prepared=prepared)


def test_now_has_a_time_zone() -> None:
    assert now().endswith("+00:00")


def test_titles_may_change(folder: RunFolder, spec: StudySpec, prepared: PreparedStudy) -> None:
    space = spec.search_space.model_copy(update={"title": "The same space, named better"})
    renamed = spec.model_copy(update={"title": "Renamed", "search_space": space})
    check_unchanged(folder, renamed, prepared=prepared)
