"""Descriptions of the methods: named as registered, legal defaults, consistent parameters."""

import pytest

from autokd.methods import METHODS, Method


@pytest.mark.parametrize(("name", "method"), METHODS.items())
def test_method_is_registered_under_its_name(name: str, method: Method) -> None:
    assert method.name == name


@pytest.mark.parametrize("method", METHODS.values())
def test_default_of_every_parameter_is_legal(method: Method) -> None:
    for parameter in method.parameters:
        assert parameter.default is None or parameter.accepts(parameter.default), parameter.name


def test_methods_that_share_a_parameter_name_share_the_parameter() -> None:
    by_name = {p.name: p for method in METHODS.values() for p in method.parameters}
    for method in METHODS.values():
        assert all(by_name[p.name] == p for p in method.parameters), method.name


def test_no_parameter_takes_the_name_that_chooses_the_method() -> None:
    names = {p.name for method in METHODS.values() for p in method.parameters}
    assert "method" not in names


def test_every_method_but_none_needs_the_teacher() -> None:
    assert [name for name, m in METHODS.items() if not m.needs_teacher] == ["none"]


def test_temperature_is_above_zero_and_soft_weight_is_a_share() -> None:
    legal = {p.name: p for p in METHODS["kd"].parameters}
    assert not legal["temperature"].accepts(0)
    assert [legal["soft_weight"].accepts(value) for value in (-0.1, 0, 1, 1.1)] == [
        False,
        True,
        True,
        False,
    ]
