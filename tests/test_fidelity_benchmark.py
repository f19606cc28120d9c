"""The arithmetic of benchmarks/fidelity.py against slow references, and a quick look at all."""

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau

from autokd.domains import FixedDomain, contains
from autokd.graphs import InputShape

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SIZES = [1_000, 1_500, 2_500, 9_000, 9_500, 40_000, 70_000, 90_000]


@pytest.fixture
def ranking(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("fidelity_ranking")


@pytest.fixture
def summary(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("fidelity_summary")


@pytest.fixture
def cases(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("fidelity_cases")


@pytest.mark.parametrize("is_quick", [False, True])
def test_students_are_points_of_the_shipped_space(cases: Any, is_quick: bool) -> None:
    spec = cases.study_spec(is_quick=is_quick)
    shape = InputShape(1, 28, 10)
    found = cases.feasible(spec, shape, 12)
    for dimension in spec.search_space.dimensions():
        values = [case.point[dimension.name] for case in found]
        assert all(contains(dimension.domain, value) for value in values)
        assert (len(set(values)) > 1) != isinstance(dimension.domain, FixedDomain)
    assert len({case.graph.digest for case in found}) == 12
    assert cases.draw(spec, found[-1].number, shape) == found[-1]


def test_candidates_share_a_seed_and_yardsticks_have_others(summary: Any) -> None:
    seeds = {summary.Key(7, name).seed for name in summary.CANDIDATES}
    others = {summary.Key(7, f"yardstick-{number}").seed for number in range(2)}
    assert len(seeds) == 1
    assert len(seeds | others | {summary.Key(8, "restart").seed}) == 4


def _scores() -> tuple[list[float], list[float]]:
    generator = np.random.default_rng(3)
    one = generator.integers(0, 6, 8) / 10  # with ties
    return list(one), list(one + generator.normal(0, 0.2, 8).round(1))


def test_tau_is_tau_b_also_of_every_draw(ranking: Any) -> None:
    one, other = _scores()
    draws = ranking.Draws(8, sizes=SIZES)
    found = draws.tau(one, other)
    assert found[0] == pytest.approx(kendalltau(one, other).statistic)
    for counts, tau in zip(draws._counts[1:20].astype(int), found[1:20], strict=True):
        drawn = np.repeat(np.arange(8), counts)
        expected = kendalltau(np.array(one)[drawn], np.array(other)[drawn]).statistic
        assert tau == pytest.approx(expected, nan_ok=True)
    assert draws.mean(one)[0] == pytest.approx(np.mean(one))


def test_pairs_of_like_size_are_counted_one_by_one(ranking: Any) -> None:
    one, other = _scores()
    agreeing = untied = others_untied = 0.0
    for i in range(8):
        for j in range(i):
            if SIZES[i] < 2 * SIZES[j]:
                signs = np.sign(one[i] - one[j]), np.sign(other[i] - other[j])
                agreeing += signs[0] * signs[1]
                untied += abs(signs[0])
                others_untied += abs(signs[1])
    draws = ranking.Draws(8, sizes=SIZES)
    found = draws.tau(one, other, pairs=draws.near)
    assert 0 < untied < 28
    assert found[0] == pytest.approx(agreeing / np.sqrt(untied * others_untied))


def test_students_that_all_score_the_same_have_no_order(ranking: Any) -> None:
    draws = ranking.Draws(8, sizes=SIZES)
    found = ranking.interval(draws.tau([0.1] * 8, _scores()[1]))
    assert found == {"value": None, "low": None, "high": None}


def test_an_interval_holds_95_of_100_draws(ranking: Any) -> None:
    found = ranking.interval(np.array([7.0, *np.linspace(0, 1, 1_001)]))
    assert found == {"value": 7.0, "low": 0.025, "high": 0.975}


def _units(summary: Any) -> dict[Any, Any]:
    """Students of top1 0.1 to 0.8, whom every schedule but one ranks right at once."""
    units: dict[Any, Any] = {}
    for student in range(8):
        for name in summary.CANDIDATES:
            low = 0.8 - student / 10 if name == "long" else student / 10
            rungs = {
                str(epochs): {
                    "top1": top1,
                    "top1_renormed": student / 10,
                    "seconds": epochs,
                    "cpu_s": epochs * (1.0 if name == "branch" else 0.5),
                    "paid_epochs": epochs,
                }
                for epochs, top1 in ((2, low), (6, low), (18, student / 10))
            }
            units[summary.Key(student, name)] = {"rungs": rungs}
        for seed in range(2):
            score = {"top1": student / 10 + seed / 100}
            units[summary.Key(student, f"yardstick-{seed}")] = {"rungs": {"36": score}}
        units[summary.Key(student, "norms")] = {"norms": {"seconds": 0.4, "cpu_s": 0.3}}
    return units


def test_a_summary_says_who_ranks_and_what_it_costs(summary: Any) -> None:
    found = summary.summarise(_units(summary), dict(enumerate(SIZES)), eta=3)
    restart, branch, long = (found["candidates"][n] for n in ("restart", "branch", "long"))
    assert found["n_students"] == 8
    assert found["yardstick"]["n_seeds"] == 2
    assert found["yardstick"]["top1"]["value"] == pytest.approx(0.355)
    assert restart["rungs"]["2"]["tau"]["value"] == 1
    assert long["rungs"]["2"]["tau"]["value"] == -1
    assert long["rungs"]["2"]["tau_own"]["value"] == -1
    assert long["rungs"]["2"]["tau_renormed"]["value"] == 1
    assert long["rungs"]["18"]["tau"]["value"] == 1
    assert long["rungs"]["6"]["tau_over_restart"]["value"] == -2
    # Two epochs for all, four more for a third of the trials, twelve more for a ninth.
    assert restart["trial_s"]["value"] == pytest.approx(2 + 4 / 3 + 12 / 9, rel=1e-3)
    assert restart["trial_cpu_s"]["value"] == pytest.approx(1 + 2 / 3 + 6 / 9, rel=1e-3)
    assert branch["tau_per_cpu_s_times_restart"]["value"] == pytest.approx(0.5)
    assert branch["top1_over_restart"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    lines = summary.table(found)
    assert sum(line.startswith("| `") for line in lines) == 2 * 4


def test_fresh_norms_are_paid_at_each_rung_where_the_race_decides(summary: Any) -> None:
    units = _units(summary)
    found = summary.summarise(units, dict(enumerate(SIZES)), eta=3)["candidates"]
    long, average = found["long"]["renormed"], found["average"]["renormed"]
    plain_s = 1 + 2 / 3 + 6 / 9
    assert average["trial_cpu_s"]["value"] == pytest.approx(plain_s, rel=1e-3)
    assert long["trial_cpu_s"]["value"] == pytest.approx(plain_s + 0.3 + 0.3 / 3, rel=1e-3)
    assert long["tau_of_race"]["value"] == 1
    assert long["tau_near"]["6"]["value"] == 1
    assert long["tau_of_race_over_restart"]["value"] == 0
    expected = plain_s / (plain_s + 0.4)
    assert long["tau_per_cpu_s_times_restart"]["value"] == pytest.approx(expected, rel=1e-3)
    del units[summary.Key(2, "norms")]
    rest = summary.summarise(units, dict(enumerate(SIZES)), eta=3)
    assert "renormed" not in rest["candidates"]["long"]
    assert sum(line.startswith("| `") for line in summary.table(rest)) == 4


def test_a_student_that_failed_anywhere_counts_nowhere(summary: Any) -> None:
    units = _units(summary)
    units[summary.Key(3, "average")] = {"failed": "the loss is not finite in epoch 1"}
    del units[summary.Key(5, "yardstick-1")]
    found = summary.summarise(units, dict(enumerate(SIZES)), eta=3)
    assert (found["n_students"], found["n_failed"]) == (7, 1)
    assert found["yardstick"]["n_seeds"] == 1
    assert found["yardstick"]["tau_between_seeds"] is None


def test_too_few_students_make_no_table(summary: Any) -> None:
    found = summary.summarise({}, dict(enumerate(SIZES)), eta=3)
    assert found == {}
    assert summary.table(found) == ["too few students are done for a table"]


@pytest.mark.slow
def test_a_quick_look_ends_in_a_table_and_saves_nothing(tmp_path: Path) -> None:
    before = _results()
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "fidelity.py", "--quick", "--cache", tmp_path],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "| `average` |" in done.stdout
    assert "6 students (0 failed)" in done.stdout
    assert _results() == before


def _results() -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in BENCHMARKS.glob("*.json")}
