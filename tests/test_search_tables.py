"""The searches of benchmarks/search_tables.py and search_warm.py, on a table reckoned by hand."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
WIDTHS, OPS = (1, 2, 4, 8), ("plain", "separable")
ROWS = [{"width": width, "op": op} for op in OPS for width in WIDTHS]
RUNGS = (1, 3, 9)


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(BENCHMARKS)
    pytest.importorskip("moocore")
    return importlib.import_module


@pytest.fixture
def table(module: Any) -> Any:
    """Wide students are better; the separable ones are smaller, and take half the seconds."""
    data = module("table_data")
    is_separable = np.array([row["op"] == "separable" for row in ROWS])
    widths = np.array([row["width"] for row in ROWS], dtype=float)
    final = 0.5 + 0.05 * np.log2(widths) - 0.02 * is_separable
    return data.Table(
        "tiny",
        (data._number("width", ROWS), data._choice("op", OPS)),
        ROWS,
        RUNGS,
        top1=np.column_stack([final - 0.2, final - 0.1, final]),
        seconds=np.outer(np.where(is_separable, 1.0, 2.0), RUNGS),
        params=np.where(is_separable, 60.0, 100.0) * widths,
        least_top1=0.0,
        budget_s=10_000.0,
        most_asked=100,
        goal=2.0,
    )


def searched(module: Any, table: Any, name: str, *, seed: int = 0) -> dict[str, Any]:
    contenders = module("table_contenders").CONTENDERS
    found: dict[str, Any] = module("table_search").search(table, contenders[name], seed=seed)
    return found


def test_a_point_comes_to_the_nearest_row_with_its_category(table: Any) -> None:
    assert table.row({"width": 3, "op": "plain"}) == 1  # 2 and 4 are equally near: the first
    assert table.row({"width": 5, "op": "separable"}) == 6
    assert [table.row(row) for row in ROWS] == list(range(len(ROWS)))


def test_a_search_ends_with_the_whole_table_where_it_may(module: Any, table: Any) -> None:
    found = searched(module, table, "autokd, no race")
    assert found["paid"] == len(ROWS)
    assert found["share"] == 1.0
    assert found["spent_s"] == table.seconds[:, -1].sum()
    assert found["off_table"] == found["trained_twice"] == 0
    assert found["asked"] == found["paid"] + found["repeats"]


def test_who_repeats_pays_nothing(module: Any, table: Any) -> None:
    found = searched(module, table, "optuna random")
    assert found["paid"] == len(ROWS)
    assert found["repeats"] > 0
    assert found["spent_s"] == table.seconds[:, -1].sum()


def test_a_raced_student_pays_for_each_rung_that_it_trained_on(module: Any, table: Any) -> None:
    found = searched(module, table, "random in our race")
    assert found["paid"] == len(ROWS)
    assert 0 < found["stopped"] < len(ROWS)
    whole, least = table.seconds.sum(), table.seconds[:, 0].sum()
    assert least < found["spent_s"] < whole


def test_a_stopped_student_that_autokd_takes_up_pays_for_each_rung_once(
    module: Any, table: Any
) -> None:
    found = searched(module, table, "autokd")  # whose level is out of reach
    assert found["paid"] > len(ROWS)
    assert found["stopped"] > 0
    assert found["share"] == 1.0
    assert found["spent_s"] == table.seconds.sum()
    assert found["off_table"] == found["trained_twice"] == 0


def test_the_contender_whose_stopped_students_stay_stopped_asks_for_each_once(
    module: Any, table: Any
) -> None:
    found = searched(module, table, "autokd, stopped for good")
    assert found["paid"] == len(ROWS)
    assert 0 < found["stopped"] < len(ROWS)
    assert found["share"] < 1.0
    assert searched(module, table, "autokd")["share"] == 1.0


def test_a_level_is_reached_when_the_training_that_reaches_it_ends(
    module: Any, table: Any
) -> None:
    history = module("table_study").History(
        table, module("table_study").study(table, sampler={"name": "random"}, races=False, seed=0)
    )
    for row, at_s in ((7, 9.0), (0, 20.0), (3, 30.0)):
        history.add(row, at_s)
    rest = [row for row in range(len(ROWS)) if row not in (0, 3, 7)]
    for row in rest:
        history.add(row, 40.0)
    assert history.share == pytest.approx(1.0)
    assert history.reached(0.0) == 9.0
    assert history.reached(1.0 - 1e-12) == 40.0
    assert 0 < history.at(10.0) < history.at(25.0) < history.at(35.0) < 1
    assert history.at(35.0) == history.at(30.0)


def test_the_model_of_one_rung_is_another_contender(module: Any, table: Any) -> None:
    seen = []
    search = module("table_search")
    sampler = search.AutokdSampler

    class Noted(sampler):  # type: ignore[misc, valid-type]
        def __init__(self, **options: Any) -> None:
            seen.append(options.get("all_rungs", True))
            super().__init__(**options)

    search.AutokdSampler = Noted
    try:
        searched(module, table, "autokd, model of one rung")
    finally:
        search.AutokdSampler = sampler
    assert seen == [False] * len(seen) != []


@pytest.mark.parametrize("name", ["optuna tpe, told the row", "optuna nsga2", "optuna gp"])
def test_every_kind_of_contender_gets_through(module: Any, table: Any, name: str) -> None:
    found = searched(module, table, name)
    assert found["off_table"] == found["trained_twice"] == 0
    assert found["share"] > 0.8


def test_an_audit_finds_what_the_table_does_not_say(module: Any, table: Any) -> None:
    search = module("table_search")
    runs = module("autokd.runs")
    metrics = {"top1": float(table.top1[7, 0]), "params": float(table.params[7])}
    point = {f"architecture.{name}": value for name, value in ROWS[7].items()}
    record = runs.Record(0, 0, 1, point).costing({"params": metrics["params"]}, graphs=("7",))
    right = record.with_rung(runs.RungResult(1, metrics))
    wrong = record.with_rung(runs.RungResult(1, {**metrics, "top1": 0.9}))
    assert search.off_table(table, [right]) == 0
    assert search.off_table(table, [right, wrong]) == 1
    assert search.trained_twice([right, right]) == 1


def test_a_table_is_through_with_autokd_and_all_of_optunas_quick_samplers(module: Any) -> None:
    units = module("table_units")
    contenders = module("table_contenders").CONTENDERS
    every = [units.Key("kd_joint", name, seed) for name in contenders for seed in range(20)]
    slow = {"optuna gp", "optuna gp, told the row"}
    needed = [k for k in every if k.contender not in slow and "moasha" not in k.contender]
    assert units.through(every) == units.through(needed) == {"kd_joint"}
    for name in ("autokd", "optuna random", "optuna tpe, told the row"):
        assert units.through([k for k in needed if k != ("kd_joint", name, 19)]) == set()


def test_a_sampler_to_beat_has_five_searches_where_another_has(module: Any) -> None:
    def unit(seconds: int) -> dict[str, Any]:
        counted = dict.fromkeys(("asked", "paid", "repeats"), 9)
        reached = {"reached_s": {"0.95": seconds, "0.99": seconds}}
        return {**counted, **reached, "asking_ms": 1.0, "share": 1.0, "cpu_s": 1.0}

    def best(n_lucky: int, n: int) -> str:
        units = {("kd_joint", "optuna random", seed): unit(200) for seed in range(n)}
        units |= {("kd_joint", "optuna gp", seed): unit(100) for seed in range(n_lucky)}
        lines = module("table_summary").summarise(units, {"kd_joint": 1000.0})
        name: str = lines["kd_joint/optuna random"]["0.99"]["best"]
        return name

    assert best(4, 20) == "optuna random"
    assert best(5, 20) == "optuna gp"
    assert best(2, 2) == "optuna gp"


def test_fewer_points_are_granted_what_they_had_not_reached(module: Any) -> None:
    def unit(reached: int | None, spent: int) -> dict[str, Any]:
        counted = dict.fromkeys(("asked", "paid", "repeats"), 9)
        found = {"reached_s": {"0.95": reached, "0.99": reached}, "spent_s": spent}
        return {**counted, **found, "asking_ms": 1.0, "share": 1.0, "cpu_s": 1.0}

    reached = {
        "autokd": (60, 60),
        "optuna gp": (None, 80),  # 200 points
        "optuna tpe": (None, 50),  # 1,000 points, and stuck: nothing is granted
        "optuna random": (120, 120),
    }
    units = {("kd_vid", name, s): unit(*how) for name, how in reached.items() for s in range(5)}
    lines = module("table_summary").summarise(units, {"kd_vid": 1000.0})
    ours = lines["kd_vid/autokd"]["0.95"]
    assert (ours["best"], ours["ratio"]["value"]) == ("optuna random", 0.5)
    granted = ours["granted"]["optuna gp"]
    assert (granted["best"], granted["value"]) == ("optuna gp", 0.75)
    each = lines["kd_each/autokd"]["0.95"]
    assert each["granted"] == {"optuna gp": {"median": 0.75, "min": 0.75, "max": 0.75}}
    assert (each["reached"], each["n"]) == (5, 5)
    assert lines["kd_each/optuna gp"]["0.95"]["reached"] == 0


def test_searches_on_earlier_code_do_not_count_unless_they_are_kept(
    module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module("table_result"), "_sizes", lambda _: {})  # of no table
    units, path = module("table_units"), tmp_path / "search_tables.json"
    names = ("optuna random", "optuna nsga2")
    keys = [units.Key("kd_nst", name, seed) for name in names for seed in range(3)]
    result = module("table_result").Result(path, None)
    for key in keys:
        result.add(key, {"share": 0.5, "depends_on": "earlier code"})
    again = module("table_result").Result(path, None)
    assert again.units() == {}
    assert sorted(again.stale) == sorted(keys)
    again.keep("optuna random", again=1, date="2026-01-01")
    kept = module("table_result").Result(path, None)
    assert sorted(kept.units()) == keys[:3]
    assert sorted(kept.stale) == keys[3:]
    kept.add(keys[3], {"share": 0.6, "depends_on": units.depends_on("kd_nst", names[1])})
    later = module("table_result").Result(path, None)
    assert sorted(later.stale) == keys[4:]
    assert sorted(later.units()) == sorted(keys[:4])
    said = {"again": 1, "kept": 2, "date": "2026-01-01"}
    assert kept.content["rechecked"] == {"optuna random": [said]}


def test_searches_that_differ_in_time_alone_do_not_differ(module: Any) -> None:
    decided = module("search_tables")._decided
    one = {"share": 0.5, "asking_ms": 1.0, "cpu_s": 2.0}
    assert decided(one) == decided({**one, "asking_ms": 9.0, "cpu_s": 9.0})
    assert decided(one) != decided({**one, "share": 0.6})


@pytest.fixture
def begins(module: Any, table: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A search that begins from an earlier one of the same table, by way and seed."""
    table.top1[[1, 2, 5]] -= 0.2  # which are dominated now
    warm_search = module("warm_search")
    monkeypatch.setattr(warm_search, "TARGETS", {"tiny": "tiny"})
    monkeypatch.setattr(warm_search, "load", lambda name, folder: table)
    warm_search._earlier_records.cache_clear()
    yield lambda way, seed=0: warm_search.search_one(None, "tiny", way, seed)
    warm_search._earlier_records.cache_clear()


