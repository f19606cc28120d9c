from math import asin, isnan, pi, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import bootstrap, kendalltau

from autokd.runs.analysis import curves_table
from autokd.runs.ranking import INTERVAL_LEAST, rung_correlation, tau_interval
from autokd.runs.record import Record, RungResult


def _record(slot: int, *top1: float) -> Record:
    record = Record(slot, 0, 0, {})
    for epochs, shown in zip((1, 2, 4), top1, strict=False):
        record = record.with_rung(RungResult(epochs, {"top1": shown}))
    return record


def test_tau_is_one_for_equal_order_and_minus_one_for_reversed() -> None:
    records = [_record(i, 0.1 * i, 0.5 - 0.1 * i, 0.2 + 0.1 * i) for i in range(4)]
    table = rung_correlation(curves_table(records), "top1", top=4)
    assert list(table["epochs"]) == [1, 2]
    assert list(table["n"]) == [4, 4]
    assert list(table["tau"]) == pytest.approx([1.0, -1.0])


def test_only_trials_that_finished_enter() -> None:
    records = [_record(0, 0.0, 0.2, 0.9), *(_record(i, 0.1 * i) for i in range(1, 4))]
    table = rung_correlation(curves_table(records), "top1", top=4)
    assert list(table["n"]) == [1, 1]
    assert table["tau"].isna().all()


def test_a_run_in_which_nothing_has_finished_says_nothing() -> None:
    for records in ([], [_record(i, 0.1 * i, 0.2 * i) for i in range(4)]):
        assert rung_correlation(curves_table(records), "top1", top=4).empty
    assert rung_correlation(curves_table([_record(0, 0.1, 0.2, 0.3)]), "kl", top=4).empty


def test_scores_without_any_difference_have_no_tau() -> None:
    records = [_record(i, 0.5, 0.1 * i, 0.1 * i) for i in range(12)]
    table = rung_correlation(curves_table(records), "top1", top=4)
    assert isnan(table["tau"][0])
    assert table["tau"][1] == pytest.approx(1.0)
    assert table[["tau_low", "tau_high"]].isna().all(axis=None)  # nothing to vary in either


def _pairs(n: int, *, tau: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw scores whose tau in a normal population is given."""
    rng, rho = np.random.default_rng(seed), np.sin(pi * tau / 2)
    early = rng.normal(size=n)
    return early, rho * early + sqrt(1 - rho**2) * rng.normal(size=n)


def test_interval_is_that_of_scipys_percentile_bootstrap() -> None:
    early, final = _pairs(30, tau=0.5, seed=3)
    early = early.round(1)  # with ties
    slow = bootstrap(
        (early, final),
        lambda x, y: kendalltau(x, y).statistic,
        paired=True,
        vectorized=False,
        method="percentile",
        n_resamples=2000,
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert tau_interval(early, final) == pytest.approx((slow.low, slow.high), abs=0.04)


def test_interval_covers_the_populations_tau_in_about_95_of_100_runs() -> None:
    held = []
    for seed in range(200):
        low, high = tau_interval(*_pairs(INTERVAL_LEAST, tau=0.5, seed=seed))
        held.append(low <= 0.5 <= high)
    assert 0.90 <= np.mean(held) <= 0.99


def test_population_of_the_coverage_test_has_its_tau() -> None:
    early, final = _pairs(4000, tau=0.5, seed=0)
    assert kendalltau(early, final).statistic == pytest.approx(0.5, abs=0.03)
    assert 2 / pi * asin(np.corrcoef(early, final)[0, 1]) == pytest.approx(0.5, abs=0.03)


@given(st.integers(0, INTERVAL_LEAST - 1))
def test_too_few_trials_have_no_interval(n: int) -> None:
    assert np.isnan(tau_interval(*_pairs(n, tau=0.5, seed=n))).all()


def test_interval_narrows_with_trials_up_to_the_most_that_are_resampled() -> None:
    widths = []
    for n in (10, 100, 1000, 3000):
        low, high = tau_interval(*_pairs(n, tau=0.5, seed=0))
        widths.append(high - low)
    assert widths[0] > 2 * widths[1] > 4 * widths[2]
    assert widths[3] == pytest.approx(widths[2], rel=0.2)


def test_the_same_scores_give_the_same_interval() -> None:
    scores = _pairs(20, tau=0.3, seed=5)
    assert tau_interval(*scores) == tau_interval(*scores)
