"""What an earlier run is worth to a search, on tables of real trainings.

    OMP_NUM_THREADS=1 python benchmarks/search_warm.py --data DIR [--processes 2]

Claims measured, each over twenty seeds: how much sooner autokd's search comes to a level when it
is given an earlier run, as ``--warm-start`` gives it; what of that its front brings, which is
tried first, and what its other trials, which the sampler learns from; and what a run costs that
misleads. Tables, objectives and reference points are those of `search_tables`.

- Another loss: the earlier run is a search of the students trained without distillation
  (``kd_nokd``), up to 99 % of that table's hypervolume; the later ones search the same students
  under each of the nine methods. Seconds to 95 % and 99 %.
- Other data: the earlier run is a search of NAS-Bench-201 on CIFAR-10 with 100 trainings, the
  later ones are on CIFAR-100 and ImageNet16-120. Hypervolume after 10, 20, 50 and 100 trainings.

The earlier run's seed is another one than the later run's. Its own seconds do not count: it was
made for another purpose. Everything that is trained again counts, the earlier front too.

Ways to begin: ``cold`` (the very searches of `search_tables`, whose JSON they are read from, and
run here where it lacks them), ``front``, ``front and trials`` (what a user gets), and ``front and
shuffled trials``: the results of the earlier run change places among its students, all but
those of its front, so that its opinions are worth nothing and look as if they were.

The JSON beside it was written by this command: ``units`` has one line for each search, under
table/way/seed, ``summary`` medians, ratios or differences to the cold searches with the same
seeds, and their 95 % bootstrap intervals. A unit is run again when code that it depends on has
changed. scripts/write_search_page.py makes a part of docs/search.md of it.
"""

import argparse
import hashlib
import json
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
from code_parts import modules_digest
from describing import hardware, resumed, versions, written
from table_data import CELLS, available, load
from table_summary import difference, quartiles, ratio, resampled
from table_units import begin_worker, depends_on
from warm_search import COLD, FRONT, LEVELS, SHUFFLED, TARGETS, WAYS, kept, search_one

import autokd
from autokd.pareto.arrays import Floats

RESULT = Path(__file__).with_suffix(".json")
COLD_RESULT = RESULT.with_name("search_tables.json")
METHODS = tuple(name for name in TARGETS if name not in CELLS)
WHOLE = WAYS[2]
"""What a user gets: the front first, and what is learned from the other trials."""

N_SEEDS = 20
COUNTS = (10, 20, 50, 100)
_BENCHMARKS = ("table_data", "table_search", "table_study", "warm_search")
_SEARCH = ("earlier", "queued", "warm")

Unit = dict[str, Any]
Units = Mapping[str, Unit]
Search = tuple[str, str, int]
"""The later run's table, how it begins, and its seed."""


def main() -> None:
    """Run the searches that have no figures yet, then print the summary."""
    options = _options()
    reasons = {name: reason for name, reason in available(options.data).items() if reason}
    for name in TARGETS.keys() & reasons:
        print(f"{name} is left out: {reasons[name]}", flush=True)
    tables = [name for name in options.tables if name not in reasons]
    about = {"versions": versions("numpy", "optuna", "scikit-learn", "scipy")}
    result = resumed(None if options.quick else RESULT, about, units="units")
    known = result.get("budgets", {})
    found = {name: round(load(name, options.data).budget_s) for name in tables}
    codes = {table: _depends_on(table) for table in TARGETS}
    units = {k: u for k, u in result["units"].items() if u["depends_on"] == codes[_table(k)]}
    units |= _cold(tables, codes, options)
    result |= {"hardware": hardware(), "autokd": autokd.__version__, "units": units}
    result |= {"budgets": {**known, **found}}
    missing = [
        (table, way, seed)
        for seed in range(options.seeds)
        for table in tables
        for way in WAYS
        if _name(table, way, seed) not in units
    ]
    for number, (name, unit) in enumerate(_searched(missing, options), 1):
        units[name] = {**unit, "depends_on": codes[_table(name)]}
        print(f"{number}/{len(missing)} {name}: {json.dumps(unit)}", flush=True)
        _save(result, quick=options.quick)
    result["summary"] = summarised(units, result["budgets"])
    _save(result, quick=options.quick)
    print(json.dumps(result["summary"], indent=1))


def summarised(units: Units, budgets: Mapping[str, float]) -> dict[str, Any]:
    """Compare each way to begin with the cold searches of the same seeds.

    Args:
        units: The searches.
        budgets: Seconds by table that a level counts for where it was not reached.

    Returns:
        A line for each table and way, ``"kd_vid/front"``, and one for all methods together,
        ``"kd_each/front"``, with the least number of searches on any of them; and for what a user
        gets against the other ways with an earlier run, ``"against/front"``.
    """
    lines = {}
    for table in TARGETS:
        for way in WAYS:
            seeds = [
                seed
                for seed in range(N_SEEDS)
                if {_name(table, way, seed), _name(table, COLD, seed)} <= units.keys()
            ]
            ours = [units[_name(table, way, seed)] for seed in seeds]
            cold = [units[_name(table, COLD, seed)] for seed in seeds]
            if seeds and table in CELLS:
                lines[_of(table, way)] = {"n": len(seeds), **_cells(ours, cold)}
            elif seeds:
                found = _students(ours, cold, budgets[table])
                lines[_of(table, way)] = {"n": len(seeds), **found}
    return lines | _over_methods(lines) | _against(units, budgets)


