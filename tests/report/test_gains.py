from collections.abc import Mapping
from math import sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student_t

from autokd.report.gains import LEAST, Gain, comparable, gains


def _trials(
    counts: Mapping[str, int],
    *,
    lead: Mapping[str, float] | None = None,
    noise: float = 0.0,
    seed: int = 0,
) -> pd.DataFrame:
    """Make up trials whose top1 is a line in log10 params, a lead of the method, and noise."""
    rng = np.random.default_rng(seed)
    rows = []
    for method, n in counts.items():
        for params in 10 ** rng.uniform(3, 5, n):
            top1 = 0.2 + 0.1 * np.log10(params) + (lead or {}).get(method, 0.0)
            noisy = top1 + rng.normal(0, noise * 5 / np.log10(params))
            rows.append({"kd.method": method, "params": params, "top1": noisy})
    # The ends are of none, so that all others are comparable.
    ends = [{"kd.method": "none", "params": 10.0**at, "top1": 0.2 + 0.1 * at} for at in (3, 5)]
    return pd.DataFrame([*ends, *rows] if "none" in counts else rows)


@given(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3), st.integers(0, 100))
def test_parallel_curves_give_their_distance_and_no_margin(
    kd: float, dkd: float, seed: int
) -> None:
    trials = _trials({"none": 8, "kd": 5, "dkd": 21}, lead={"kd": kd, "dkd": dkd}, seed=seed)
    found = gains(trials)
    assert found["none"] == Gain(10, 0.0, 0.0)
    assert (found["kd"].n, found["dkd"].n) == (5, 21)
    assert (found["kd"].value, found["dkd"].value) == pytest.approx((kd, dkd), abs=1e-9)
    assert found["kd"].margin == pytest.approx(0, abs=1e-9)


def test_equal_sizes_give_the_difference_of_means() -> None:
    top1 = {"none": [0.80, 0.82, 0.81, 0.85], "kd": [0.90, 0.86, 0.87]}
    rows = [
        {"kd.method": method, "params": 5e3, "top1": each}
        for method, several in top1.items()
        for each in several
    ]
    gain = gains(pd.DataFrame(rows))["kd"]
    assert gain.value == pytest.approx(np.mean(top1["kd"]) - np.mean(top1["none"]))
    # Left out, one of n equal weights moves its mean by its residual over n - 1.
    variance = sum(
        sum((each - np.mean(several)) ** 2 for each in several) / (len(several) - 1) ** 2
        for several in top1.values()
    )
    assert gain.margin == pytest.approx(student_t.ppf(0.975, 5) * sqrt(variance))


def test_margin_is_that_of_leaving_each_student_out_in_turn() -> None:
    trials = _trials({"none": 7, "kd": 6}, noise=0.02)  # too few for a second piece
    size = np.log10(trials["params"])
    design = np.column_stack([trials["kd.method"] == "kd", np.ones(len(trials)), size])
    top1 = trials["top1"].to_numpy()

    def constant(kept: np.ndarray) -> float:
        return float(np.linalg.lstsq(design[kept], top1[kept], rcond=None)[0][0])

    everyone = np.arange(len(trials))
    whole = constant(everyone)
    moved = [constant(np.delete(everyone, at)) - whole for at in everyone]
    expected = student_t.ppf(0.975, len(trials) - 3) * sqrt(sum(each**2 for each in moved))
    gain = gains(trials)["kd"]
    assert gain.value == pytest.approx(whole)
    assert gain.margin == pytest.approx(expected)


def test_intervals_hold_the_truth_as_often_as_they_promise() -> None:
    held = []
    for seed in range(400):
        trials = _trials({"none": 12, "kd": 12}, lead={"kd": 0.02}, noise=0.02, seed=seed)
        gain = gains(trials)["kd"]
        held.append(abs(gain.value - 0.02) <= gain.margin)
    # 0.95 less three standard errors of 400 draws, and nothing near certainty.
    assert 0.917 <= np.mean(held) <= 0.99


