import json
from dataclasses import replace

import pytest

import autokd
from autokd.errors import ExportError
from autokd.export.description import Description, describe
from autokd.export.facts import data_facts
from autokd.export.origin import find_origin
from autokd.graphs import cost
from autokd.runs import Run
from autokd.study import fingerprint

LARGE, STOPPED = 1, 3


def _describe(run: Run, slot: int) -> Description:
    return describe(run, slot, origin=find_origin(run, slot), facts=data_facts(run))


def test_json_gives_the_description_back(run: Run) -> None:
    description = _describe(run, LARGE)
    assert Description.from_json(description.to_json()) == description


def test_json_has_the_documented_keys(run: Run) -> None:
    raw = json.loads(_describe(run, LARGE).to_json())
    assert raw["format"] == 1
    assert raw["autokd"] == autokd.__version__
    assert raw["input_shape"] == {"channels": 1, "size": 8, "num_classes": 10}
    assert raw["class_names"] == [str(digit) for digit in range(10)]
    assert raw["kd"] == {"method": "kd", "temperature": 4.0, "soft_weight": 0.9}
    assert raw["training"]["epochs"] == 2
    assert raw["training"]["rungs"] == [1, 2]
    assert raw["training"]["batch_size"] == 50
    assert raw["training"]["views"]["first_view"] == 0


def test_metrics_state_how_many_images_they_were_measured_on(run: Run) -> None:
    description = _describe(run, LARGE)
    facts, size = data_facts(run), cost(run.graph(LARGE), data_facts(run).shape)
    metrics = description.metrics
    assert metrics["validation"]["n"] == facts.n_validation
    assert metrics["test"] == {"n": facts.n_test, "top1": 0.75}
    assert metrics["size"]["params"] == size.params == run.record(LARGE).cost["params"]


def test_provenance_names_study_run_trial_and_what_they_were_made_of(run: Run) -> None:
    said = _describe(run, STOPPED).provenance
    assert (said["run"], said["trial"], said["origin"]) == ("digits", STOPPED, "search")
    assert said["fingerprints"] == fingerprint(run.spec)
    assert said["graph_digest"] == run.graph(STOPPED).digest
    assert said["data_digest"] == run.info["data"]["digest"]
    assert said["point"] == run.point(STOPPED)


def test_the_teacher_is_told_without_the_answers_it_is_known_by(run: Run) -> None:
    told = _describe(run, LARGE).teacher
    assert run.teacher["answers"]
    assert told == {key: fact for key, fact in run.teacher.items() if key != "answers"}


def test_description_tells_no_path_of_this_machine(run: Run) -> None:
    assert str(run.folder.parent) not in _describe(run, LARGE).to_json()


@pytest.mark.parametrize("text", ["[1]", '"text"', '{"format": "1"}'])
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(ExportError, match="a student of format 1 was expected, found"):
        Description.from_json(text)


def test_provenance_says_what_a_trial_was_tried_as_where_no_sampler_proposed_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "tried_as" not in _describe(run, LARGE).provenance
    record = replace(run.record(LARGE), origin="front of runs/a, trial 3")
    monkeypatch.setattr(type(run), "record", lambda _self, _slot: record)
    assert _describe(run, LARGE).provenance["tried_as"] == "front of runs/a, trial 3"
