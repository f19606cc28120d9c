"""The page of study files: up to date, complete, and its examples are legal."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest

from autokd.checking import Checked, Sourced
from autokd.definitions import find, read
from autokd.domains import Domain
from autokd.errors import DefinitionError
from autokd.graphs import GENERATORS
from autokd.sections import METRICS
from autokd.space import SearchSpace, read_space
from autokd.study import StudySpec, load_study, read_study
from autokd.teachers.zoo import ZOO

REPOSITORY = Path(__file__).parents[1]
SCRIPT = REPOSITORY / "scripts" / "write_studies_page.py"
PAGE = (REPOSITORY / "docs" / "studies.md").read_text(encoding="utf-8")
STUDY, SPACE = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)

Place = tuple[str | int, ...]
"""Where a value stands in a parsed file."""


def section(title: str) -> str:
    """What stands below a heading, up to the next one."""
    found = re.findall(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert len(found) == 1
    return str(found[0])


def keys(text: str) -> list[str]:
    """What the rows of the tables of keys begin with."""
    return re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)


def tables() -> dict[str, type[Checked]]:
    """The tables of a study file by heading."""
    found = {}
    models = {*Checked.__subclasses__(), *Sourced.__subclasses__()}
    for name, field in StudySpec.model_fields.items():
        title = f"`[{name}]`" if field.annotation in models else f"`[[{name}]]`"
        for kind in (field.annotation, *get_args(field.annotation)):
            if kind in models and kind is not SearchSpace:
                found[title] = kind
    return found


def test_the_page_of_studies_is_what_its_script_writes() -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("title", "model"),
    [("The keys of a study", StudySpec), ("Search spaces", SearchSpace), *tables().items()],
)
def test_every_key_has_its_row_below_the_heading_of_its_table(
    title: str, model: type[Checked]
) -> None:
    if title == "`[[teachers]]`":
        assert "with the keys of [`[teacher]`](#teacher)" in section(title)
        return
    expected = list(model.model_fields)
    if title == "`[[objectives]]`":
        expected += METRICS
    assert keys(section(title)) == expected


def test_every_table_of_the_shipped_studies_has_its_heading() -> None:
    found = {title.strip("`[]") for title in tables()}
    shipped = read(find("studies", "image_folder"))
    assert {name for name, value in shipped.items() if isinstance(value, dict | list)} <= found


@pytest.mark.parametrize("model", get_args(Domain))
def test_every_key_of_every_type_of_domain_is_on_the_page(model: type[Checked]) -> None:
    (name,) = get_args(model.model_fields["type"].annotation)
    (row,) = re.findall(rf'^\| `"{name}"` \|.*\|$', section("Domains"), re.MULTILINE)
    assert re.findall(r"`(\w+)`: ", row) == list(model.model_fields)[1:]


@pytest.mark.parametrize("name", GENERATORS)
def test_every_parameter_of_every_generator_is_on_the_page(name: str) -> None:
    found = [*keys(section("Generators")), *keys(section(f"`{name}`"))]
    assert found == [parameter.name for parameter in GENERATORS[name].parameters]


def test_the_models_of_the_zoo_are_on_the_page() -> None:
    named = re.findall(r"`(resnet\d+)`", section("What must go together"))
    assert tuple(named) == ZOO


def test_what_only_python_has_is_not_on_the_page() -> None:
    assert not re.search(r"\bNone\b|``(?!`)(?<!```)|autokd\.[a-z]", PAGE)


# The examples.


def test_both_examples_are_legal_together(tmp_path: Path) -> None:
    named = STUDY.replace('"hierarchical"', '"my_space.toml"', 1)
    (tmp_path / "mine.toml").write_text(named, encoding="utf-8")
    (tmp_path / "my_space.toml").write_text(SPACE, encoding="utf-8")
    space = load_study(tmp_path / "mine.toml").search_space
    assert space == read_space(tomllib.loads(SPACE), source="page")


def test_a_search_space_may_stand_in_the_study_file_as_the_page_says() -> None:
    raw = tomllib.loads(STUDY) | {"search_space": tomllib.loads(SPACE)}
    assert read_study(raw, source="page").search_space.generator == "chain"


def places(raw: Mapping[str, Any] | list[Any], where: Place = ()) -> Iterator[Place]:
    """Every key of a parsed file, those of inner tables too."""
    for key, value in raw.items() if isinstance(raw, Mapping) else enumerate(raw):
        if isinstance(raw, Mapping):
            yield (*where, key)
        if isinstance(value, Mapping | list):
            yield from places(value, (*where, key))


@pytest.mark.parametrize("where", list(places(tomllib.loads(STUDY))), ids=str)
def test_every_key_of_the_shortest_study_is_required(where: Place) -> None:
    raw: Any = tomllib.loads(STUDY)
    assert read_study(raw, source="page")
    inner = raw
    for step in where[:-1]:
        inner = inner[step]
    del inner[where[-1]]
    with pytest.raises(DefinitionError, match="is missing"):
        read_study(raw, source="page")


def test_a_misspelt_key_is_refused_as_the_page_shows() -> None:
    raw = tomllib.loads(STUDY)
    raw["fidelity"]["min_epoch"] = raw["fidelity"].pop("min_epochs")
    with pytest.raises(DefinitionError) as caught:
        read_study(raw, source="mine.toml")
    assert f"```\n{caught.value}\n```" in PAGE
