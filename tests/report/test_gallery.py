import re
from dataclasses import replace

from autokd.graphs import ArchGraph, Node
from autokd.report.gallery import DRAWING_LIMIT, NODE_LIMIT, chosen_trials, gallery
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


def test_large_graphs_leave_room_for_fewer_drawings(long: Gathered) -> None:
    nodes = [Node("stem", (), 4, 1), *(Node("conv3x3", (at,), 4, 1) for at in range(599))]
    chain = ArchGraph(tuple(nodes))
    large = replace(long, graphs=dict.fromkeys(long.graphs, chain))
    for n_runs, n_drawn in ((1, NODE_LIMIT // 600), (2, 3), (50, 3)):
        assert len(chosen_trials(large, n_runs=n_runs)) == n_drawn
        assert large.knee in chosen_trials(large, n_runs=n_runs)
    assert len(gallery(large)) < 2_000_000


def test_no_more_graphs_are_looked_at_than_could_be_drawn(long: Gathered) -> None:
    class Watched(dict[int, ArchGraph]):
        def __getitem__(self, slot: int) -> ArchGraph:
            asked.add(slot)
            return super().__getitem__(slot)

    asked: set[int] = set()
    gallery(replace(long, graphs=Watched(long.graphs)))
    assert len(asked) == DRAWING_LIMIT < len(long.front)


def test_deep_graph_takes_the_whole_width(gathered: Gathered) -> None:
    nodes = [Node("stem", (), 4, 1), *(Node("conv3x3", (at,), 4, 1) for at in range(60))]
    deep = replace(gathered, graphs=dict.fromkeys(gathered.graphs, ArchGraph(tuple(nodes))))
    assert '<figure class="wide"' in gallery(deep)
    assert '<figure class="wide"' not in gallery(gathered)


def test_drawing_has_its_size_and_top1(gathered: Gathered) -> None:
    html = gallery(gathered)
    row = gathered.front.iloc[0]
    assert html.count("<figure ") == len(gathered.front)
    assert f"<strong>trial {row['trial']}</strong>: 989 params, top1 {row['top1']:.3f}" in html
    assert html.count(", the knee") == 1


def test_anchors_are_left_out_where_they_would_repeat(gathered: Gathered) -> None:
    anchors = [f"trial-{slot}" for slot in gathered.front["trial"]]
    assert re.findall(r' id="([^"]+)"', gallery(gathered)) == anchors
    assert " id=" not in gallery(gathered, n_runs=2)
