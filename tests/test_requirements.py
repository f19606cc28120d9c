"""A study that lacks what one of its methods needs is refused by name; what suffices passes."""

from typing import Any

import pytest

from autokd.errors import DefinitionError
from autokd.methods import METHODS, Needs
from autokd.requirements import united
from autokd.study import StudySpec, read_study

ZOO = {"source": "zoo", "model": "resnet20"}
BLACK_BOX = {"source": "probabilities", "file": "answers.npz"}
CHECKPOINT = {"source": "checkpoint", "model": "resnet20", "file": "a.safetensors"}
ASSISTANT = {"model": "resnet14"}
MIXED = {"views": {"mix": "mixup"}}
FOUR = {"type": "categorical", "choices": ["same", "plain", "weak", "strong"]}


def study(*methods: str, kd: dict[str, Any] | None = None, **tables: Any) -> StudySpec:
    method: dict[str, Any] = {"type": "fixed", "value": methods[0]}
    if len(methods) > 1:
        method = {"type": "categorical", "choices": list(methods)}
    space = {
        "title": "Chains",
        "generator": "chain",
        "architecture": {"params_budget": {"type": "fixed", "value": 1e4}},
        "kd": {"method": method, **(kd or {})},
    }
    raw = {
        "title": "A study",
        "search_space": space,
        "data": {"source": "digits"},
        "teacher": ZOO,
        "training": {},
        "fidelity": {"min_epochs": 3, "max_epochs": 27},
        "objectives": [{"metric": "top1", "direction": "maximize", "reference": 0.2}],
        "budget": {"trials": 4},
    }
    return read_study({**raw, **tables}, source="a.toml")


@pytest.mark.parametrize(
    ("methods", "kd", "tables", "message"),
    [
        (
            ["kd", "fitnet"],
            {},
            {"teacher": BLACK_BOX},
            (
                r"\[teacher.source\] must not be 'probabilities': method 'fitnet' needs features "
                r"of the teacher, which has only answers$"
            ),
        ),
        (
            ["meal"],
            {},
            {},
            (
                r"\[teachers\] must be a list of 1 or more: method 'meal' needs further "
                r"teachers, found 0$"
            ),
        ),
        (
            ["de_ensemble"],
            {},
            {"assistants": [ASSISTANT]},
            (
                r"\[assistants\] must be a list of 2 or more: method 'de_ensemble' needs "
                r"assistants, found 1$"
            ),
        ),
        (
            ["kd", "dkd"],
            {},
            MIXED,
            (
                r"\[views.mix\] must be 'none': method 'dkd' needs class labels, which mixed "
                r"views do not have, found 'mixup'$"
            ),
        ),
        (
            ["funmatch"],
            {},
            {},
            (
                r"\[views.mix\] must be 'mixup' or 'cutmix': method 'funmatch' needs mixed "
                r"views, found 'none'$"
            ),
        ),
        (
            ["kd"],
            {"teacher_views": FOUR},
            MIXED,
            (
                r"\[views.mix\] must be 'none': \[kd.teacher_views\] has \['plain', 'strong', "
                r"'weak'\], and a mixed image has no other view, found 'mixup'$"
            ),
        ),
        (
            ["kd"],
            {"kd": {"teacher_views": {"type": "fixed", "value": "weak"}}},
            {"teacher": BLACK_BOX},
            r"\[teacher.source\] must not be 'probabilities': \[kd.teacher_views\] has \['weak'\]",
        ),
        (
            ["kd"],
            {},
            {"teacher": BLACK_BOX, **MIXED},
            (
                r"\[views.mix\] must be 'none': a teacher of source 'probabilities' cannot "
                r"answer to mixed images, found 'mixup'$"
            ),
        ),
        (
            ["meal"],
            {},
            {"teachers": [BLACK_BOX], **MIXED},
            r"\[views.mix\] must be 'none': a teacher of source 'probabilities'",
        ),
        (
            ["meal"],
            {},
            {"teachers": [ZOO, {"source": "module"}]},
            r"\[teachers.1.source\] must not be 'module', which only \[teacher\] can be$",
        ),
    ],
)
def test_lack_is_named_with_method_and_need(
    methods: list[str], kd: dict[str, Any], tables: dict[str, Any], message: str
) -> None:
    with pytest.raises(DefinitionError, match=rf"^a\.toml: {message}"):
        study(*methods, kd=kd, **tables)


