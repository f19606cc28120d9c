import numpy as np
import pytest

from autokd.sampler.rungs import aligned


def test_the_top_rung_stays_as_it_is() -> None:
    results = [{9.0: 0.3}, {9.0: 0.1}, {}]
    assert aligned(results) == results


def test_a_line_between_rungs_is_recovered_from_many_pairs() -> None:
    rng = np.random.default_rng(0)
    tops = rng.random(4000).tolist()
    results = [{27.0: t, 9.0: 2 * t + 1} for t in tops] + [{9.0: 3.0}]
    found = aligned(results)
    assert found[-1][9.0] == pytest.approx(1.0, abs=2e-3)  # (3 - 1) / 2
    for t, trial in zip(tops[:20], found, strict=False):
        assert trial[9.0] == pytest.approx(t, abs=2e-3)
        assert trial[27.0] == t


def test_few_pairs_are_believed_less_about_the_ratio_of_spreads() -> None:
    results = [{3.0: 0.0, 9.0: 0.0}, {3.0: 1.0, 9.0: 4.0}]
    low, high = (trial[3.0] for trial in aligned(results))
    assert high - low == pytest.approx(4 ** (2 / 6))  # two pairs against the weight of four
    assert (low + high) / 2 == pytest.approx(2.0)


def test_one_pair_shifts_and_keeps_the_spread() -> None:
    found = aligned([{3.0: 0.5, 9.0: 0.2}, {3.0: 0.9}])
    assert found[0][3.0] == pytest.approx(0.2)
    assert found[1][3.0] == pytest.approx(0.6)


def test_that_the_good_were_promoted_is_not_taken_for_progress() -> None:
    """Results are the same at both rungs, but only the better half has reached the second."""
    values = np.linspace(0, 1, 40)
    results = [{3.0: v, 9.0: v} if v < 0.5 else {3.0: v} for v in values.tolist()]
    for value, trial in zip(values, aligned(results), strict=True):
        assert trial[3.0] == pytest.approx(value)


def test_rungs_are_brought_up_one_by_one() -> None:
    chain = [{1.0: 5.0, 3.0: 3.0}, {3.0: 3.0, 9.0: 2.0}, {1.0: 6.0}]
    found = aligned(chain)
    assert found[0] == pytest.approx({1.0: 2.0, 3.0: 2.0})
    assert found[2] == pytest.approx({1.0: 3.0})


def test_without_pairs_the_mean_is_moved_and_the_spread_kept() -> None:
    found = aligned([{3.0: 1.0}, {3.0: 2.0}, {9.0: 10.0}, {9.0: 20.0}])
    assert [trial[3.0] for trial in found[:2]] == pytest.approx([14.5, 15.5])


def test_no_results_are_a_legal_case() -> None:
    assert aligned([]) == []
    assert aligned([{}, {}]) == [{}, {}]
