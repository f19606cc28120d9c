"""What each distillation method is worth: two data sets, two students, several seeds.

    OMP_NUM_THREADS=1 python benchmarks/methods.py --data DIR [--processes 2]

Claims measured: top1 and ece on the test images of a student of nine epochs, for every method with
its default parameters, and the gain over hard labels (``none``) and plain distillation (``kd``)
with its 95 % interval. The data sets are the digits and 5,000 training images of FashionMNIST
(DIR/FashionMNIST/raw as torchvision lays it out; without it the digits alone), with the views, the
teacher (resnet20, trained once and cached) and the training settings of the shipped studies; the
students a randomly wired one of 16 op nodes and 20,000 weights, and resnet8. A second teacher of
another seed, and resnet14 and resnet8 as a chain of assistants, serve the methods that need them;
rows in other variants of the study are explained in `method_cases`. No parameter is chosen by
anything that is measured here.

Every row has the seeds 0 to 2. The eight methods that gain most over ``none`` *on validation* in
these seeds, and the baselines, have the seeds 3 and 4 too. A seed decides the student's weights
and what the method draws; images, views, their order, teacher and graph are the same for all, so
that the trainings of a cell and a seed are pairs. A training that failed stays in the table.

The JSON beside it was written by this command. ``units`` has one line for each training, under
data/student/row/seed: top1, ece, nll and agreement with the teacher on validation and test, and
seconds of training, others beside it. A unit is measured again when code that it depends on has
changed, or the study, or the method's defaults. ``summary`` describes each cell and the paired
differences. scripts/write_methods_page.py makes the table in docs/methods.md of it.
"""

import argparse
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import platformdirs
from describing import hardware, resumed, versions, written
from method_cases import BASELINES, DATA, FOLDERS, STUDENTS, prepared_study
from method_summary import N_BEST, best_rows, summarise
from method_table import table
from method_trainings import ROWS, Key, begin_worker, depends_on, parsed, train_one

import autokd
from autokd.distill import save_for_workers

RESULT = Path(__file__).with_suffix(".json")
N_SEEDS, N_SEEDS_OF_BEST = 3, 5
_GUESSED_S = {"digits": 4.0, "fashion_mnist": 60.0}
_SUMMARISED_EVERY = 20


def main() -> None:
    """Train whatever has no figures yet, then print the table."""
    options = _options()
    result = Result(None if options.quick else RESULT)
    names, seeds = options.only or list(ROWS), range(options.seeds)
    with tempfile.TemporaryDirectory() as folder:
        crew = Crew(result, options, Path(folder))
        crew.train(_keys(options.data_sets, names, seeds))
        if set(names) == set(ROWS) and not options.quick and options.seeds == N_SEEDS:
            methods = [row.name for row in ROWS.values() if row.kind == "method"]
            best = best_rows(result.units(), methods, seeds=seeds)
            result.save(best_on_validation=best)
            print(f"the best {N_BEST} on validation: {', '.join(best)}", flush=True)
            more = range(N_SEEDS, N_SEEDS_OF_BEST)
            crew.train(_keys(options.data_sets, [*BASELINES, *best], more))
    print("\n".join(table(result.content)))


class Result:
    """The JSON: what it was measured on, the trainings, and their summary.

    Args:
        path: The file; None keeps nothing, for a quick look.
    """

    def __init__(self, path: Path | None) -> None:
        found = {"autokd": autokd.__version__, **versions("torch", "numpy", "networkx", "scipy")}
        self._path = path
        about = {"hardware": hardware(), "versions": found}
        self.content = resumed(path, about, units="units")
        self._valid = {
            key: unit
            for name, unit in self.content["units"].items()
            if (key := parsed(name)) is not None and unit["depends_on"] == depends_on(key)
        }

    def units(self) -> dict[Key, dict[str, Any]]:
        """Give the trainings whose figures still hold."""
        return dict(self._valid)

    def add(self, key: Key, unit: dict[str, Any]) -> None:
        """Keep a training, and write the file."""
        self._valid[key] = unit
        is_due = len(self._valid) % _SUMMARISED_EVERY == 0
        self.save(**(self._summary() if is_due else {}))

    def summarise(self) -> None:
        """Bring the summary up to date."""
        self.save(**self._summary())

    def save(self, **more: Any) -> None:
        """Write the file in one step, with what is added to its top level."""
        units = {key.name: unit for key, unit in sorted(self._valid.items())}
        self.content |= {**more, "units": units}
        if self._path is not None:
            temporary = self._path.with_suffix(".tmp")
            temporary.write_text(written(self.content, long=("summary", "units")))
            temporary.replace(self._path)

    def _summary(self) -> dict[str, Any]:
        about = {r.name: {"kind": r.kind, "variant": r.variant} for r in ROWS.values()}
        cells = [f"{data}/{student}" for data in DATA for student in STUDENTS]
        return {"rows": about, "cells": cells, "summary": summarise(self._valid, list(ROWS))}