def _against(units: Units, budgets: Mapping[str, float]) -> dict[str, Unit]:
    """Compare what a user gets with the front alone, and with trials that mislead, by seed.

    Ratios of times are geometric means over the methods' tables, which a seed shares.
    """
    found = {}
    for other in (FRONT, SHUFFLED):
        seeds = [
            seed
            for seed in range(N_SEEDS)
            if {_name(table, way, seed) for table in TARGETS for way in (WHOLE, other)}
            <= units.keys()
        ]
        if not seeds:
            continue
        line: Unit = {"n": len(seeds)}
        for level in LEVELS:
            ours, theirs = (
                np.array([_mean_log_s(units, way, seed, level, budgets) for seed in seeds])
                for way in (WHOLE, other)
            )
            line[level] = resampled(ours, theirs, _ratio_of_logs)
        for table in TARGETS:
            for count in COUNTS if table in CELLS else ():
                ours, theirs = (
                    np.array([_share(units[_name(table, way, seed)], count) for seed in seeds])
                    for way in (WHOLE, other)
                )
                line[f"{table}/{count}"] = resampled(ours, theirs, difference)
        found[f"against/{other}"] = line
    return found


def _mean_log_s(
    units: Units, way: str, seed: int, level: str, budgets: Mapping[str, float]
) -> float:
    found = [(units[_name(table, way, seed)]["reached_s"][level], table) for table in METHODS]
    return float(np.mean([np.log(seconds or budgets[table]) for seconds, table in found]))


def _ratio_of_logs(ours: Floats, theirs: Floats) -> Any:
    return np.exp((ours - theirs).mean(axis=-1))


def _over_methods(lines: Mapping[str, Unit]) -> dict[str, Unit]:
    found = {}
    for way in WAYS:
        mine = [lines[_of(table, way)] for table in METHODS if _of(table, way) in lines]
        if mine:
            ratios = {level: [line[level]["ratio"]["value"] for line in mine] for level in LEVELS}
            found[f"kd_each/{way}"] = {
                "n_tables": len(mine),
                "n": min(line["n"] for line in mine),
                **{
                    level: {"median": float(np.median(each)), "min": min(each), "max": max(each)}
                    for level, each in ratios.items()
                },
            }
    return found


def _students(ours: Sequence[Unit], cold: Sequence[Unit], budget_s: float) -> Unit:
    line = {}
    for level in LEVELS:
        times, cold_times = (
            np.array([unit["reached_s"][level] or budget_s for unit in units], dtype=float)
            for units in (ours, cold)
        )
        line[level] = {
            **quartiles(dict(enumerate(times))),
            "ratio": resampled(times, cold_times, ratio),
        }
    return line


def _cells(ours: Sequence[Unit], cold: Sequence[Unit]) -> Unit:
    line = {}
    for count in COUNTS:
        shares, cold_shares = (
            np.array([_share(unit, count) for unit in units]) for units in (ours, cold)
        )
        line[str(count)] = {
            **quartiles(dict(enumerate(shares))),
            "difference": resampled(shares, cold_shares, difference),
        }
    return line


def _share(unit: Unit, count: int) -> float:
    return max((share for n, share in unit["changes"] if n <= count), default=0.0)


def _cold(
    tables: Sequence[str], codes: Mapping[str, str], options: argparse.Namespace
) -> dict[str, Unit]:
    """Read the searches without an earlier run, as far as they are there on this code."""
    content = json.loads(COLD_RESULT.read_text("utf-8")) if COLD_RESULT.exists() else {}
    found = {}
    for table in tables:
        rows, code = load(table, options.data), depends_on(table, "autokd")
        for seed in range(options.seeds):
            unit = content.get("units", {}).get(f"{table}/autokd/{seed}")
            if unit and unit["depends_on"] == code:
                found[_name(table, COLD, seed)] = {**kept(rows, unit), "depends_on": codes[table]}
    return found


def _searched(
    missing: Sequence[Search], options: argparse.Namespace
) -> Iterator[tuple[str, Unit]]:
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(options.processes, mp_context=spawn, initializer=begin_worker)
    try:
        futures = {pool.submit(search_one, options.data, *each): each for each in missing}
        for future in as_completed(futures):
            yield _name(*futures[future]), future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _depends_on(table: str) -> str:
    code = [f"benchmarks.{name}" for name in _BENCHMARKS]
    code += [f"autokd.search.{name}" for name in _SEARCH]
    searches = [depends_on(name, "autokd") for name in (table, TARGETS[table])]
    parts = json.dumps([modules_digest(code), *searches])
    return hashlib.sha256(parts.encode()).hexdigest()[:12]


def _name(table: str, way: str, seed: int) -> str:
    return f"{_of(table, way)}/{seed}"


def _of(table: str, way: str) -> str:
    return f"{table}/{way}"


def _table(name: str) -> str:
    return name.partition("/")[0]


def _save(result: Mapping[str, Any], *, quick: bool) -> None:
    if not quick:
        ordered = {**result, "units": dict(sorted(result["units"].items()))}
        temporary = RESULT.with_suffix(".tmp")
        temporary.write_text(written(ordered, long=("summary", "units")))
        temporary.replace(RESULT)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with mf_nas_kd")
    parser.add_argument("--processes", type=int, default=2, help="of one thread each, >= 1")
    parser.add_argument("--tables", nargs="+", choices=TARGETS, default=tuple(TARGETS))
    parser.add_argument("--seeds", type=int, default=N_SEEDS, help="at most, >= 1")
    parser.add_argument("--quick", action="store_true", help="a look: two tables, not saved")
    options = parser.parse_args()
    if options.quick:
        vars(options).update(tables=("kd_attention", "cells_cifar100"), seeds=1)
    return options


if __name__ == "__main__":
    main()
