"""The tables that say who teaches: their defaults, and what each refuses."""

from typing import Any

import pytest

from autokd.checking import Checked, validate
from autokd.errors import DefinitionError
from autokd.teaching import ZOO, AssistantSpec, Features, TeacherSpec, zoo_depth

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
            {"source": "zoo", "model": "resnet21"},
            (
                r"\[model\] must be one of \['resnet8', .*, 'resnet110'\], found 'resnet21'; did "
                r"you mean 'resnet\d+'\?$"
            ),
        ),
        (
            TeacherSpec,
            {**CHECKPOINT, "model": "vgg16"},
            r"\[model\] must be one of .* or 'package.module:function', found 'vgg16'$",
        ),
        (AssistantSpec, {}, r"\[model\] is missing$"),
        (
            AssistantSpec,
            {"model": "resnet116"},
            r"\[model\] must be one of .*'resnet110'\], found 'resnet116'; did you mean",
        ),
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
        (TeacherSpec, {"source": "zoo", "model": "resnet26"}),
        (TeacherSpec, {**CHECKPOINT, "model": "my_networks:wide"}),
        (TeacherSpec, {"source": "torchvision", "model": "vgg16"}),
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


@pytest.mark.parametrize(
    ("name", "depth"),
    [
        ("resnet8", 8),
        ("resnet26", 26),
        ("resnet110", 110),
        ("resnet2", None),
        ("resnet21", None),
        ("resnet116", None),
        ("resnet", None),
        ("xresnet20", None),
    ],
)
def test_depth_is_read_from_the_name_of_a_network_of_the_zoo(name: str, depth: int | None) -> None:
    assert zoo_depth(name) == depth


def test_every_name_that_is_offered_is_one_of_the_zoo() -> None:
    assert all(zoo_depth(name) for name in ZOO)


@pytest.mark.parametrize(
    ("raw", "is_of_zoo"),
    [
        ({"source": "zoo", "model": "resnet26"}, True),
        (CHECKPOINT, True),
        ({**CHECKPOINT, "model": "my_networks:wide"}, False),
        # torchvision's is another network than the zoo's of the same name.
        ({"source": "torchvision", "model": "resnet50"}, False),
        ({"source": "module"}, False),
        (BLACK_BOX, False),
    ],
)
def test_teacher_says_whether_its_network_is_of_the_zoo(
    raw: dict[str, Any], is_of_zoo: bool
) -> None:
    assert validate(TeacherSpec, raw, source="s.toml").is_of_zoo is is_of_zoo


def test_what_is_said_and_not_read_is_told_in_the_order_of_the_keys() -> None:
    raw = {"seed": 1, "epochs": 5, "weights": "DEFAULT", **CHECKPOINT}
    assert validate(TeacherSpec, raw, source="s.toml").unread == ("weights", "epochs", "seed")


def test_default_says_nothing_that_would_have_to_be_read() -> None:
    for raw in (CHECKPOINT, BLACK_BOX, {"source": "zoo", "model": "resnet8"}):
        whole = validate(TeacherSpec, raw, source="s.toml").model_dump(mode="json")
        assert validate(TeacherSpec, whole, source="s.toml").unread == ()


def test_keys_that_every_teacher_has_are_read_for_every_source() -> None:
    assert {*TeacherSpec.model_fields} - {*TeacherSpec.read_by} == {"source", "min_top1"}
