"""The hypervolume of benchmarks/search_live.py against that of a run."""

import importlib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import autokd
from autokd.runs.analysis import hypervolume_table
from autokd.search.board import Board

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
COMPLETE = pd.DataFrame(
    {
        "trial": [0, 1, 2, 3],
        "state": "complete",
        "elapsed_s": [3.0, 5.0, 8.0, 9.0],
        "top1": [0.9, 0.95, 0.05, 0.99],  # the third is beyond the reference point
        "params": [2_000, 9_000, 1_000, 50_000],
    }
)


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(BENCHMARKS)
    pytest.importorskip("moocore")
    return importlib.import_module("search_live")


@pytest.mark.parametrize("n_trials", [1, 2, 3, 4])
def test_the_hypervolume_is_that_of_the_run(live: Any, n_trials: int) -> None:
    axes = autokd.load_study("digits").axes
    expected = hypervolume_table(COMPLETE[:n_trials], axes)["hypervolume"].iloc[-1]
    assert expected > 0.5
    assert live.hypervolume(COMPLETE[:n_trials], axes) == pytest.approx(expected, rel=1e-4)


def test_a_search_without_a_complete_trial_has_no_hypervolume(live: Any) -> None:
    assert live.hypervolume(COMPLETE[:0], autokd.load_study("digits").axes) == 0.0


def test_moasha_decides_in_the_place_of_our_race(live: Any) -> None:
    pytest.importorskip("syne_tune")
    ours, decided = Board.race, []
    with live.moasha_decides(autokd.load_study("digits")):
        board = Board(autokd.load_study("digits"))
        for top1, params in ((0.8, 5_000), (0.7, 6_000), (0.6, 7_000), (0.5, 8_000), (0.9, 4_000)):
            decided.append(board.race(8, {"top1": top1, "params": params}).goes_on)
    assert decided == [True, False, False, False, True]
    assert Board.race is ours


def test_what_was_found_half_way_is_compared_too(live: Any) -> None:
    early, late = [1.0, 0.9, 2_000.0], [50.0, 0.9, 2_000.0]
    units = {
        **{f"digits/autokd/{seed}": _unit([early], 0.9 + seed / 10) for seed in (0, 1)},
        **{f"digits/optuna gp/{seed}": _unit([late], 0.95) for seed in (0, 1)},
    }
    summary = live.summarised(units, {"digits": 80.0})
    gp = summary["digits/optuna gp"]
    of_one = live.hypervolume(COMPLETE[:1], autokd.load_study("digits").axes)
    assert gp["autokd_is_larger_by"]["n_larger"] == 1
    assert [gp["on_the_way"][share]["median"] for share in ("0.5", "0.75")] == [0.0, of_one]
    assert gp["on_the_way"]["0.5"]["autokd_is_larger_by"]["median"] == of_one
    assert summary["digits/autokd"]["autokd_is_larger_by"] == {}


def test_units_that_kept_no_trials_say_nothing_of_the_way(live: Any) -> None:
    unit = _unit([], 0.9)
    del unit["complete"]
    summary = live.summarised({"digits/autokd/0": unit}, {"digits": 80.0})
    assert summary["digits/autokd"]["on_the_way"] == {}


def test_units_of_other_code_stay_until_all_that_were_asked_for_have_come(live: Any) -> None:
    codes = {"autokd": "new", "optuna gp": "new"}
    old = {f"digits/{name}/{seed}": {"code": "old"} for name in codes for seed in (0, 1)}
    new = {key: {"code": "new"} for key in old}
    elsewhere = {"fashion_mnist/autokd/0": {"code": "old"}}
    result = {"units": {**old, **elsewhere}, "coming": {**new, "fashion_mnist/autokd/0": {}}}
    live.take_over(result, {"digits/autokd"}, codes)
    kept = {key: (new if "autokd" in key else old)[key] for key in old}
    assert result["units"] == {**kept, **elsewhere}
    live.take_over(result, {"digits/optuna gp"}, codes)
    assert result["units"] == {**new, **elsewhere}
    assert result["coming"] == {"fashion_mnist/autokd/0": {}}


def _unit(complete: list[list[float]], hypervolume: float) -> dict[str, Any]:
    return {
        "hypervolume": hypervolume,
        "complete": complete,
        "states": {"complete": len(complete)},
        "asking_s": 0.1,
        "trial_s": 1.0,
    }
