"""The tables that say who teaches: their defaults, and what each refuses."""

from typing import Any

import pytest

from autokd.checking import Checked, validate
from autokd.errors import DefinitionError
from autokd.teaching import AssistantSpec, Features, TeacherSpec

CHECKPOINT = {"source": "checkpoint", "model": "resnet56", "file": "a.safetensors"}
BLACK_BOX = {"source": "probabilities", "file": "answers.npz"}


@pytest.mark.parametrize(
    ("table", "raw", "message"),
    [
        (TeacherSpec, {"source": "zoo"}, r"\[model\] is missing: source 'zoo' needs one$"),
        (
            TeacherSpec,
            {"source": "checkpoint", "model": "resnet56"},
            r"\[file\] is missing: source 'checkpoint' needs one$",
        ),
        (
            TeacherSpec,
            {"source": "probabilities"},
            r"\[file\] is missing: source 'probabilities' needs one$",
        ),
        (
            TeacherSpec,
            {**CHECKPOINT, "mean": [0.5]},
            r"\[mean\] must have a number for each channel as std has, found \[0.5\] and \[\]$",
        ),
        (
            TeacherSpec,
            {**CHECKPOINT, "mean": [0.5], "std": [0.2, 0.2]},
            r"\[mean\] must have .* found \[0.5\] and \[0.2, 0.2\]$",
        ),
        (
            TeacherSpec,
            {**CHECKPOINT, "mean": [0.5], "std": [0]},
            r"\[std.0\] must be greater than 0, found 0$",
        ),
        (TeacherSpec, {**CHECKPOINT, "mean": 0.5}, r"\[mean\] must be a list, found 0.5$"),
        (TeacherSpec, {**CHECKPOINT, "min_top1": 90}, r"\[min_top1\] must be less than or equal"),
        (TeacherSpec, {**CHECKPOINT, "modle": "x"}, r"\[modle\] is not one of .*mean 'model'\?$"),
        (
            TeacherSpec,
            {"source": "zoo", "model": "resnet20", "stop_fraction": 0},
            r"\[stop_fraction\] must be greater than 0, found 0$",
        ),
        (
            TeacherSpec,
            {"source": "zoo", "model": "resnet20", "stop_fraction": 1.5},
            r"\[stop_fraction\] must be less than or equal to 1, found 1.5$",
        ),
        (
            TeacherSpec,
            {**BLACK_BOX, "stop_fraction": 0.5},
            (
                r"\[stop_fraction\] must be 1 for source 'probabilities', which the study does "
                r"not train, found 0.5$"
            ),
        ),
        (TeacherSpec, {**CHECKPOINT, "stop_fraction": 0.5}, r"\[stop_fraction\] must be 1 for"),
        (AssistantSpec, {}, r"\[model\] is missing$"),
        (
            AssistantSpec,
            {"model": "resnet14", "taught_by": "student"},
            r"\[taught_by\] must be one of \['teacher', 'previous'\], found 'student'$",
        ),
        (
            AssistantSpec,
            {"model": "resnet14", "soft_weight": 1.1},
            r"\[soft_weight\] must be less than or equal to 1, found 1.1$",
        ),
        (
            AssistantSpec,
            {"model": "resnet14", "temperature": 0},
            r"\[temperature\] must be greater than or equal to 0.1, found 0$",
        ),
        (
            Features,
            {"hints": "cluster"},
            r"\[hints\] must be one of \['stages', 'clustered'\], found 'cluster'; did you mean",
        ),
        (Features, {"clusters": 0}, r"\[clusters\] must be greater than or equal to 1, found 0$"),
        (
            Features,
            {"table_gb": -1},
            r"\[table_gb\] must be greater than or equal to 0, found -1$",
        ),
    ],
)
def test_illegal_value_is_refused_with_key_and_legal_values(
    table: type[Checked], raw: dict[str, Any], message: str
) -> None:
    with pytest.raises(DefinitionError, match=rf"^s\.toml: {message}"):
        validate(table, raw, source="s.toml")


@pytest.mark.parametrize(
    ("table", "raw"),
    [
        (TeacherSpec, {"source": "module"}),
        (TeacherSpec, {**CHECKPOINT, "mean": [0, 1], "std": [1, 2]}),
        (TeacherSpec, {"source": "zoo", "model": "resnet20", "stop_fraction": 0.3}),
        (TeacherSpec, BLACK_BOX),
        (AssistantSpec, {"model": "resnet14"}),
        (AssistantSpec, {"model": "resnet14", "temperature": 8, "taught_by": "teacher"}),
        (Features, {}),
        (Features, {"hints": "clustered", "clusters": 4, "table_gb": 0}),
    ],
)
def test_legal_table_is_accepted_and_survives_json(
    table: type[Checked], raw: dict[str, Any]
) -> None:
    model = validate(table, raw, source="s.toml")
    assert table.model_validate_json(model.model_dump_json()) == model


def test_teacher_that_is_not_stopped_early_is_written_as_before_there_was_such_a_thing() -> None:
    whole = TeacherSpec(source="zoo", model="resnet20")
    assert "stop_fraction" not in whole.model_dump()
    stopped = TeacherSpec(source="zoo", model="resnet20", stop_fraction=0.5)
    assert stopped.model_dump()["stop_fraction"] == 0.5


def test_assistant_is_taught_by_the_one_before_as_plain_distillation_teaches() -> None:
    assistant = AssistantSpec(model="resnet14")
    assert assistant.taught_by == "previous"
    assert (assistant.temperature, assistant.soft_weight) == (4.0, 0.9)
