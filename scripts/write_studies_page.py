"""Writes the generated parts of docs/studies.md: every key of a study and of a search space.

    python scripts/write_studies_page.py [--check]

What a key is comes from the ``Attributes`` of its model's docstring, what is legal and the default
from the model itself, the parameters of generators from `autokd.graphs`. What stands between the
page's markers is replaced, the prose around them stays. With ``--check`` nothing is written, and
the exit status is 1 if the page is not what would be written. Needs no torch.
"""

import ast
import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from page_parts import table_head, table_row, write_or_check

from autokd.checking import Checked, validate
from autokd.domains import Domain
from autokd.errors import DefinitionError
from autokd.graphs import GENERATORS
from autokd.parameters import Parameter
from autokd.sections import METRICS, Metric, Objective
from autokd.space import SearchSpace
from autokd.study import StudySpec

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "studies.md"
KEYS = ("key", "what it is", "legal", "default")
LEFT_OUT = "left out"
BOUNDS = {
    "minimum": (">=", "["),
    "exclusiveMinimum": (">", "("),
    "maximum": ("<=", "]"),
    "exclusiveMaximum": ("<", ")"),
}
"""A bound alone, and as the end of an interval, by its name in JSON schema; lower ends first."""

BY_NAME = {
    "search_space": "name, path or table",
    "generator": ", ".join(f"`{json.dumps(name)}`" for name in GENERATORS),
    "metric": "one of those below",
}
"""What is legal for keys whose models do not say it."""

MEASURED: dict[Metric, str] = {
    "top1": "share of the images whose class the student gets right, in [0, 1]",
    "ece": "expected calibration error, 15 bins: how far the student's confidence is from the "
    "share that it gets right, in [0, 1]",
    "agreement": "share of the images for which student and teacher say the same class, in [0, 1]",
    "nll": "cross-entropy with the labels, nats",
    "kl": "divergence of the student's prediction from the teacher's, temperature 1, nats",
    "cev": "how unevenly the classes' mistakes differ from the teacher's; 0: no class stands out",
    "sde": "whether classes are named too often or too seldom, next to the teacher; 0: neither",
    "params": "weights, count",
    "macs": "multiply-accumulates for one image, count",
    "latency_s": "seconds for a batch, as [`[latency]`](#latency) measures them",
    "peak_bytes": "most memory that activations take for one image in float32, computed, bytes",
}
"""What each metric is; the exact formulas are with the code that measures."""


def main() -> int:
    """Write or check the page."""
    parts = {
        "study": _keys_of(StudySpec),
        "tables": list(tables())[1:],
        "space": _keys_of(SearchSpace),
        "domains": list(domains()),
        "generators": list(generators()),
    }
    return write_or_check({PAGE: parts}, script=Path(__file__), title=__doc__.splitlines()[0])


def tables() -> Iterator[str]:
    """Describe the tables of a study file, each model once."""
    shown: dict[type[Checked], str] = {}
    fields = _fields(StudySpec)
    for name, model in _models(StudySpec):
        is_list = fields[name].get("type") == "array"
        yield from ["", f"### `[[{name}]]`" if is_list else f"### `[{name}]`", ""]
        if model in shown:
            first = shown[model]
            yield f"A table for each, with the keys of {_legal_table(first, fields[first])}."
            continue
        shown[model] = name
        yield from [_about(model), "", *_keys_of(model)]
        if model is Objective:
            yield from ["", *metrics()]


def metrics() -> Iterator[str]:
    """Describe what can be an objective."""
    if set(MEASURED) != set(METRICS):
        raise SystemExit(f"no description here of {sorted(set(METRICS) ^ set(MEASURED))}")
    yield from table_head(["metric", "what it is", "direction", "legal reference"])
    for name, direction in METRICS.items():
        yield table_row([f"`{name}`", MEASURED[name], direction, _legal_reference(name)])


def domains() -> Iterator[str]:
    """Describe the types of domains."""
    yield from table_head(["type", "what it is", "keys"])
    for model in get_args(Domain):
        fields = {name: field for name, field in _fields(model).items() if name != "type"}
        keys = [f"`{name}`: {_legal(f)}{_unless_required(f)}" for name, f in fields.items()]
        yield table_row(
            [_toml(_fields(model)["type"]["const"]), _about(model).rstrip("."), "; ".join(keys)]
        )


def generators() -> Iterator[str]:
    """Describe the generators: what they share once, then each with what it alone has."""
    shared = set.intersection(*(set(each.parameters) for each in GENERATORS.values()))
    yield from ["All generators have", ""]
    yield from _parameters([p for p in next(iter(GENERATORS.values())).parameters if p in shared])
    for name, generator in GENERATORS.items():
        module = ast.parse(Path(inspect.getfile(generator.draw)).read_text(encoding="utf-8"))
        first = (ast.get_docstring(module) or "").partition("\n")[0]
        yield from ["", f"### `{name}`", "", first, ""]
        yield from _parameters([p for p in generator.parameters if p not in shared])