def test_a_search_from_cold_is_that_of_the_tables(module: Any, table: Any, begins: Any) -> None:
    levels = ("0.95", "0.99")
    for seed in range(3):
        cold = begins("cold", seed)
        same = searched(module, table, "autokd", seed=seed)["reached_s"]
        assert cold["queued"] == 0
        assert cold["reached_s"] == {level: same[level] for level in levels}


def test_an_earlier_front_is_tried_first(module: Any, table: Any, begins: Any) -> None:
    found = begins("front")
    values = np.column_stack([-table.top1[:, -1], table.params])
    front = module("moocore").is_nondominated(values)
    assert found["queued"] == front.sum() == 5
    # The smallest comes first, and each is more accurate than those before it, so all go on.
    assert found["reached_s"]["0.99"] <= table.seconds[front].sum()


def test_an_earlier_run_that_misleads_keeps_its_front_and_its_sizes(
    module: Any, begins: Any
) -> None:
    warm_search = module("warm_search")
    right = warm_search.earlier_run(None, "tiny", 0, way="front and trials")
    wrong = warm_search.earlier_run(None, "tiny", 0, way="front and shuffled trials")
    alone = warm_search.earlier_run(None, "tiny", 0, way="front")
    assert right.queue == wrong.queue == alone.queue != ()
    assert alone.points == alone.results == ()
    assert right.points == wrong.points
    assert right.results != wrong.results
    queued = [each.point for each in right.queue]
    for point, before, after in zip(right.points, right.results, wrong.results, strict=True):
        assert point not in queued or before == after
        sizes = {metrics["params"] for each in (before, after) for metrics in each.values()}
        assert len(sizes) == 1
    before, after = (
        sorted(metrics["top1"] for each in run.results for metrics in each.values())
        for run in (right, wrong)
    )
    assert before == after


