"""Mistakes become messages: the key as the file has it, what is legal, what was found."""

import datetime
import re
from math import inf, nan
from typing import Annotated, Any, ClassVar, Literal, Self

import pytest
from pydantic import Field, ValidationError, field_validator, model_validator

from autokd.checking import Checked, illegal, nearest, validate
from autokd.errors import DefinitionError

Number = Annotated[float, Field(gt=0)]


class Round(Checked):
    shape: Literal["round"]
    radius: Number


class Square(Checked):
    shape: Literal["square"]
    side: Annotated[int, Field(ge=2)]
    corners: Annotated[tuple[int | float | str | bool, ...], Field(min_length=1, strict=False)] = (
        1,
    )

    @model_validator(mode="after")
    def _not_thirteen(self) -> Self:
        if self.side == 13:
            raise illegal("side", "must not be unlucky, found 13")
        return self


Shape = Annotated[Round | Square, Field(discriminator="shape")]


class Drawing(Checked):
    title: str = ""
    is_framed: bool = False
    main: Square | None = None
    shapes: dict[str, Shape] = Field(default_factory=dict)
    rows: Annotated[tuple[Shape, ...], Field(strict=False)] = ()
    scale: Number = 1.0
    colour: Literal["red", "green"] = "red"

    @model_validator(mode="after")
    def _titled(self) -> Self:
        if self.title == "untitled":
            raise illegal("shapes.any.side", "must be named first")
        return self


class Grown(Checked):
    later: ClassVar = frozenset({"frames"})

    title: str
    frames: Annotated[tuple[int, ...], Field(strict=False)] = ()


class Album(Checked):
    drawings: Annotated[tuple[Grown, ...], Field(strict=False)]


def complaint(raw: dict[str, Any]) -> str:
    with pytest.raises(DefinitionError) as caught:
        validate(Drawing, raw, source="drawings/a.toml")
    return str(caught.value).removeprefix("drawings/a.toml: ")


def square(**changes: Any) -> dict[str, Any]:
    return {"shape": "square", "side": 3, **changes}


def test_legal_values_come_out_as_written() -> None:
    raw = {"shapes": {"a": square()}, "rows": [square(corners=[1, True, 1.5, "x"])], "scale": 2}
    drawing = validate(Drawing, raw, source="")
    assert drawing.rows[0].model_dump()["corners"] == (1, True, 1.5, "x")
    assert [type(v) for v in drawing.rows[0].model_dump()["corners"]] == [int, bool, float, str]
    assert (drawing.scale, type(drawing.scale)) == (2.0, float)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        # unknown keys, at every depth, before the missing key that they cause
        (
            {"titel": ""},
            (
                "[titel] is not one of ['colour', 'is_framed', 'main', 'rows', 'scale', 'shapes', "
                "'title']; did you mean 'title'?"
            ),
        ),
        (
            {"main": {"shape": "square", "sied": 3}},
            "[main.sied] is not one of ['corners', 'shape', 'side']; did you mean 'side'?",
        ),
        (
            {"shapes": {"a": {"shape": "round", "raduis": 1}}},
            "[shapes.a.raduis] is not one of ['radius', 'shape']; did you mean 'radius'?",
        ),
        (
            {"rows": [square(), square(zzz=1)]},
            "[rows.1.zzz] is not one of ['corners', 'shape', 'side']",
        ),
        # missing keys
        ({"main": {"shape": "square"}}, "[main.side] is missing"),
        ({"shapes": {"a": {"shape": "round"}}}, "[shapes.a.radius] is missing"),
        ({"shapes": {"a": {"radius": 1}}}, "[shapes.a.shape] is missing"),
        # wrong types
        ({"title": 3}, "[title] must be a text, found 3"),
        ({"title": {"a": 1}}, "[title] must be a text, found a table"),
        ({"is_framed": 1}, "[is_framed] must be true or false, found 1"),
        ({"scale": "1"}, "[scale] must be a number, found '1'"),
        ({"scale": True}, "[scale] must be a number, found True"),
        ({"main": square(side=True)}, "[main.side] must be a whole number, found True"),
        ({"main": square(side=3.0)}, "[main.side] must be a whole number, found 3.0"),
        ({"main": 3}, "[main] must be a table, found 3"),
        ({"shapes": {"a": 4.0}}, "[shapes.a] must be a table, found 4.0"),
        ({"shapes": [square()]}, f"[shapes] must be a table, found [{square()}]"),
        ({"rows": {"shape": "square"}}, "[rows] must be a list, found a table"),
        (
            {"title": datetime.date(2020, 1, 2)},
            "[title] must be a text, found datetime.date(2020, 1, 2)",
        ),
        # illegal values
        ({"scale": 0}, "[scale] must be greater than 0, found 0"),
        ({"scale": nan}, "[scale] must be a finite number, found nan"),
        ({"scale": inf}, "[scale] must be a finite number, found inf"),
        (
            {"shapes": {"a": square(side=1)}},
            "[shapes.a.side] must be greater than or equal to 2, found 1",
        ),
        (
            {"colour": "gren"},
            "[colour] must be one of ['red', 'green'], found 'gren'; did you mean 'green'?",
        ),
        ({"colour": 3}, "[colour] must be one of ['red', 'green'], found 3"),
        (
            {"shapes": {"a": {"shape": "rund"}}},
            (
                "[shapes.a.shape] must be one of ['round', 'square'], found 'rund'; "
                "did you mean 'round'?"
            ),
        ),
        (
            {"rows": [{"shape": 3}]},
            "[rows.0.shape] must be one of ['round', 'square'], found '3'",
        ),
        # a value of a union: one complaint for all of its members
        (
            {"rows": [square(corners=[1, [2]])]},
            (
                "[rows.0.corners.1] must be a whole number or a number or a text or true or "
                "false, found [2]"
            ),
        ),
        (
            {"main": square(corners=[])},
            "[main.corners] must be a list of 1 or more, found []",
        ),
        # a model's own check, below the model and from above it
        (
            {"shapes": {"a": square(side=13)}},
            "[shapes.a.side] must not be unlucky, found 13",
        ),
        ({"title": "untitled"}, "[shapes.any.side] must be named first"),
    ],
)
def test_message_names_key_and_legal_values(raw: dict[str, Any], message: str) -> None:
    assert complaint(raw) == message


