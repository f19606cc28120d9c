"""How numbers and names are written in tables, hover texts and headings.

Fractions get three decimals: with 10,000 images a top1 of 0.9 has a standard error of 0.003, so a
fourth digit would be noise. Counts of weights are exact where a reader may look one up and short
(``12.4k``) where they are compared. Everything here returns plain text; whoever puts it into a
page escapes it.
"""

from math import floor, isfinite, log10

from autokd.parameters import Value

__all__ = [
    "MISSING",
    "exact",
    "metric_title",
    "parameter_title",
    "short",
    "times",
    "value",
]

MISSING = "–"  # noqa: RUF001 - the sign for a gap in a table, not a hyphen
"""What stands for a number that was not measured."""

_COUNTS = ("params", "macs")
_TITLES = {
    "macs": "macs per image",
    "latency_s": "latency (seconds per batch)",
    "peak_bytes": "peak activations (bytes)",
    "ece": "ece (calibration error)",
    "nll": "nll (nats)",
    "kl": "kl (nats from the teacher)",
    "cev": "cev (variance of class errors)",
    "sde": "sde (lopsidedness of class errors)",
}
_PREFIXES = ("", "k", "M", "G", "T")


def short(number: float) -> str:
    """Write a count with three significant digits and a decimal prefix.

    Args:
        number: The count, >= 0, in any unit; NaN is allowed.

    Returns:
        ``12.4k``, ``950``, ``1.2M``; the sign for a missing number for NaN and infinity.
    """
    if not isfinite(number):
        return MISSING
    rounded = float(f"{number:.3g}")
    step = min(max(floor(log10(rounded)) // 3, 0), len(_PREFIXES) - 1) if rounded > 0 else 0
    return f"{rounded / 1000**step:.4g}{_PREFIXES[step]}"


def exact(metric: str, number: float) -> str:
    """Write a measured number as it stands in a table.

    Args:
        metric: Name of the metric; it decides digits and unit.
        number: The number in the metric's own unit; NaN is allowed.

    Returns:
        ``0.963`` for fractions and all that is below 100, ``12,431`` for counts, ``1.23 ms``,
            ``18.4 kB``.
    """
    if not isfinite(number):
        return MISSING
    if metric in _COUNTS:
        return f"{number:,.0f}"
    if metric == "latency_s":
        return f"{number * 1000:.3g} ms"
    if metric == "peak_bytes":
        text = short(number)
        return f"{text[:-1]} {text[-1]}B" if text[-1].isalpha() else f"{text} B"
    return f"{number:.3f}" if abs(number) < 100 else f"{number:,.0f}"


def times(ratio: float) -> str:
    """Write a ratio of sizes.

    Args:
        ratio: How many times larger, > 0; NaN is allowed.

    Returns:
        ``22x`` from 10 on, ``2.7x`` below.
    """
    if not isfinite(ratio):
        return MISSING
    return f"{ratio:,.0f}×" if ratio >= 9.95 else f"{ratio:.1f}×"  # noqa: RUF001


def value(parameter: Value | None) -> str:
    """Write one value of a parameter.

    Args:
        parameter: The value; None and NaN mean that the parameter is not active in the point. A
            float that is a whole number is written as one: a table with gaps turns every int into
            a float.

    Returns:
        The value with four significant digits, whole from 1000 on.
    """
    if parameter is None or (isinstance(parameter, float) and not isfinite(parameter)):
        return MISSING
    if isinstance(parameter, bool | str):
        return str(parameter)
    is_whole = parameter == round(parameter) or abs(parameter) >= 1000
    return f"{parameter:,.0f}" if is_whole else f"{parameter:.4g}"


def metric_title(metric: str) -> str:
    """Name a metric on an axis.

    Args:
        metric: The metric.

    Returns:
        Its name, with the unit where the name alone does not say it.
    """
    return _TITLES.get(metric, metric)


def parameter_title(name: str) -> str:
    """Shorten a parameter's full name where space is scarce.

    Args:
        name: ``architecture.params_budget`` or ``kd.temperature``.

    Returns:
        The name without ``architecture.``; ``kd.`` stays.
    """
    return name.removeprefix("architecture.")