def test_ways_to_begin_are_compared_with_cold_of_the_same_seed(module: Any) -> None:
    warm = module("search_warm")
    units = {
        f"kd_vid/{way}/{seed}": {"reached_s": {"0.95": at_s, "0.99": None}}
        for seed in range(4)
        for way, at_s in (("cold", 100 + seed), ("front", 50 + seed))
    }
    found = warm.summarised(units, {"kd_vid": 1000})
    assert found["kd_vid/cold"]["0.95"]["ratio"]["value"] == 1.0
    assert found["kd_vid/front"]["0.95"]["ratio"]["value"] == pytest.approx(51.5 / 101.5, abs=1e-5)
    assert found["kd_vid/front"]["0.99"]["median"] == 1000
    assert found["kd_each/front"]["n_tables"] == 1
    page = module("warm_page").warm({"summary": found})
    assert "| front | 1 | 4 | 0.51 (0.51 to 0.51) | 1.00 (1.00 to 1.00) |" in page


def test_what_a_user_gets_is_compared_with_the_other_ways_by_seed(module: Any) -> None:
    warm = module("search_warm")
    times = {"cold": 100, "front": 40, "front and trials": 50, "front and shuffled trials": 50}
    units: dict[str, Any] = {}
    for number, table in enumerate(warm.TARGETS):
        for way, at_s in times.items():
            for seed in range(4):
                if table in warm.METHODS:  # a seed's factor and a table's are in both
                    reached = {"0.95": at_s * (seed + 1) * (number + 1), "0.99": None}
                    unit: dict[str, Any] = {"reached_s": reached}
                else:
                    unit = {"changes": [(5, at_s / 1000), (60, at_s / 100)]}
                units[f"{table}/{way}/{seed}"] = unit
    found = warm.summarised(units, dict.fromkeys(warm.TARGETS, 10_000))
    against = found["against/front"]
    assert against["n"] == 4
    assert against["0.95"]["value"] == pytest.approx(1.25)
    assert against["0.99"]["value"] == 1.0
    assert against["cells_cifar100/50"]["value"] == pytest.approx(0.01)
    assert against["cells_cifar100/100"]["value"] == pytest.approx(0.1)
    assert found["against/front and shuffled trials"]["0.95"]["value"] == pytest.approx(1.0)
    (row,) = [line for line in module("warm_page").warm({"summary": found}) if "+10.00" in line]
    assert row.startswith("| front | 1.25 (1.25 to 1.25) | 1.00 (1.00 to 1.00) | +1.00 (")
