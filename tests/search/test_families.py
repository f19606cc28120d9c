"""From families in a search to their report and to fresh members: the whole way, tiny."""

from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest

from autokd.export import choose
from autokd.export.retrain import retrain
from autokd.graphs import InputShape, count_params
from autokd.report import front_text, write_report
from autokd.runs import Run
from autokd.search.api import search

SHAPE = InputShape(1, 8, 10)
SPACE = {
    "title": "Flat graphs",
    "generator": "flat",
    "architecture": {
        "params_budget": {"type": "float", "low": 2e3, "high": 2e4, "log": True},
        "nodes": {"type": "fixed", "value": 6},
    },
    "kd": {"method": {"type": "fixed", "value": "none"}},
}


def check_records(run: Run) -> None:
    """Every record holds the mean and the spread of two members."""
    for record in run.records():
        params = [float(count_params(graph, SHAPE)) for graph in run.graphs(record.slot)]
        assert len(params) == len(record.graphs) == 2
        for rung in record.rungs:
            assert rung.metrics["params"] == fmean(params)
            assert rung.spread["params"] == pytest.approx(stdev(params))
            assert set(rung.spread) == set(rung.metrics)
    assert any(len(set(record.graphs)) == 2 for record in run.records())
    assert all(record.rungs[-1].spread["nll"] > 0 for record in run.records())


@pytest.mark.slow
def test_families_are_searched_reported_and_drawn_anew(
    tmp_path: Path, cache_dir: Path, make_spec: Any
) -> None:
    spec = make_spec(family_size=2, search_space=SPACE)
    run = search(spec, run_dir=tmp_path / "run", workers=0, cache_dir=cache_dir, device="cpu")
    check_records(run)
    front = run.front()
    assert front[["top1_std", "params_std"]].notna().all(axis=None)
    assert front["test_top1"].notna().all()
    assert front_text(run).count("±") == len(front)
    page = write_report([run], tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Which families are robust?" in page
    assert "What 2 members can tell" in page

    slot = choose(run, best="top1")
    fresh = retrain(
        run, slot, n_seeds=2, epochs=2, members="fresh", device="cpu", cache_dir=cache_dir
    )
    drawn = {result.graph_digest for result in fresh.seeds}
    assert drawn.isdisjoint(run.record(slot).graphs)
    assert fresh.searched is not None
    rung = run.record(slot).rungs[-1]
    assert (fresh.searched.validation, fresh.searched.std) == (rung.metrics, rung.spread)
    assert fresh.searched.n_students == 2
    *_, mean, params, before, compared = fresh.lines()
    assert "(std " in mean
    assert mean.endswith("n = 2")
    assert params.startswith("params: mean ")
    assert before.endswith("n = 2, 4 epochs")
    assert compared.startswith("spread of top1: ")
