"""How a mistake in a definition becomes one message with its key.

Every part of a definition is a `Checked` model. `validate` runs it and turns pydantic's first
complaint into the form that all messages of the house have: ``FILE: [DOTTED.KEY] what is legal,
found what``. The dotted key is the one that the file has: what pydantic adds to a path, the tag of
a union, is taken out again, and what a model's own check knows better than pydantic, the key below
the model, is put on with `illegal`.
"""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from autokd.errors import DefinitionError

__all__ = ["Checked", "Sourced", "illegal", "nearest", "validate"]

_NOUNS = {
    "bool_type": "true or false",
    "dict_type": "a table",
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_type": "a whole number",
    "model_attributes_type": "a table",
    "model_type": "a table",
    "string_type": "a text",
    "too_short": "a list of {min_length} or more",
    "tuple_type": "a list",
}
"""What is legal, by the type of pydantic's complaint, where pydantic speaks of Python's types."""


class Checked(BaseModel):
    """A part of a definition: frozen, strict, without unknown keys, NaN or infinity.

    Attributes:
        later: Fields that definitions did not have at first. They are written only where they
            differ from their default, so that what was hashed without them stays valid.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    later: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _known(cls, raw: Any) -> Any:
        for key in raw if isinstance(raw, Mapping) else ():
            if key not in cls.model_fields:
                legal = sorted(cls.model_fields)
                raise illegal(str(key), f"is not one of {legal}{nearest(str(key), legal)}")
        return raw

    @model_serializer(mode="wrap")
    def _written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields, found = type(self).model_fields, write(self)
        silent = {name for name in self.later if getattr(self, name) == fields[name].default}
        return {name: value for name, value in found.items() if name not in silent}


class Sourced(Checked):
    """A part of a definition whose ``source`` decides which of its keys are read.

    Attributes:
        read_by: The sources that read a key, for keys that not all of them read.
    """

    read_by: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    source: str

    @property
    def unread(self) -> tuple[str, ...]:
        """Keys that say more than their default although nothing reads them for this source.

        Asked where a definition is read, and not of the records of runs: they stay readable.
        """
        fields = type(self).model_fields
        return tuple(
            name
            for name, sources in self.read_by.items()
            if self.source not in sources and getattr(self, name) != fields[name].default
        )


def illegal(key: str, message: str) -> PydanticCustomError:
    """Name the key below a model that one of its validators complains about.

    Args:
        key: Dotted key, relative to the model.
        message: What follows the key, such as ``must be above 0, found -1``.

    Returns:
        The error, for a validator to raise.
    """
    return PydanticCustomError("illegal", "{message}", {"key": key, "message": message})


def nearest(name: str, legal: Iterable[str]) -> str:
    """Suggest a legal name for a misspelt one.

    Args:
        name: What was written.
        legal: Names that would be legal.

    Returns:
        ``; did you mean 'temperature'?``, or nothing when no name is near.
    """
    close = difflib.get_close_matches(name, list(legal), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


_Model = TypeVar("_Model", bound=Checked)


def validate(model: type[_Model], raw: Mapping[str, Any], *, source: str) -> _Model:
    """Turn what a file says into a model, or its first mistake into a message.

    Args:
        model: What the file may say.
        raw: What it says.
        source: The file, as the message shall name it.

    Returns:
        The model.

    Raises:
        DefinitionError: In the form ``FILE: [KEY] ...`` with the nearest legal name for a misspelt
            one.
    """
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        mistakes = error.errors(include_url=False)
        keys = [_key(mistake, raw) for mistake in mistakes]
        # A value of a union is complained about once for each member.
        same = [mistake for mistake, key in zip(mistakes, keys, strict=True) if key == keys[0]]
        key = f"[{keys[0]}] " if keys[0] else ""
        raise DefinitionError(f"{source}: {key}{_complaint(same)}") from error


def _key(mistake: ErrorDetails, raw: Any) -> str:
    """Spell the path of a mistake as the file does."""
    parts = []
    for part in mistake["loc"]:
        # A key that a model put together, ``dkd.beta``, stands in two tables of the file.
        for step in [part] if _holds(raw, part) else str(part).split("."):
            if _holds(raw, step):
                parts.append(str(step))
                raw = raw[step]
    if mistake["type"] == "missing":
        parts.append(str(mistake["loc"][-1]))
    elif mistake["type"].startswith("union_tag"):
        parts.append(mistake["ctx"]["discriminator"].strip("'"))
    elif mistake["type"] == "illegal":
        parts.append(mistake["ctx"]["key"])
    return ".".join(parts)


def _holds(raw: Any, part: int | str) -> bool:
    if isinstance(raw, Mapping):
        return part in raw
    return isinstance(raw, list | tuple) and isinstance(part, int)


def _complaint(mistakes: Sequence[ErrorDetails]) -> str:
    """Say what is legal and what was found, of complaints about one key."""
    first = mistakes[0]
    match first["type"]:
        case "illegal":
            return first["msg"]
        case "missing" | "union_tag_not_found":
            return "is missing"
        case "literal_error":
            return _choice(first["ctx"]["expected"], first["input"])
        case "union_tag_invalid":
            return _choice(first["ctx"]["expected_tags"], first["ctx"]["tag"])
    nouns = dict.fromkeys(_noun(mistake) for mistake in mistakes)
    return f"must be {' or '.join(nouns)}, found {_shown(first['input'])}"


def _choice(expected: str, found: object) -> str:
    legal = re.findall(r"'([^']*)'", expected)
    return f"must be one of {legal}, found {found!r}{nearest(str(found), legal)}"


def _noun(mistake: ErrorDetails) -> str:
    noun = _NOUNS.get(mistake["type"], mistake["msg"].removeprefix("Input should be "))
    return noun.format(**mistake.get("ctx", {}))


def _shown(found: object) -> str:
    return "a table" if isinstance(found, Mapping) else repr(found)