@pytest.mark.parametrize(
    ("methods", "kd", "tables"),
    [
        (["kd", "fsbbt"], {}, {"teacher": BLACK_BOX}),
        (["meal"], {}, {"teachers": [ZOO]}),
        (["camkd"], {}, {"teachers": [ZOO, BLACK_BOX]}),
        (["de_ensemble", "takd", "cesd"], {}, {"assistants": [ASSISTANT, ASSISTANT]}),
        (["kd", "funmatch", "none"], {}, MIXED),
        (["kd"], {"teacher_views": {"type": "fixed", "value": "same"}}, MIXED),
        (["kd", "at"], {"teacher_views": FOUR}, {}),
    ],
)
def test_study_that_has_what_its_methods_need_is_legal(
    methods: list[str], kd: dict[str, Any], tables: dict[str, Any]
) -> None:
    spec = study(*methods, kd=kd, **tables)
    assert StudySpec.model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize("name", METHODS)
def test_every_method_can_be_used_by_some_study(name: str) -> None:
    needs = METHODS[name].needs
    tables: dict[str, Any] = {
        "teachers": [ZOO] * needs.teachers,
        "assistants": [ASSISTANT] * needs.assistants,
        **(MIXED if needs.mixed_views else {}),
    }
    assert study(name, **tables).needs == united([needs])


@pytest.mark.parametrize(
    ("needs", "whole"),
    [
        ([], Needs(teacher=False)),
        ([Needs(teacher=False)], Needs(teacher=False)),
        ([Needs(teacher=False), Needs()], Needs()),
        ([Needs(teachers=1), Needs(teachers=3, features=True)], Needs(teachers=3, features=True)),
        (
            [Needs(tuning=True), Needs(class_labels=True), Needs(eager=True)],
            Needs(tuning=True, class_labels=True, eager=True),
        ),
        ([Needs(mixed_views=True), Needs(assistants=2)], Needs(mixed_views=True, assistants=2)),
    ],
)
def test_needs_of_several_methods_are_the_largest_of_each(
    needs: list[Needs], whole: Needs
) -> None:
    assert united(needs) == whole


def test_assistants_need_the_teacher_who_teaches_them() -> None:
    assert united([Needs(teacher=False, assistants=1)]).teacher


# What is written, and what reads it.


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (
            {"teacher": {**ZOO, "weights": "DEFAULT"}},
            r"\[teacher.weights\] is read for source 'torchvision' alone, found source 'zoo'",
        ),
        (
            {"teacher": {**ZOO, "file": "a.safetensors"}},
            r"\[teacher.file\] is read for source 'checkpoint' or 'probabilities' alone, found",
        ),
        (
            {"teacher": {**CHECKPOINT, "stop_fraction": 0.5}},
            r"\[teacher.stop_fraction\] is read for source 'zoo' alone, found source 'checkpoint'",
        ),
        (
            {"teacher": {**CHECKPOINT, "epochs": 9}},
            r"\[teacher.epochs\] is read for source 'zoo'",
        ),
        (
            {"teacher": {**BLACK_BOX, "mean": [0.5], "std": [0.2]}},
            r"\[teacher.mean\] is read for source 'zoo' or .*, found source 'probabilities'",
        ),
        (
            {"data": {"source": "digits", "root": "images"}},
            r"\[data.root\] is read for source 'fashion_mnist' or .*, found source 'digits'",
        ),
        (
            {"data": {"source": "image_folder", "root": "images", "download": True}},
            r"\[data.download\] is read for .* alone, found source 'image_folder'",
        ),
        (
            {"data": {"source": "cifar10", "root": "images", "test_fraction": 0.3}},
            r"\[data.test_fraction\] is read for source 'digits' or .*, found source 'cifar10'",
        ),
        (
            {"teachers": [ZOO, {**ZOO, "saw_validation": True}]},
            r"\[teachers.1.saw_validation\] is read for source 'checkpoint' or .* source 'zoo'",
        ),
    ],
)
def test_key_that_nothing_would_read_is_refused(tables: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=rf"^a\.toml: {message}"):
        study("meal", **{"teachers": [ZOO], **tables})


@pytest.mark.parametrize("teacher", [ZOO, CHECKPOINT, BLACK_BOX, {"source": "module"}])
def test_study_that_is_written_with_every_key_is_read_again(teacher: dict[str, Any]) -> None:
    spec = study("kd", teacher=teacher)
    for each in (spec, spec.smoke()):
        assert read_study(each.model_dump(mode="json"), source="a.toml") == each
