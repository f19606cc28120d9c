"""A search space is checked against what its generator and its methods declare."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autokd.definitions import names
from autokd.domains import FixedDomain
from autokd.errors import DefinitionError
from autokd.graphs import GENERATORS
from autokd.parameters import Point, Value
from autokd.space import METHOD, SearchSpace, load_space, read_space

RAW: dict[str, Any] = {
    "title": "Chains",
    "generator": "chain",
    "architecture": {
        "params_budget": {"type": "float", "low": 1000, "high": 1e5, "log": True},
        "depth": {"type": "int", "low": 1, "high": 5},
    },
    "kd": {
        "method": {"type": "categorical", "choices": ["none", "kd"]},
        "temperature": {"type": "float", "low": 1, "high": 20, "log": True},
    },
}
POINT: dict[str, Value] = {
    "architecture.params_budget": 5000.0,
    "architecture.op": "conv3x3",
    "architecture.depth": 3,
    "architecture.shortcuts": True,
    "kd.method": "kd",
    "kd.temperature": 4.0,
    "kd.soft_weight": 0.9,
}

Edit = Callable[[dict[str, Any]], object]


def space(edit: Edit = lambda raw: None) -> SearchSpace:
    raw = copy.deepcopy(RAW)
    edit(raw)
    return read_space(raw, source="search_spaces/chain.toml")


def put(table: str, name: str, **domain: Any) -> Edit:
    return lambda raw: raw[table].update({name: domain})


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            put("kd", "temprature", type="fixed", value=4.0),
            (
                r"\[kd.temprature\] is not one of \['kd', 'kd_off_fraction', "
                r"'soft_warmup_fraction', 'soft_weight', 'standardise', 'teacher_views', "
                r"'temperature'\]; did you mean 'temperature'\?$"
            ),
        ),
        (
            put("architecture", "depht", type="int", low=1, high=2),
            (
                r"\[architecture.depht\] is not one of \['depth', 'op', 'params_budget', "
                r"'shortcuts'\]; did you mean 'depth'\?$"
            ),
        ),
        (
            put("architecture", "depth", type="int", low=5, high=1),
            r"\[architecture.depth.low\] must not exceed high, found 5 and 1$",
        ),
        (
            put("architecture", "depth", type="int", low="1", high=2),
            r"\[architecture.depth.low\] must be a whole number, found '1'$",
        ),
        (
            put("architecture", "depth", type="int", low=1, hihg=2),
            (
                r"\[architecture.depth.hihg\] is not one of \['high', 'log', 'low', 'type'\]; "
                r"did you mean 'high'\?$"
            ),
        ),
        (
            put("architecture", "depth", type="int", low=0, high=2),
            r"\[architecture.depth\] must be an int in \[1, 50\], found 0$",
        ),
        (
            put("architecture", "depth", type="float", low=1, high=2),
            r"\[architecture.depth.type\] must suit an int in \[1, 50\], found 'float'$",
        ),
        (
            put("architecture", "depth", type="categorical", choices=[1, 2.0]),
            r"\[architecture.depth\] must be an int in \[1, 50\], found 2.0$",
        ),
        (
            put("architecture", "op", type="fixed", value="conv5x5"),
            (
                r"\[architecture.op\] must be one of \['conv3x3', 'sepconv3x3'\], found "
                r"'conv5x5'; did you mean 'conv3x3'\?$"
            ),
        ),
        (
            put("architecture", "op", type="int", low=0, high=1),
            r"\[architecture.op.type\] must suit one of \['conv3x3', 'sepconv3x3'\], found 'int'$",
        ),
        (
            put("architecture", "shortcuts", type="fixed", value=1),
            r"\[architecture.shortcuts\] must be one of \[False, True\], found 1$",
        ),
        (
            put("kd", "temperature", type="float", low=0, high=20),
            r"\[kd.temperature\] must be a float in \[0.1, 100\], found 0.0$",
        ),
        (
            put("kd", "method", type="fixed", value="nonne"),
            (
                r"\[kd.method\] must be one of \['amal', .*, 'xcl'\], found 'nonne'; "
                r"did you mean 'none'\?$"
            ),
        ),
        (
            put("kd", "method", type="categorical", choices=["kd", 3]),
            r"\[kd.method\] must be one of \['amal', .*, 'xcl'\], found '3'$",
        ),
        (
            lambda raw: raw["kd"].pop("method"),
            r"\[kd.method\] is missing: it chooses from \['amal', .*, 'xcl'\]$",
        ),
        (
            lambda raw: raw["architecture"].pop("params_budget"),
            r"\[architecture.params_budget\] is missing: weights that the student shall have",
        ),
        (lambda raw: raw.pop("kd"), r"\[kd\] is missing$"),
        (lambda raw: raw.update(kd=4), r"\[kd\] must be a table, found 4$"),
        (
            lambda raw: raw["kd"].update(temperature=4.0),
            r"\[kd.temperature\] must be a table, found 4.0$",
        ),
        (
            lambda raw: raw.update(generator="chian"),
            (
                r"\[generator\] must be one of \['chain', 'flat', 'hierarchical'\], found "
                r"'chian'; did you mean 'chain'\?$"
            ),
        ),
        (
            lambda raw: raw.update(architekture={}),
            (
                r"\[architekture\] is not one of \['architecture', 'generator', 'kd', 'title'\]; "
                r"did you mean 'architecture'\?$"
            ),
        ),
    ],
)
def test_mistake_is_answered_with_key_and_legal_values(edit: Edit, message: str) -> None:
    with pytest.raises(DefinitionError, match=rf"^search_spaces/chain\.toml: {message}"):
        space(edit)


def test_dimensions_are_every_parameter_with_the_method_before_what_depends_on_it() -> None:
    found = space().dimensions()
    assert [dimension.name for dimension in found] == list(POINT)
    assert [dimension.methods for dimension in found[-3:]] == [None, {"kd"}, {"kd"}]


def test_parameter_that_is_not_mentioned_keeps_its_default() -> None:
    domains = {dimension.name: dimension.domain for dimension in space().dimensions()}
    assert domains["architecture.op"] == FixedDomain(type="fixed", value="conv3x3")
    assert domains["architecture.shortcuts"] == FixedDomain(type="fixed", value=True)
    assert domains["kd.soft_weight"] == FixedDomain(type="fixed", value=0.9)


def test_parameters_of_a_method_are_active_only_with_it() -> None:
    active = [dimension.name for dimension in space().active({METHOD: "none"})]
    assert active == [name for name in POINT if not name.startswith("kd.")] + [METHOD]
    assert [dimension.name for dimension in space().active({METHOD: "kd"})] == list(POINT)


def test_methods_are_those_that_a_point_can_name() -> None:
    assert space().methods == ("none", "kd")
    assert space(put("kd", "method", type="fixed", value="kd")).methods == ("kd",)


def test_parameter_of_a_method_that_the_space_leaves_out_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"\[kd.temperature\] is not one of \[\]$"):
        space(put("kd", "method", type="fixed", value="none"))


def without(name: str) -> dict[str, Value]:
    return {key: value for key, value in POINT.items() if key != name}


def test_point_inside_its_domains_is_legal() -> None:
    space().check_point(POINT)
    with_none: Point = {**without("kd.temperature"), METHOD: "none"}
    space().check_point({k: v for k, v in with_none.items() if k != "kd.soft_weight"})


@pytest.mark.parametrize(
    ("point", "message"),
    [
        (without(METHOD), r"^the point lacks \[kd.method\]$"),
        (without("architecture.depth"), r"^the point lacks \[architecture.depth\]$"),
        ({**POINT, METHOD: "none"}, r"^the point's \[kd.soft_weight\] is not one of \["),
        (
            {**without("kd.temperature"), "kd.temprature": 4.0},
            r"^the point's \[kd.temprature\] is not one of .*; did you mean 'kd.temperature'\?$",
        ),
        (
            {**POINT, "architecture.depth": 6},
            (
                r"^the point's \[architecture.depth\] is outside its domain \(type='int' low=1 "
                r"high=5 log=False\), found 6$"
            ),
        ),
        ({**POINT, "architecture.depth": 3.0}, r"architecture.depth\] is outside"),
        ({**POINT, "architecture.op": "sepconv3x3"}, r"architecture.op\] is outside"),
        ({**POINT, METHOD: "zzz"}, r"^the point's \[kd.method\] is outside its domain"),
    ],
)
def test_point_that_the_space_cannot_contain_is_refused(
    point: dict[str, Value], message: str
) -> None:
    with pytest.raises(DefinitionError, match=message):
        space().check_point(point)


def test_space_survives_json() -> None:
    assert SearchSpace.model_validate_json(space().model_dump_json()) == space()


@pytest.mark.parametrize("name", names("search_spaces"))
def test_shipped_space_loads_with_every_parameter_of_its_generator(name: str) -> None:
    loaded = load_space(name)
    expected = [f"architecture.{p.name}" for p in GENERATORS[loaded.generator].parameters]
    found = [dimension.name for dimension in loaded.dimensions()]
    assert found[: len(expected)] == expected
    assert found[len(expected)] == METHOD


@pytest.mark.parametrize(
    "name", ["chain", "chain_digits", "digits", "flat", "flat_digits", "hierarchical"]
)
def test_points_of_spaces_of_plain_distillation_hold_nothing_else(name: str) -> None:
    found = [d.name for d in load_space(name).dimensions() if d.name.startswith("kd.")]
    assert found == [METHOD, "kd.temperature", "kd.soft_weight"]


def test_table_of_a_method_gives_dimensions_and_points_with_its_name() -> None:
    def nested(raw: dict[str, Any]) -> None:
        raw["kd"]["method"]["choices"] = ["kd", "dkd"]
        raw["kd"]["dkd"] = {"beta": {"type": "float", "low": 1, "high": 8}}

    found = space(nested)
    assert [d.name for d in found.active({METHOD: "dkd"})][-4:] == [
        METHOD,
        "kd.temperature",
        "kd.dkd.alpha",
        "kd.dkd.beta",
    ]
    assert found.conditional() == ["kd.dkd.beta"]
    assert SearchSpace.model_validate_json(found.model_dump_json()) == found
    point = {**without("kd.soft_weight"), METHOD: "dkd", "kd.dkd.alpha": 1.0, "kd.dkd.beta": 8.0}
    found.check_point(point)
    with pytest.raises(DefinitionError, match=r"\[kd.dkd.beta\] is outside its domain"):
        found.check_point({**point, "kd.dkd.beta": 9.0})


def test_kd_that_is_no_table_is_refused_before_its_tables_are_looked_at() -> None:
    with pytest.raises(DefinitionError, match=r"\[kd\] must be a table, found 'kd'$"):
        space(lambda raw: raw.update(kd="kd"))


def test_file_of_ones_own_is_read_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text('title = "Mine"\ngenerator = "chains"\n[architecture]\n[kd]\n')
    with pytest.raises(DefinitionError, match=r"^mine\.toml: \[generator\] must be one of"):
        load_space("mine.toml")


def test_a_point_is_drawn_by_the_space_s_generator_unless_it_names_its_own() -> None:
    found = space()
    assert found.generator_of(POINT).name == found.generator == "chain"
    assert found.generator_of({**POINT, "generator": "flat"}) is GENERATORS["flat"]