def _parameters(parameters: Sequence[Parameter]) -> Iterator[str]:
    yield from table_head(["parameter", *KEYS[1:]])
    for p in parameters:
        field: dict[str, Any] = {"default": p.default, "required": p.default is None}
        field |= {"enum": p.choices, "type": "integer" if p.type == "int" else "number"}
        if not p.choices:
            field |= {"minimum": p.low, "maximum": p.high}
        yield table_row([f"`{p.name}`", _plain(p.description), _legal(field), _default(field)])


# What the models say.


def _keys_of(model: type[Checked]) -> list[str]:
    said, fields = _attributes(model), _fields(model)
    if missing := sorted(set(fields) - set(said)):
        raise SystemExit(f"the docstring of {model.__name__} does not describe {missing}")
    inner = dict(_models(model))
    rows = []
    for name, field in fields.items():
        legal = _legal_table(name, field) if name in inner else _legal(field, name)
        rows.append(table_row([f"`{name}`", said[name], legal, _default(field)]))
    return [*table_head(KEYS), *rows]


def _fields(model: type[Checked]) -> dict[str, dict[str, Any]]:
    """Read fields as JSON schema has them, with whether they are required."""
    schema = model.model_json_schema()
    required = schema.get("required", ())
    return {
        name: {**field, "required": name in required}
        for name, field in schema["properties"].items()
    }


def _models(model: type[Checked]) -> Iterator[tuple[str, type[Checked]]]:
    """List the keys that are tables, or lists of them."""
    for name, field in model.model_fields.items():
        for found in (field.annotation, *get_args(field.annotation)):
            if isinstance(found, type) and issubclass(found, Checked) and found is not SearchSpace:
                yield name, found


def _about(model: type[Checked]) -> str:
    """Read what stands before the attributes of a docstring."""
    before = inspect.cleandoc(model.__doc__ or "").partition("Attributes:")[0].strip()
    return "\n\n".join(map(_plain, before.split("\n\n")))


def _attributes(model: type[Checked]) -> dict[str, str]:
    text = inspect.cleandoc(model.__doc__ or "").partition("Attributes:\n")[2]
    entries = re.split(r"^    (?=\w+: )", text, flags=re.MULTILINE)[1:]
    pairs = (entry.partition(": ") for entry in entries)
    return {name: _plain(said).rstrip(".") for name, _, said in pairs}


def _plain(text: str) -> str:
    """Bring a docstring's text to the page's form.

    TOML has no None, a reader of files no modules, and a column of its own says which interval is
    legal.
    """
    text = " ".join(text.split()).replace("``", "`")
    text = re.sub(r" \(`[\w.]+`\)|, (in [\[(][\d., ]+[\])]|>= \d+)", "", text)
    return re.sub(r"\bNone (?=[a-z]+s\b)", f"{LEFT_OUT}, it ", text)


# What is legal, and the default.


def _legal(field: Mapping[str, Any], name: str = "") -> str:
    if name in BY_NAME:
        return BY_NAME[name]
    if "anyOf" in field:
        members = [each for each in field["anyOf"] if each.get("type") != "null"]
        if {"type": "number"} in members:  # a whole number is one
            members = [each for each in members if each.get("type") != "integer"]
        return " or ".join(map(_legal, members))
    if choices := field.get("enum"):
        return ", ".join(map(_toml, choices))
    match field["type"]:
        case "integer":
            return f"whole number{_interval(field)}"
        case "number":
            return f"number{_interval(field)}"
        case "array":
            least = f" of {field['minItems']} or more" if "minItems" in field else ""
            return f"list{least}, each a {_legal(field['items'])}"
        case "object":
            return "table of [domains](#domains)"
    return {"boolean": "true or false", "string": "text"}[field["type"]]


def _legal_table(name: str, field: Mapping[str, Any]) -> str:
    if field.get("type") != "array":
        return f"[`[{name}]`](#{name})"
    return f"[`[[{name}]]`](#{name}), {field.get('minItems', 0)} or more"


def _interval(field: Mapping[str, Any]) -> str:
    found = [(name, _count(field[name])) for name in BOUNDS if name in field]
    if len(found) < 2:
        return "".join(f" {BOUNDS[name][0]} {end}" for name, end in found)
    (left, low), (right, high) = found
    return f" in {BOUNDS[left][1]}{low}, {high}{BOUNDS[right][1]}"


def _legal_reference(metric: Metric) -> str:
    """Read what is legal off the message that refuses a reference which no metric can have."""
    raw = {"metric": metric, "direction": METRICS[metric], "reference": -1.0}
    try:
        validate(Objective, raw, source="")
    except DefinitionError as error:
        return str(error).partition("must be ")[2].partition(f" for {metric}")[0]
    raise SystemExit(f"-1 is a legal reference of {metric}")


def _default(field: Mapping[str, Any]) -> str:
    if field["required"]:
        return "required"
    if "$ref" in field:
        return "its defaults"
    value = field["default"]
    return LEFT_OUT if value in (None, []) else _toml(value)


def _unless_required(field: Mapping[str, Any]) -> str:
    return "" if field["required"] else f", default {_default(field)}"


def _toml(value: object) -> str:
    return f"`{json.dumps(value)}`"


def _count(number: float) -> str:
    return f"{number:,.0f}" if number >= 1000 else f"{number:g}"


if __name__ == "__main__":
    sys.exit(main())