class Crew:
    """Prepares the studies that are needed, and trains in several processes.

    Args:
        result: Where the trainings are kept.
        options: Of the command line.
        folder: For what is handed to the processes.
    """

    def __init__(self, result: Result, options: argparse.Namespace, folder: Path) -> None:
        self._result, self._options, self._folder = result, options, folder

    def train(self, keys: Sequence[Key]) -> None:
        """Train what is missing."""
        known = self._result.units()
        missing = [key for key in keys if key not in known]
        for data, variant in dict.fromkeys((key.data, key.variant) for key in missing):
            self._prepare(data, variant)
        if missing:
            self._train(missing)
        self._result.summarise()

    def _train(self, missing: Sequence[Key]) -> None:
        # Before anything is imported there: what is edited meanwhile is measured again.
        codes = {key: depends_on(key) for key in missing}
        spawn = multiprocessing.get_context("spawn")
        processes = self._options.processes
        pool = ProcessPoolExecutor(processes, mp_context=spawn, initializer=begin_worker)
        try:
            futures = {
                pool.submit(train_one, self._place(key.data, key.variant), key): key
                for key in missing
            }
            for number, future in enumerate(as_completed(futures), 1):
                key = futures[future]
                unit = future.result() | {"depends_on": codes[key]}
                self._result.add(key, unit)
                left = [futures[other] for other in futures if not other.done()]
                self._tell(key, unit, number, len(missing), left)
        finally:
            pool.shutdown(cancel_futures=True)

    def _tell(
        self, key: Key, unit: dict[str, Any], number: int, n: int, left: Sequence[Key]
    ) -> None:
        seconds = _expected_s(self._result.units(), left) / self._options.processes
        shown = unit.get("failed") or f"top1 {unit['test']['top1']:.4f}, {unit['seconds']:.1f} s"
        print(f"{number}/{n} {key.name}: {shown}; about {seconds / 60:.0f} min left", flush=True)

    def _prepare(self, data: str, variant: str) -> None:
        place = self._place(data, variant)
        if place.exists():
            return
        place.mkdir()
        began = time.perf_counter()

        def tell(stage: str, done: int, total: int) -> None:
            if done == total or done % 5 == 0:
                print(f"  {data}, {variant}: {stage} {done}/{total}", flush=True)

        study = prepared_study(
            data, variant, folder=self._options.data, cache=self._options.cache, progress=tell
        )
        save_for_workers(study, place)
        networks = [study.facts, *study.more_facts, *study.assistant_facts]
        found = {
            "seconds": round(time.perf_counter() - began, 1),
            "n": {name: len(split) for name, split in study.dataset.splits.items()},
            "networks": [facts.as_dict() for facts in networks],
        }
        known = self._result.content.get("studies", {})
        self._result.save(studies={**known, f"{data}/{variant}": found})

    def _place(self, data: str, variant: str) -> Path:
        return self._folder / f"{data}-{variant}"


def _keys(data_sets: Sequence[str], names: Sequence[str], seeds: Sequence[int]) -> list[Key]:
    return [
        Key(data, student, name, seed)
        for seed in seeds
        for data in data_sets
        for name in names
        for student in STUDENTS
    ]


def _expected_s(units: dict[Key, dict[str, Any]], left: Sequence[Key]) -> float:
    """Predict seconds of training from trainings of the same row, else the same cell."""
    known: dict[tuple[str, ...], list[float]] = {}
    for key, unit in units.items():
        for group in (key[:3], key[:2]):
            known.setdefault(group, []).append(unit.get("seconds", 0.0))
    found = [known.get(key[:3]) or known.get(key[:2]) or [_GUESSED_S[key.data]] for key in left]
    return sum(map(statistics.mean, found))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with FashionMNIST/raw")
    parser.add_argument("--cache", type=Path, default=platformdirs.user_cache_path("autokd"))
    parser.add_argument("--processes", type=int, default=2, help="of one thread each, >= 1")
    parser.add_argument("--only", nargs="+", choices=ROWS, metavar="ROW", help="these rows alone")
    parser.add_argument("--data-sets", nargs="+", choices=DATA, default=DATA)
    parser.add_argument("--seeds", type=int, default=N_SEEDS, help="of every row, >= 1")
    parser.add_argument("--quick", action="store_true", help="a look: digits, one seed, not saved")
    options = parser.parse_args()
    if options.quick:
        options.data_sets, options.seeds = ("digits",), 1
    options.data_sets = [data for data in options.data_sets if _is_there(data, options.data)]
    return options


def _is_there(data: str, folder: Path | None) -> bool:
    if data not in FOLDERS or (folder is not None and (folder / FOLDERS[data] / "raw").is_dir()):
        return True
    print(f"{data} is left out: --data names no folder with {FOLDERS[data]}/raw", flush=True)
    return False


if __name__ == "__main__":
    main()
