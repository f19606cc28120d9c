from dataclasses import replace

import pytest

from autokd.diagnose.angles import Angles, Bin
from autokd.diagnose.figures import (
    SHOWN_CLASSES,
    agreement_figure,
    angles_figure,
    margins_figure,
    tail_figure,
    transfer_figure,
)
from autokd.diagnose.geometry import ClassSeparation, Separation
from autokd.diagnose.transfer import Transfer
from autokd.pages.theme import FRONT, KNEE


def separation(margins: list[float]) -> Separation:
    classes = [ClassSeparation(at, 2, 1.0, 0, 1.0, m, 1.0) for at, m in enumerate(margins)]
    return Separation(1.0, 0.0, 4, tuple(classes))


def test_risk_has_a_line_with_spread_and_a_point_for_each_seed(transfer: Transfer) -> None:
    line, seeds, *_ = transfer_figure(transfer).data
    assert list(line.x) == [100, 200, 400]
    assert list(line.y) == pytest.approx([0.4, 0.3, 0.32])
    assert line.error_y.array[0] == pytest.approx(0.1)
    assert line.error_y.visible
    assert (list(seeds.x)[:3], list(seeds.y)[:3]) == ([100] * 3, [0.3, 0.4, 0.5])
    assert len(transfer_figure(transfer).data) == 4


def test_one_seed_has_no_error_bars(transfer: Transfer) -> None:
    assert not transfer_figure(replace(transfer, n_seeds=1)).data[0].error_y.visible


def test_classes_stand_by_margin_and_none_without_one_is_drawn() -> None:
    (bars,) = margins_figure(separation([0.5, float("nan"), 0.1]), ("a", "b", "<c>")).data
    assert list(bars.x) == [0.1, 0.5]
    assert list(bars.y) == ["&lt;c&gt;", "a"]


def test_classes_of_the_same_name_have_bars_of_their_own() -> None:
    (bars,) = margins_figure(separation([0.1, 0.2, 0.3]), ("a", "b", "a")).data
    assert list(bars.y) == ["a (0)", "b", "a (2)"]


def test_of_many_classes_those_with_the_smallest_margins_are_drawn() -> None:
    margins = [1 - at / 100 for at in range(90)]
    (bars,) = margins_figure(separation(margins), tuple("x" * 90)).data
    assert len(bars.x) == SHOWN_CLASSES
    assert bars.x[0] == margins[-1]


def test_bars_of_angles_count_every_image_and_mark_what_is_close() -> None:
    (bars,) = angles_figure(Angles((0.0, 5.0, 60.0, 60.0))).data
    assert sum(bars.y) == pytest.approx(1.0)
    assert bars.y[-1] == 0.5
    assert bars.marker.color[0] == KNEE
    assert bars.marker.color[-1] == FRONT


def test_angles_that_are_all_0_can_be_drawn() -> None:
    (bars,) = angles_figure(Angles((0.0, 0.0))).data
    assert bars.y[0] == 1.0


def test_tail_falls_from_1() -> None:
    line = tail_figure(Angles((0.0, 45.0))).data[0]
    assert (line.y[0], line.y[45], line.y[46], line.y[90]) == (1.0, 1.0, 0.5, 0.5)


def test_agreement_has_a_bar_a_bin_even_where_angles_tie() -> None:
    bins = (Bin(0.0, 0.0, 1, (1.0, 0.0)), Bin(0.0, 0.0, 1, (1.0, 1.0)))
    (bars,) = agreement_figure(Angles((0.0, 0.0), bins)).data
    assert len(set(bars.x)) == 2
    assert list(bars.y) == [0.5, 1.0]
    assert bars.error_y.array[0] == pytest.approx(0.5**0.5)
    (alone,) = agreement_figure(Angles((0.0,), (Bin(0.0, 0.0, 1, (1.0,)),))).data
    assert not alone.error_y.visible
