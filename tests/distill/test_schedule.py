import math
from itertools import pairwise
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autokd.distill.schedule import Stretch, learning_rates, paid_epochs, plan, steps_per_epoch
from autokd.study import Schedule, Training

SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)
LADDERS = st.lists(st.integers(1, 30), min_size=1, max_size=4, unique=True).map(sorted)


def _training(schedule: Schedule, **changes: Any) -> Training:
    return Training(schedule=schedule, **changes)


def _flat(stretch: Stretch) -> list[float]:
    return [rate for epoch in stretch.rates for rate in epoch]


def test_rates_follow_the_closed_form_at_the_middle_of_each_step() -> None:
    training = Training(learning_rate=0.2, warmup_fraction=0.25)
    decay = [0.1 * (1 + math.cos(math.pi * k / 12)) for k in (1, 3, 5, 7, 9, 11)]
    assert learning_rates(8, training) == pytest.approx([0.05, 0.15, *decay])


def test_another_warm_up_fraction_is_taken_in_place_of_the_training_s() -> None:
    training = Training(warmup_fraction=0.25)
    other = learning_rates(8, training, warmup_fraction=0.5)
    assert other == learning_rates(8, Training(warmup_fraction=0.5))
    assert other != learning_rates(8, training)


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


def test_restart_rises_and_falls_once_for_each_rung() -> None:
    training = Training()
    stretches = plan([3, 9, 27], steps=4, training=training)
    assert [(s.first, s.last) for s in stretches] == [(0, 3), (3, 9), (9, 27)]
    for stretch in stretches:
        assert _flat(stretch) == learning_rates(len(_flat(stretch)), training)


def test_long_falls_once_over_all_epochs_after_the_lowest_rung_s_warm_up() -> None:
    training = _training("long", warmup_fraction=0.5)
    stretches = plan([2, 8], steps=5, training=training)
    whole = [rate for stretch in stretches for rate in _flat(stretch)]
    assert whole == learning_rates(40, training, warmup_fraction=0.125)  # one of eight epochs
    assert whole.index(max(whole)) == 5
    assert [stretch.last for stretch in stretches] == [2, 8]


def test_a_branch_falls_over_a_fifth_of_its_rung_and_the_trunk_goes_on_from_before_it() -> None:
    stretches = plan([2, 10, 20], steps=6, training=_training("branch"))
    found = [(s.first, s.last, s.ends_rung, s.is_undone) for s in stretches]
    assert found == [
        (0, 1, False, False),
        (1, 2, True, True),
        (1, 8, False, False),
        (8, 10, True, True),
        (8, 16, False, False),
        (16, 20, True, False),
    ]
    peak = Training().learning_rate
    assert set(_flat(stretches[2])) == {peak}
    falls = [0.5 * peak * (1 + math.cos(math.pi * (k + 0.5) / 12)) for k in range(12)]
    assert _flat(stretches[3]) == pytest.approx(falls)


def test_a_branch_that_begins_in_the_warm_up_rises_while_it_falls() -> None:
    (branch,) = plan([1], steps=10, training=_training("branch", warmup_fraction=0.5))
    shares = [(k + 0.5) / 10 for k in range(10)]
    expected = [0.1 * min(2 * t, 1) * 0.5 * (1 + math.cos(math.pi * t)) for t in shares]
    assert _flat(branch) == pytest.approx(expected)


def test_average_keeps_the_rate_and_averages_a_fifth_of_each_rung_s_steps() -> None:
    training = _training("average", warmup_fraction=0.5)
    low, high = plan([2, 10], steps=5, training=training)
    rise = [0.1 * (k + 0.5) / 5 for k in range(5)]
    assert _flat(low) == pytest.approx([*rise, *[0.1] * 5])
    assert _flat(high) == [0.1] * 40
    assert (low.n_averaged, high.n_averaged) == (2, 10)
    assert (low.is_undone, high.is_undone) == (True, False)


def test_nothing_below_a_rung_is_averaged_for_it() -> None:
    stretches = plan([9, 10], steps=5, training=_training("average"))
    assert [stretch.n_averaged for stretch in stretches] == [9, 5]


@pytest.mark.parametrize("schedule", SCHEDULES)
@given(rungs=LADDERS, steps=st.integers(1, 5), warmup=st.floats(0, 0.9))
def test_every_score_stands_at_its_rung_on_one_unbroken_path(
    schedule: Schedule, rungs: list[int], steps: int, warmup: float
) -> None:
    training = _training(schedule, warmup_fraction=warmup)
    stretches = plan(rungs, steps=steps, training=training)
    assert [stretch.last for stretch in stretches if stretch.ends_rung] == rungs
    assert not stretches[-1].is_undone
    reached = 0
    for stretch in stretches:
        assert stretch.first == reached
        assert all(len(epoch) == steps for epoch in stretch.rates)
        assert all(0 < rate <= training.learning_rate for rate in _flat(stretch))
        is_cut = stretch.is_undone and not stretch.n_averaged
        reached = stretch.first if is_cut else stretch.last
    assert reached == rungs[-1]


@pytest.mark.parametrize("schedule", SCHEDULES)
@given(rungs=LADDERS)
def test_all_schedules_begin_with_the_same_rise(schedule: Schedule, rungs: list[int]) -> None:
    # Beyond a lowest rung of one epoch, which a branch falls over from the start.
    rungs = [rung + 1 for rung in rungs]
    training = _training(schedule, warmup_fraction=0.5)
    rise = rungs[0] * 8 // 2
    rates = _flat(plan(rungs, steps=8, training=training)[0])[:rise]
    assert rates == pytest.approx(learning_rates(rungs[0] * 8, training)[: len(rates)])
    assert len(rates) >= 8


def test_long_on_one_rung_is_restart() -> None:
    one, other = (plan([7], steps=9, training=_training(name)) for name in ("long", "restart"))
    assert one == other


@pytest.mark.parametrize(
    ("schedule", "paid"),
    [
        ("restart", [3, 9, 27]),
        ("long", [3, 9, 27]),
        ("branch", [3, 10, 30]),
        ("average", [3, 9, 27]),
    ],
)
def test_lower_branches_are_paid_on_top(schedule: Schedule, paid: list[int]) -> None:
    assert paid_epochs([3, 9, 27], _training(schedule)) == paid


@given(rungs=LADDERS)
def test_branches_never_overtake_one_another(rungs: list[int]) -> None:
    branches = [s for s in plan(rungs, steps=1, training=_training("branch")) if s.ends_rung]
    assert all(low.first <= high.first for low, high in pairwise(branches))
    assert all(len(branch.rates) >= 1 for branch in branches)


@pytest.mark.parametrize(
    ("n", "batch_size", "steps"), [(64, 64, 1), (65, 64, 1), (66, 64, 2), (130, 64, 3), (3, 1, 3)]
)
def test_a_single_image_left_over_makes_no_step(n: int, batch_size: int, steps: int) -> None:
    assert steps_per_epoch(n, batch_size) == steps
