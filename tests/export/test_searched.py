import numpy as np
import pytest
from scipy import stats

from autokd.export.searched import Searched, compare_spreads, ratio_interval, searched
from autokd.runs import Run

LARGE, STOPPED = 1, 3


def _before(std: dict[str, float], *, n: int = 3) -> Searched:
    return Searched(epochs=9, n_students=n, validation={"top1": 0.9}, std=std)


def test_the_search_is_told_at_the_highest_rung_that_was_reached(run: Run) -> None:
    found = searched(run, LARGE)
    record = run.record(LARGE)
    assert (found.epochs, found.n_students, found.std) == (2, 1, {})
    assert found.validation == record.metrics
    assert searched(run, STOPPED).epochs == 1


def test_interval_of_three_against_three_is_that_of_the_tables() -> None:
    low, high = ratio_interval(0.02, 3, 0.01, 3)  # F(2, 2) has its 97.5 % point at 39
    assert (low, high) == pytest.approx((2 / np.sqrt(39), 2 * np.sqrt(39)))


def test_interval_covers_the_true_ratio_in_95_of_100_families() -> None:
    rng = np.random.default_rng(0)
    ones = rng.normal(0, 0.02, (1000, 4)).std(axis=1, ddof=1)
    others = rng.normal(0, 0.01, (1000, 3)).std(axis=1, ddof=1)
    ends = [ratio_interval(one, 4, other, 3) for one, other in zip(ones, others, strict=True)]
    assert np.mean([low <= 2 <= high for low, high in ends]) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(
    ("std", "told"),
    [
        (
            0.01,
            "1 times that of the search's 9 members (95 % interval 0.47 to 2.1): no difference",
        ),
        (0.05, ": larger"),
        (0.001, ": smaller"),
    ],
)
def test_a_difference_is_told_only_where_the_interval_leaves_one_out(
    std: float, told: str
) -> None:
    assert told in compare_spreads(std, 9, _before({"top1": 0.01}, n=9), metric="top1")
    low, high = stats.f.ppf([0.025, 0.975], 8, 8)
    assert (1 / np.sqrt(high), 1 / np.sqrt(low)) == pytest.approx((0.475, 2.106), abs=0.001)


def test_what_has_no_spread_gives_no_ratio() -> None:
    assert "one student of the family" in compare_spreads(0.01, 3, _before({}, n=1), metric="top1")
    before = _before({"top1": 0.01})
    assert compare_spreads(0.0, 3, before, metric="top1").startswith("fresh members do not differ")
    same = compare_spreads(0.01, 3, _before({"top1": 0.0}), metric="top1")
    assert same.startswith("the search's members do not differ in top1")
