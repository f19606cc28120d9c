from collections.abc import Callable

import pytest

from autokd.methods.common import (
    SHARED_DEFAULTS,
    flag,
    fraction,
    soft_weight,
    temperature,
    weight,
)
from autokd.parameters import Parameter


@pytest.mark.parametrize("make", [temperature, soft_weight])
def test_a_shared_parameter_has_its_shared_name_and_default(
    make: Callable[[], Parameter],
) -> None:
    parameter = make()
    assert parameter.default == SHARED_DEFAULTS[parameter.name]


def test_a_method_may_have_a_default_of_its_own() -> None:
    assert temperature(1.0).default == 1
    assert soft_weight(0.0).default == 0


def test_temperature_is_above_zero_and_soft_weight_is_a_share() -> None:
    assert [temperature().accepts(value) for value in (0, 0.1, 100, 101)] == [
        False,
        True,
        True,
        False,
    ]
    assert [soft_weight().accepts(value) for value in (-0.1, 0, 1, 1.1)] == [
        False,
        True,
        True,
        False,
    ]


def test_a_weight_is_not_negative() -> None:
    parameter = weight("beta", 8.0, "weight of something")
    assert (parameter.name, parameter.default) == ("beta", 8)
    assert not parameter.accepts(-1e-9)
    assert parameter.accepts(0)


def test_a_fraction_lies_between_its_lower_bound_and_one() -> None:
    assert fraction("share", 0.5, "share of something").accepts(0)
    parameter = fraction("share", 0.5, "share of something", low=0.01)
    assert [parameter.accepts(value) for value in (0, 0.01, 1, 1.01)] == [False, True, True, False]


def test_a_flag_is_true_or_false_and_no_number() -> None:
    parameter = flag("wide", True, "whether it is wide")
    assert parameter.default is True
    assert [parameter.accepts(value) for value in (True, False, 1, 0)] == [
        True,
        True,
        False,
        False,
    ]
