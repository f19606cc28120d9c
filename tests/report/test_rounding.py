import math

import pytest

from autokd.report.rounding import (
    MISSING,
    exact,
    metric_title,
    parameter_title,
    short,
    times,
    value,
)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (7, "7"),
        (999, "999"),
        (999.6, "1k"),
        (12_431, "12.4k"),
        (999_999, "1M"),
        (1_234_567, "1.23M"),
        (5e12, "5T"),
        (5e15, "5000T"),
        (math.nan, MISSING),
    ],
)
def test_short_has_three_digits_and_a_prefix(number: float, text: str) -> None:
    assert short(number) == text


@pytest.mark.parametrize(
    ("metric", "number", "text"),
    [
        ("top1", 0.96349, "0.963"),
        ("ece", 0.0, "0.000"),
        ("kl", 99.5, "99.500"),
        ("cev", 1017.64, "1,018"),
        ("params", 12431.0, "12,431"),
        ("latency_s", 0.001234, "1.23 ms"),
        ("peak_bytes", 18_400, "18.4 kB"),
        ("peak_bytes", 400, "400 B"),
        ("top1", math.nan, MISSING),
        ("params", math.inf, MISSING),
    ],
)
def test_exact_has_digits_and_unit_of_the_metric(metric: str, number: float, text: str) -> None:
    assert exact(metric, number) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (22.4, "22\N{MULTIPLICATION SIGN}"),
        (9.96, "10\N{MULTIPLICATION SIGN}"),
        (2.71, "2.7\N{MULTIPLICATION SIGN}"),
        (math.nan, MISSING),
    ],
)
def test_times_drops_the_decimal_from_ten_on(ratio: float, text: str) -> None:
    assert times(ratio) == text


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (3.0, "3"),
        (3, "3"),
        (0.12345, "0.1235"),
        (7981.6, "7,982"),
        ("kd", "kd"),
        (True, "True"),
        (None, MISSING),
        (math.nan, MISSING),
    ],
)
def test_value_writes_whole_floats_as_ints(given: float | str | None, text: str) -> None:
    assert value(given) == text


def test_titles_name_units_and_drop_the_common_prefix() -> None:
    assert metric_title("latency_s") == "latency (seconds per batch)"
    assert metric_title("top1") == "top1"
    assert parameter_title("architecture.params_budget") == "params_budget"
    assert parameter_title("kd.temperature") == "kd.temperature"
