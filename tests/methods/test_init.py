"""The registry: every method as it is described, found by name, and settled from a point."""

import re

import pytest

from autokd.errors import DefinitionError
from autokd.methods import METHODS, SHARED_DEFAULTS, Method, find_method, options_of, settle
from autokd.parameters import Value

every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def test_methods_of_the_literature_are_all_there() -> None:
    assert list(METHODS) == [
        *("none", "label_smoothing", "tfnkd", "pskd"),
        *("kd", "dkd", "nkd", "ctkd", "bdkd", "continuation", "annealing", "dist"),
        *("meal", "camkd", "cesd", "de_ensemble", "takd"),
        *("fitnet", "at", "sp", "rkd", "pkt", "crd", "reviewkd", "feed"),
        *("dml", "sokd"),
        *("funmatch", "xcl", "fsbbt"),
        *("amal",),
    ]


@every_method
def test_method_is_registered_under_its_name(method: Method) -> None:
    assert METHODS[method.name] is method


@every_method
def test_default_of_every_parameter_is_legal(method: Method) -> None:
    for parameter in (*method.parameters, *options_of(method)):
        assert parameter.accepts(parameter.default), parameter.name


@every_method
def test_parameters_of_a_method_differ_from_each_other_and_from_options(method: Method) -> None:
    names = [p.name for p in (*method.parameters, *options_of(method))]
    assert len(set(names)) == len(names)


@every_method
def test_source_names_authors_and_year_or_says_what_it_is(method: Method) -> None:
    is_paper = re.match(r"[A-Z]\w+ (et al\.|and [A-Z]\w+) (19|20)\d\d", method.source)
    assert is_paper or method.name == "none"


@every_method
def test_implementation_is_a_file_of_the_methods_name(method: Method) -> None:
    module, _, function = method.implementation.partition(":")
    assert module == f"autokd.distill.losses.{method.name}"
    assert function.lower() == method.name.replace("_", "") or function == method.name


@every_method
def test_every_description_is_one_line(method: Method) -> None:
    texts = [method.cost, method.source, *(p.description for p in method.parameters)]
    assert all(text and "\n" not in text for text in texts)


def test_methods_that_share_a_parameter_differ_in_its_default_alone() -> None:
    for shared in SHARED_DEFAULTS:
        found = {
            (p.type, p.low, p.high, p.description)
            for method in METHODS.values()
            for p in method.parameters
            if p.name == shared
        }
        assert len(found) == 1


@pytest.mark.parametrize("name", ["method", "type", *METHODS])
def test_no_parameter_takes_a_name_that_a_search_space_uses_otherwise(name: str) -> None:
    parameters = {p.name for m in METHODS.values() for p in (*m.parameters, *options_of(m))}
    assert name not in parameters


def test_a_method_is_found_by_name() -> None:
    assert find_method("dkd") is METHODS["dkd"]


def test_an_unknown_method_is_answered_with_the_nearest() -> None:
    with pytest.raises(DefinitionError, match=r"^must be one of .*'ctkd'\?$"):
        find_method("ctdk")


POINT: dict[str, Value] = {
    "architecture.depth": 3,
    "kd.method": "kd",
    "kd.temperature": 2.0,
    "kd.soft_weight": 0.5,
}


def test_a_point_settles_into_its_method_and_parameters() -> None:
    method, settled = settle(POINT)
    assert method is METHODS["kd"]
    assert settled == {
        "temperature": 2.0,
        "soft_weight": 0.5,
        "kd_off_fraction": 1.0,
        "soft_warmup_fraction": 0.0,
        "teacher_views": "same",
        "standardise": False,
    }


@pytest.mark.parametrize(
    ("changes", "name", "value"),
    [
        ({}, "beta", 8.0),
        ({"kd.dkd.beta": 2.0}, "beta", 2.0),
        ({"kd.dkd.temperature": 7.0}, "temperature", 7.0),  # wins over the shared one
        ({"kd.kd.temperature": 7.0}, "temperature", 2.0),  # another method's
        ({"kd.standardise": True}, "standardise", True),
        ({"kd.standardise": True, "kd.dkd.standardise": False}, "standardise", False),
    ],
)
def test_a_value_for_one_method_wins_over_the_shared_one_and_both_over_the_default(
    changes: dict[str, Value], name: str, value: Value
) -> None:
    assert settle({**POINT, "kd.method": "dkd", **changes})[1][name] == value


def test_a_point_without_any_parameter_settles_into_the_defaults() -> None:
    for name, method in METHODS.items():
        found, settled = settle({"kd.method": name})
        legal = (*method.parameters, *options_of(method))
        assert found is method
        assert settled == {parameter.name: parameter.default for parameter in legal}
