import re
from dataclasses import replace

import pytest

from autokd.export.card import write_card
from autokd.export.description import Description, describe
from autokd.export.facts import data_facts
from autokd.export.folder import FORMATS
from autokd.export.origin import Origin, find_origin
from autokd.runs import Run

LARGE, STOPPED = 1, 3


def _description(run: Run, slot: int = LARGE, *, origin: Origin | None = None) -> Description:
    found = origin or find_origin(run, slot)
    return describe(run, slot, origin=found, facts=data_facts(run))


def test_metrics_stand_beside_their_n_and_the_teacher_s(run: Run) -> None:
    card = write_card(_description(run), list(FORMATS))
    top1, n = run.record(LARGE).metrics["top1"], data_facts(run).n_validation
    assert f"| validation top1, n = {n} | {top1:.4f} | {run.teacher['top1']:.4f} |" in card
    assert f"| test top1, n = {data_facts(run).n_test} | 0.7500 |" in card
    assert "optimistic" in card


def test_likeness_to_the_teacher_and_calibration_are_shown_where_measured(run: Run) -> None:
    shown = {"agreement": 0.91, "kl": 0.25, "ece": 0.02, "nll": 0.3, "cev": 1.5, "sde": 0.75}
    old = find_origin(run, LARGE)
    new = replace(old, validation={**old.validation, **shown})
    card, n = write_card(_description(run, origin=new), ["config"]), data_facts(run).n_validation
    for name, value in shown.items():
        assert f"| validation {name}, n = {n} | {value:.4f} |  |" in card
    assert "compare the student with the teacher" in card
    bare = replace(old, validation={"top1": old.validation["top1"]})
    card = write_card(_description(run, origin=bare), ["config"])
    assert not [name for name in shown if f"validation {name}" in card]
    assert "compare the student with the teacher" not in card


def test_a_student_without_test_metrics_says_so(run: Run) -> None:
    card = write_card(_description(run, STOPPED), ["config"])
    assert "has not been measured on test images" in card
    assert "test top1" not in card


def test_a_teacher_that_saw_validation_is_named_as_such(run: Run) -> None:
    description = _description(run)
    said = "trained on the images that validation is cut from"
    assert said not in write_card(description, ["onnx"])
    saw = replace(description, teacher={**description.teacher, "saw_validation": True})
    assert said in write_card(saw, ["onnx"])


def test_a_teacher_of_unknown_size_is_called_so(run: Run) -> None:
    description = _description(run)
    given = replace(description, teacher={**description.teacher, "params": None})
    row = next(line for line in write_card(given, ["onnx"]).splitlines() if "| params" in line)
    assert row.endswith("| unknown |")


def test_a_family_is_shown_as_mean_and_std(run: Run) -> None:
    origin = replace(find_origin(run, LARGE), spread={"top1": 0.0123}, n_students=3)
    card = write_card(_description(run, origin=origin), ["config"])
    assert "(mean of 3 students, std 0.0123)" in card


@pytest.mark.parametrize(("n", "shown"), [(3, "0.9000 (std 0.0100)"), (1, "0.9000; test")])
def test_a_retrained_student_shows_its_seeds(run: Run, n: int, shown: str) -> None:
    std = {"top1": 0.01} if n > 1 else {}
    split = {"mean": {"top1": 0.9}, "std": std}
    summary = {"n_seeds": n, "validation": split, "test": split}
    origin = replace(find_origin(run, LARGE), kind="same", summary=summary)
    card = write_card(_description(run, origin=origin), ["config"])
    assert f"Retrained with {n} seeds: mean validation top1 {shown}" in card


def test_fresh_members_are_called_so(run: Run) -> None:
    split = {"mean": {"top1": 0.9}, "std": {"top1": 0.01}}
    summary = {"n_seeds": 4, "validation": split, "test": split}
    origin = replace(find_origin(run, LARGE), kind="fresh", summary=summary)
    card = write_card(_description(run, origin=origin), ["config"])
    assert "Retrained as 4 fresh members of the trial's family: mean validation top1" in card
    assert "those of the median member on validation" in card


@pytest.mark.parametrize(
    ("formats", "ways"),
    [
        (["config"], {"build_student"}),
        (["config", "safetensors"], {"load_student"}),
        (["onnx"], {"onnxruntime"}),
        (list(FORMATS), {"load_student", "onnxruntime", "torch.export"}),
    ],
)
def test_card_shows_how_to_load_what_is_there_in_few_lines(
    run: Run, formats: list[str], ways: set[str]
) -> None:
    snippets = re.findall(
        r"```python\n(.*?)```", write_card(_description(run), formats), re.DOTALL
    )
    assert len(snippets) == len(ways)
    assert all(any(way in snippet for snippet in snippets) for way in ways)
    for snippet in snippets:
        compile(snippet, "card", "exec")
        assert len(snippet.strip().splitlines()) <= 3


def test_text_of_the_study_cannot_be_markdown(run: Run) -> None:
    card = write_card(_description(run), ["config"])
    assert r"# Trial 1 of Digits \| with a \*strange\* title" in card


def test_licence_is_left_to_the_user(run: Run) -> None:
    assert "## Licence\n\nNone is stated here." in write_card(_description(run), ["config"])


def test_card_of_a_baseline_does_not_call_it_a_find(run: Run) -> None:
    description = _description(run)
    assert "found and distilled by autokd." in write_card(description, ["config"])
    said = description.provenance
    point = {"generator": "chain", **said["point"]}
    told = {**said, "point": point, "tried_as": "chain baseline of 3,000 params"}
    card = write_card(replace(description, provenance=told), ["config"])
    assert "no find of a search but a hand-made chain baseline of 3,000 params, distilled" in card
    assert "- tried first as: chain baseline of 3,000 params" in card


def test_card_of_a_baseline_that_the_sampler_proposed_again_calls_it_a_find(run: Run) -> None:
    """Runs of earlier versions have such points."""
    description = _description(run)
    said = description.provenance
    assert "tried_as" not in said
    again = {**said, "point": {"generator": "chain", **said["point"]}}
    card = write_card(replace(description, provenance=again), ["config"])
    assert "found and distilled by autokd." in card
