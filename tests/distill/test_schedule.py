import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autokd.distill.schedule import learning_rates, segments, steps_per_epoch
from autokd.study import Training


def test_rates_follow_the_closed_form_at_the_middle_of_each_step() -> None:
    training = Training(learning_rate=0.2, warmup_fraction=0.25)
    decay = [0.1 * (1 + math.cos(math.pi * k / 12)) for k in (1, 3, 5, 7, 9, 11)]
    assert learning_rates(8, training) == pytest.approx([0.05, 0.15, *decay])


def test_without_warm_up_the_rate_only_falls() -> None:
    rates = learning_rates(10, Training(learning_rate=0.1, warmup_fraction=0.0))
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == pytest.approx(0.1, rel=0.01)
    assert 0 < rates[-1] < 0.001


@given(n=st.integers(1, 300), peak=st.floats(0.001, 1), warmup=st.floats(0, 0.99))
def test_rates_lie_between_zero_and_the_peak(n: int, peak: float, warmup: float) -> None:
    rates = learning_rates(n, Training(learning_rate=peak, warmup_fraction=warmup))
    assert len(rates) == n
    assert all(0 < rate <= peak for rate in rates)


def test_no_steps_have_no_rates() -> None:
    assert learning_rates(0, Training()) == []


def test_segments_add_up_to_the_rungs() -> None:
    assert segments([3, 9, 27]) == [3, 6, 18]
    assert segments([5]) == [5]


@pytest.mark.parametrize(
    ("n", "batch_size", "steps"), [(64, 64, 1), (65, 64, 1), (66, 64, 2), (130, 64, 3), (3, 1, 3)]
)
def test_a_single_image_left_over_makes_no_step(n: int, batch_size: int, steps: int) -> None:
    assert steps_per_epoch(n, batch_size) == steps
