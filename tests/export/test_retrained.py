import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autokd.errors import ExportError
from autokd.export.retrained import Retrained, SeedResult, median_index, summarise
from autokd.export.searched import Searched
from autokd.graphs import ArchGraph, Node

GRAPH = ArchGraph((Node("stem", (), 4, 1), Node("conv3x3", (0,), 8, 2)))


def _result(top1: float) -> SeedResult:
    return SeedResult(0, "d", 100, 1.0, {"top1": top1}, {"top1": top1 - 0.1})


def _retrained(*top1: float) -> Retrained:
    seeds = tuple(_result(value) for value in top1)
    return Retrained(
        slot=3,
        members="same",
        epochs=6,
        first_view=2,
        device="cpu",
        precision="float32",
        seeds=seeds,
        median=0,
        graph=GRAPH,
    )


def test_mean_and_std_are_those_of_the_seeds() -> None:
    retrained = _retrained(0.5, 0.7, 0.9)
    assert retrained.mean()["top1"] == pytest.approx(0.7)
    assert retrained.std()["top1"] == pytest.approx(0.2)
    assert retrained.mean("test")["top1"] == pytest.approx(0.6)
    assert retrained.std("test")["top1"] == pytest.approx(0.2)


def test_one_seed_has_no_spread() -> None:
    assert summarise([{"top1": 0.5}]) == {"mean": {"top1": 0.5}, "std": {}}


def test_median_of_an_even_number_is_the_lower() -> None:
    assert median_index([0.4, 0.1, 0.3, 0.2]) == 3


@given(st.lists(st.floats(0, 1), min_size=1))
def test_median_has_as_many_below_as_above(values: list[float]) -> None:
    median = values[median_index(values)]
    n_below = sum(value < median for value in values)
    n_above = sum(value > median for value in values)
    assert n_below <= (len(values) - 1) // 2
    assert n_above <= len(values) // 2


def test_lines_tell_every_seed_mean_spread_and_which_was_kept() -> None:
    lines = _retrained(0.5, 0.7).lines()
    assert lines[0] == "trial 3, same members, 6 epochs on cpu"
    assert lines[1].endswith("top1 0.5000, test top1 0.4000, kept (the median on validation)")
    assert lines[2].endswith("validation top1 0.7000, test top1 0.6000")
    assert "top1 0.6000 (std 0.1414), test top1 0.5000 (std 0.1414), n = 2" in lines[3]
    assert "mean: validation top1 0.5000, test top1 0.4000, n = 1" in _retrained(0.5).lines()[-1]


def test_lines_set_the_search_beside_it_and_compare_families() -> None:
    before = Searched(9, 3, {"top1": 0.55, "params": 101.0}, {"top1": 0.02, "params": 3.0})
    same = replace(_retrained(0.5, 0.7), searched=before)
    assert same.lines()[-1] == "search: validation top1 0.5500 (std 0.0200), n = 3, 9 epochs"
    *_, mean, params, search, spread = replace(same, members="fresh").lines()
    assert mean.startswith("mean: ")
    assert params == "params: mean 100 (std 0)"
    assert search == same.lines()[-1]
    assert spread.startswith("spread of top1: 7.1 times that of the search's 3 members (95 %")
    alone = replace(_retrained(0.5), searched=before, members="fresh")
    assert alone.lines()[-1] == search  # one member has no spread


def test_written_result_holds_seeds_summary_and_graph(tmp_path: Path) -> None:
    _retrained(0.5, 0.7).write(tmp_path / "r.json")
    raw = json.loads((tmp_path / "r.json").read_text())
    assert [seed["validation"]["top1"] for seed in raw["seeds"]] == [0.5, 0.7]
    assert raw["n_seeds"] == 2
    assert raw["validation"]["mean"]["top1"] == pytest.approx(0.6)
    assert raw["params"] == {"mean": 100, "std": 0}
    assert raw["searched"] is None
    assert ArchGraph.from_mapping(raw["graph"]) == GRAPH


def test_an_earlier_result_survives_a_failed_write(tmp_path: Path) -> None:
    (tmp_path / "r.json").mkdir()
    with pytest.raises(ExportError, match=r"r.json cannot be written"):
        _retrained(0.5).write(tmp_path / "r.json")
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]