def test_a_bent_curve_is_no_gain() -> None:
    rng = np.random.default_rng(0)
    sizes = {"none": 10 ** rng.uniform(3, 5, 200), "kd": 10 ** rng.uniform(3.8, 5, 100)}
    rows = [
        {"kd.method": method, "params": params, "top1": 0.95 - 0.4 * (params / 1e3) ** -0.9}
        for method, several in sizes.items()
        for params in several
    ]
    trials = pd.DataFrame(rows)
    naive = trials.groupby("kd.method")["top1"].mean()
    assert naive["kd"] - naive["none"] > 0.05
    assert abs(gains(trials)["kd"].value) < 0.005


def test_students_outside_the_sizes_of_none_do_not_count() -> None:
    trials = _trials({"none": 6, "kd": 5}, lead={"kd": 0.05})
    outside = pd.DataFrame(
        [{"kd.method": "kd", "params": params, "top1": 0.0} for params in (9e2, 2e5)]
    )
    assert gains(pd.concat([trials, outside])) == gains(trials)


@pytest.mark.parametrize(
    "counts", [{"kd": 9, "dkd": 9}, {"none": 9}, {"none": 9, "kd": LEAST - 1}, {}]
)
def test_without_enough_of_both_there_are_no_gains(counts: dict[str, int]) -> None:
    columns = ["kd.method", "params", "top1"]
    assert gains(pd.DataFrame(_trials(counts), columns=columns)) == {}


def test_two_students_of_none_are_too_few() -> None:
    assert gains(_trials({"none": 0, "kd": 9})) == {}


def test_a_size_that_one_student_alone_has_tells_no_slope() -> None:
    rows = [
        {"kd.method": method, "params": params, "top1": 0.9}
        for method, sizes in {"none": (1e3, 1e3, 1e4), "kd": (1e3, 1e3, 1e3)}.items()
        for params in sizes
    ]
    assert gains(pd.DataFrame(rows)) == {}


def _at_sizes(sizes: Mapping[str, tuple[float, ...]], lead: Mapping[str, float]) -> pd.DataFrame:
    """Make up twelve trials of each method at each of its sizes; the curve is bent at 1e4."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "kd.method": method,
            "params": params,
            "top1": {1e3: 0.8, 1e4: 0.95, 1e5: 0.9}[params]
            + lead.get(method, 0.0)
            + rng.normal(0, 0.001),
        }
        for method, several in sizes.items()
        for params in several
        for _ in range(12)
    ]
    return pd.DataFrame(rows)


def test_a_size_that_one_method_alone_has_tells_no_gain() -> None:
    """Whether the method is better there or the curve bent, nothing says."""
    lead = {"at": 0.02, "dkd": 0.01, "kd": -0.03}
    ends = (1e3, 1e5)
    assert gains(_at_sizes({"none": ends, "kd": (1e4,)}, lead)) == {}
    some = gains(_at_sizes({"none": ends, "at": ends, "kd": (1e4,)}, lead))
    assert set(some) == {"none", "at"}
    assert some["at"].value == pytest.approx(0.02, abs=0.001)


@pytest.mark.parametrize(
    "sizes",
    [
        {"none": (1e3, 1e4, 1e5), "kd": (1e4,)},
        {"none": (1e3, 1e5), "dkd": (1e3, 1e4), "kd": (1e4,)},  # by way of dkd
    ],
)
def test_a_method_of_one_size_has_a_gain_where_others_have_that_size_too(
    sizes: Mapping[str, tuple[float, ...]],
) -> None:
    found = gains(_at_sizes(sizes, {"dkd": 0.01, "kd": -0.03}))
    assert set(found) == set(sizes)
    assert found["kd"].value == pytest.approx(-0.03, abs=0.002)
    assert found["kd"].margin < 0.002


def test_students_to_compare_are_within_the_sizes_of_none_and_of_methods_with_enough() -> None:
    trials = _trials({"none": 6, "kd": LEAST, "dkd": LEAST - 1})
    outside = pd.DataFrame([{"kd.method": "kd", "params": 2e5, "top1": 0.0}])
    rows = comparable(pd.concat([trials, outside]))
    assert rows["kd.method"].value_counts().to_dict() == {"none": 8, "kd": LEAST}
