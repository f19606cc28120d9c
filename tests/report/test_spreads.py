import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from autokd.report.spreads import LEAST, MARGIN, Steadiness, likely_range, steadiness


def _families(
    n: int, *, n_members: int, seed: int, true: float | np.ndarray = 0.01
) -> tuple[np.ndarray, np.ndarray]:
    """Draw spreads of families whose true ones are given, and their params."""
    rng = np.random.default_rng(seed)
    params = 10 ** rng.uniform(3, 5, n)
    members = rng.normal(0.9, 1, (n_members, n)) * true
    return members.std(axis=0, ddof=1), params


def _found(spreads: np.ndarray, params: np.ndarray, *, n_members: int) -> Steadiness:
    found = steadiness(spreads, params, n_members=n_members)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("n", "ends"), [(2, (0.446, 31.91)), (3, (0.521, 6.285)), (10, (0.688, 1.826))]
)
def test_likely_range_is_that_of_chi_squared_tables(n: int, ends: tuple[float, float]) -> None:
    assert likely_range(n) == pytest.approx(ends, rel=1e-3)


def test_likely_range_covers_the_true_spread_in_95_of_100_families() -> None:
    low, high = likely_range(3)
    seen, _ = _families(4000, n_members=3, seed=0)
    assert np.mean((low * seen <= 0.01) & (high * seen >= 0.01)) == pytest.approx(0.95, abs=0.01)


def _line(found: Steadiness, *, n_free: int) -> tuple[np.ndarray, float]:
    """Work back to the line and to d0."""
    prior = n_free / found.weight - n_free
    return found.usual**2 * stats.chi2.median(prior) / prior, prior


def test_expected_variance_is_that_of_the_formula() -> None:
    seen, params = _families(12, n_members=4, seed=2)
    found = _found(seen, params, n_members=4)
    line, prior = _line(found, n_free=3)
    assert found.expected**2 == pytest.approx((prior * line + 3 * seen**2) / (prior + 3))


def test_half_of_the_families_spread_less_than_is_usual() -> None:
    true = 0.01 * np.sqrt(3 / np.random.default_rng(0).chisquare(3, 300))
    seen, params = _families(300, n_members=5, seed=0, true=true)
    found = _found(seen, params, n_members=5)
    assert np.mean(true < found.usual) == pytest.approx(0.5, abs=0.06)


def test_line_and_weight_are_where_the_likelihood_is_largest() -> None:
    rng = np.random.default_rng(3)
    true = 0.01 * np.exp(rng.normal(0, 0.8, 40))
    seen, params = _families(40, n_members=4, seed=3, true=true)
    found = _found(seen, params, n_members=4)
    place = np.log10(params) - np.log10(params).mean()
    line, prior = _line(found, n_free=3)
    slope, level = np.polyfit(place, np.log(line), 1)

    def likelihood(level: float, slope: float, prior: float) -> float:
        usual = np.exp(level + slope * place)
        fits = stats.f.logpdf(seen**2 / usual, 3, prior) - np.log(usual)
        weak = stats.norm.logpdf(slope, 0, 2) + stats.norm.logpdf(np.log(prior), np.log(8), 2)
        return float(fits.sum() + weak)

    best = likelihood(level, slope, prior)
    for step in (-0.05, 0.05):
        assert likelihood(level + step, slope, prior) < best
        assert likelihood(level, slope + step, prior) < best
        assert likelihood(level, slope, prior * (1 + step)) < best


def test_usual_spread_follows_size() -> None:
    params = np.geomspace(1e3, 1e5, 40)
    found = _found(0.01 * (params / 1e3) ** -0.4, params, n_members=3)
    assert found.usual == pytest.approx(0.01 * (params / 1e3) ** -0.4, rel=0.05)
    assert found.weight < 0.05
    assert found.chance > 0.9


@pytest.mark.parametrize("n_members", [2, 3, 5])
def test_equal_families_are_rarely_told_apart(n_members: int) -> None:
    told = [
        _found(*_families(20, n_members=n_members, seed=seed), n_members=n_members).is_told
        for seed in range(60)
    ]
    assert np.mean(told) < 0.15


def test_expected_spread_is_nearer_to_the_truth_than_that_of_the_members() -> None:
    rng = np.random.default_rng(1)
    errors = []
    for seed in range(30):
        true = 0.01 * np.exp(rng.normal(0, 0.7, 30))
        seen, params = _families(30, n_members=3, seed=seed, true=true)
        expected = _found(seen, params, n_members=3).expected
        errors.append([((guess - true) ** 2).mean() for guess in (seen, expected)])
    seen_error, expected_error = np.mean(errors, axis=0)
    assert expected_error < 0.9 * seen_error


def test_families_that_differ_much_are_told_robust_or_uneven() -> None:
    true = np.where(np.arange(60) % 3 == 0, 0.001, 0.03)
    seen, params = _families(60, n_members=5, seed=4, true=true)
    found = _found(seen, params, n_members=5)
    assert found.is_told
    assert found.is_robust[true == 0.001].all()
    assert not found.is_robust[found.ratio > 1 - MARGIN].any()
    assert not (found.is_robust & found.is_uneven).any()
    assert found.is_uneven.any()


def test_nothing_is_robust_where_families_differ_by_chance() -> None:
    found = _found(*_families(20, n_members=2, seed=0), n_members=2)
    assert not found.is_told
    assert not found.is_robust.any()
    assert not found.is_uneven.any()


def test_few_families_or_none_with_any_spread_are_not_compared() -> None:
    params = np.geomspace(1e3, 1e5, LEAST)
    assert steadiness(np.full(LEAST - 1, 0.01), params[1:], n_members=3) is None
    assert steadiness(np.zeros(LEAST), params, n_members=3) is None


@settings(max_examples=30)
@given(
    st.lists(st.sampled_from([0.0, 1e-9, 0.003, 0.2]), min_size=LEAST, max_size=30),
    st.integers(2, 5),
)
def test_what_is_expected_lies_between_the_line_and_what_was_seen(
    spreads: list[float], n_members: int
) -> None:
    seen, params = np.array(spreads), np.geomspace(1e3, 1e6, len(spreads))
    found = steadiness(seen, params, n_members=n_members)
    if not seen.any():
        assert found is None
        return
    assert found is not None
    assert 0 < found.weight < 1
    assert 0 < found.chance <= 1
    line, _ = _line(found, n_free=n_members - 1)
    low, high = np.minimum(seen, np.sqrt(line)), np.maximum(seen, np.sqrt(line))
    assert (found.expected >= low * (1 - 1e-9)).all()
    assert (found.expected <= high * (1 + 1e-9)).all()
