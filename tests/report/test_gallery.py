import re
from dataclasses import replace

from autokd.report.gallery import DRAWING_LIMIT, chosen_trials, gallery
from autokd.report.gathered import Gathered


def test_short_front_is_drawn_whole(gathered: Gathered) -> None:
    assert chosen_trials(gathered) == gathered.front["trial"].tolist()


def test_long_front_is_cut_with_both_ends_and_any_knee(long: Gathered) -> None:
    slots = long.front["trial"].tolist()
    for knee in slots:
        chosen = chosen_trials(replace(long, knee=knee))
        assert len(set(chosen)) == len(chosen) == DRAWING_LIMIT
        assert (chosen[0], chosen[-1]) == (slots[0], slots[-1])
        assert knee in chosen
        assert chosen == sorted(chosen, key=slots.index)


def test_drawing_has_its_size_and_top1(gathered: Gathered) -> None:
    html = gallery(gathered, is_linked=True)
    row = gathered.front.iloc[0]
    assert html.count("<figure ") == len(gathered.front)
    assert f"<strong>trial {row['trial']}</strong>: 989 params, top1 {row['top1']:.3f}" in html
    assert html.count(", the knee") == 1


def test_anchors_are_left_out_where_they_would_repeat(gathered: Gathered) -> None:
    anchors = [f"trial-{slot}" for slot in gathered.front["trial"]]
    assert re.findall(r' id="([^"]+)"', gallery(gathered, is_linked=True)) == anchors
    assert " id=" not in gallery(gathered, is_linked=False)