def test_first_mistake_in_the_order_of_the_model_is_reported() -> None:
    assert complaint({"scale": 0, "title": 3}).startswith("[title]")


def test_message_opens_with_the_file_and_keeps_the_cause() -> None:
    with pytest.raises(DefinitionError, match=re.escape("x.toml: [scale] must be")) as caught:
        validate(Drawing, {"scale": -1}, source="x.toml")
    assert isinstance(caught.value.__cause__, ValidationError)


def test_models_are_frozen() -> None:
    drawing = validate(Drawing, {}, source="")
    with pytest.raises(ValidationError, match="frozen"):
        drawing.title = "other"  # type: ignore[misc]


def test_model_made_in_python_refuses_unknown_keys_too() -> None:
    with pytest.raises(ValidationError, match="is not one of"):
        Round(shape="round", radius=1.0, width=2)  # type: ignore[call-arg]


def test_model_survives_json() -> None:
    drawing = validate(Drawing, {"rows": [square(corners=[1, "x"])], "scale": 2}, source="")
    assert Drawing.model_validate_json(drawing.model_dump_json()) == drawing


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("temprature", "; did you mean 'temperature'?"),
        ("soft_wieght", "; did you mean 'soft_weight'?"),
        ("zzz", ""),
    ],
)
def test_nearest_name_is_suggested_only_when_one_is_near(name: str, hint: str) -> None:
    assert nearest(name, ["soft_weight", "temperature"]) == hint


def test_nothing_is_suggested_when_nothing_is_legal() -> None:
    assert nearest("temperature", []) == ""


def test_field_that_came_later_is_written_only_where_it_says_something() -> None:
    plain, framed = Grown(title="a"), Grown(title="b", frames=(1,))
    assert plain.model_dump() == {"title": "a"}
    assert framed.model_dump() == {"title": "b", "frames": (1,)}
    album = Album(drawings=(plain, framed))
    assert album.model_dump(mode="json", exclude={"drawings": {"__all__": {"title"}}}) == {
        "drawings": [{}, {"frames": [1]}]
    }
    assert Album.model_validate_json(album.model_dump_json()) == album


class Flat(Checked):
    shapes: dict[str, Shape]

    @field_validator("shapes", mode="before")
    @classmethod
    def _flat(cls, raw: Any) -> Any:
        return {f"{a}.{b}": shape for a, inner in raw.items() for b, shape in inner.items()}


def test_key_that_a_model_put_together_is_spelt_as_the_file_has_it() -> None:
    raw = {"shapes": {"left": {"top": {"shape": "square", "side": 1}}}}
    with pytest.raises(DefinitionError, match=r"^a\.toml: \[shapes\.left\.top\.side\] must be g"):
        validate(Flat, raw, source="a.toml")
