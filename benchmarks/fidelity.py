"""Which schedule's rung scores rank students best: four schedules, forty random students.

    OMP_NUM_THREADS=1 python benchmarks/fidelity.py --data DIR [--processes 2]

Claims measured: Kendall's tau-b between a rung's validation top1 and a full-budget score, for the
schedules of ``[training] schedule``; what each rung costs in seconds and epochs, undone epochs and
scoring included; and the top1 that each schedule reaches at the top rung, since one that ranks
well but trains worse is no good. Forty students are drawn at random from the search space and the
ladder (2, 6 and 18 epochs) of the shipped study of FashionMNIST, on 1,280 of its images
(DIR/FashionMNIST/raw as torchvision lays it out; `fidelity_cases` has the sizes and why). Every
student climbs the whole ladder under each schedule from the same weights. The full-budget score
that all share, the yardstick, is the mean top1 after 36 epochs of one rise and fall from two other
seeds; beside it stands each schedule's own top rung. Every score is of validation images, and no
constant was chosen by anything that is measured here.

Intervals are of 95 % over students, by bootstrap, paired where candidates are compared. Nothing
else should run meanwhile; ``cpu_s`` beside ``seconds`` shows where something did.

The JSON beside it was written by this command. ``units`` has one line for each training, under
student/candidate, and one for how long a student's fresh batch norms take, student/norms; a unit
is measured again when code that it depends on has changed, or the study. ``summary`` is explained
in `fidelity_summary`. The seeds of the yardstick after the first come last, so that an early end
leaves a table. ``--quick`` is a look at a few digits and six students that saves nothing.
"""

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import platformdirs
from describing import hardware, resumed, versions, written
from fidelity_cases import CANDIDATES, NORMS, YARDSTICK, Case, feasible, study_spec
from fidelity_summary import summarise, table
from fidelity_trainings import Key, begin_worker, depends_on, n_epochs, parsed, train_one

import autokd
from autokd.distill import PreparedStudy, prepare, save_for_workers
from autokd.graphs import count_params
from autokd.study import StudySpec

RESULT = Path(__file__).with_suffix(".json")
_SUMMARISED_EVERY = 20
_TEACHER = ("name", "params", "top1", "digest", "trained_s")


def main() -> None:
    """Train whatever has no figures yet, then print the table."""
    options = _options()
    spec = study_spec(is_quick=options.quick)
    with tempfile.TemporaryDirectory() as folder:
        study = _prepared(spec, options)
        place = Path(folder) / "study"
        place.mkdir()
        save_for_workers(study, place)
        cases = {case.number: case for case in feasible(spec, study.shape, options.students)}
        result = Result(None if options.quick else RESULT, study, cases)
        _train(result, place, spec, options)
    print("\n".join(table(result.summary)))


class Result:
    """The JSON: what it was measured on, the trainings, and their summary.

    Args:
        path: The file; None keeps nothing, for a quick look.
        study: The study.
        cases: The students by number.
    """

    def __init__(self, path: Path | None, study: PreparedStudy, cases: Mapping[int, Case]) -> None:
        found = {"autokd": autokd.__version__, **versions("torch", "numpy", "networkx")}
        self._path = path
        self._spec, self._cases = study.spec, cases
        self._sizes = {n: count_params(case.graph, study.shape) for n, case in cases.items()}
        about = {"hardware": hardware(), "versions": found}
        self.content = resumed(path, about, units="units")
        self.content |= {
            "n": {name: len(split) for name, split in study.dataset.splits.items()},
            "rungs": list(study.spec.fidelity.ladder.rungs),
            "teacher": {k: v for k, v in study.facts.as_dict().items() if k in _TEACHER},
            "students": {
                str(n): {"params": self._sizes[n], "point": case.point}
                for n, case in cases.items()
            },
        }
        self._units = {
            key: unit
            for name, unit in self.content["units"].items()
            if (key := parsed(name)) is not None
            and key.student in cases
            and unit["depends_on"] == self.depends_on(key)
        }

    @property
    def summary(self) -> dict[str, Any]:
        """What the trainings say together; empty while they are too few."""
        return summarise(self._units, self._sizes, eta=self._spec.fidelity.eta)

    @property
    def units(self) -> Mapping[Key, Mapping[str, Any]]:
        """The trainings whose figures still hold."""
        return self._units

    def depends_on(self, key: Key) -> str:
        """Hash what a training's figures depend on."""
        return depends_on(key, self._cases[key.student], self._spec)

    def keys(self, n_yardsticks: int) -> list[Key]:
        """List all trainings, candidates of a student side by side, later yardsticks last."""
        first = [*CANDIDATES, f"{YARDSTICK}-0", NORMS]
        rest = [f"{YARDSTICK}-{number}" for number in range(1, n_yardsticks)]
        return [
            *(Key(student, name) for student in self._cases for name in first),
            *(Key(student, name) for name in rest for student in self._cases),
        ]

    def add(self, key: Key, unit: Mapping[str, Any]) -> None:
        """Keep a training, and write the file."""
        self._units[key] = dict(unit)
        if len(self._units) % _SUMMARISED_EVERY == 0:
            self.summarise()
        self._save()

    def summarise(self) -> None:
        """Bring the summary up to date, and write the file."""
        found = self.summary
        self.content["candidates"] = found.pop("candidates", {})
        self.content["summary"] = found
        self._save()

    def _save(self) -> None:
        units = {key.name: unit for key, unit in sorted(self._units.items())}
        self.content["units"] = units
        if self._path is not None:
            temporary = self._path.with_suffix(".tmp")
            temporary.write_text(written(self.content, long=("candidates", "students", "units")))
            temporary.replace(self._path)


def _prepared(spec: StudySpec, options: argparse.Namespace) -> PreparedStudy:
    def tell(stage: str, done: int, total: int) -> None:
        if done == total or done % 5 == 0:
            print(f"  {stage} {done}/{total}", flush=True)

    return prepare(
        spec,
        device="cpu",
        cache_dir=options.cache,
        data_dir=options.data,
        n_views=2 * spec.fidelity.max_epochs,
        progress=tell,
    )


def _train(result: Result, place: Path, spec: StudySpec, options: argparse.Namespace) -> None:
    missing = [key for key in result.keys(options.yardsticks) if key not in result.units]
    # Before anything is imported there: what is edited meanwhile is measured again.
    codes = {key: result.depends_on(key) for key in missing}
    left = {key: n_epochs(key, spec) for key in missing}
    n_all, began = sum(left.values()), time.perf_counter()
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(options.processes, mp_context=spawn, initializer=begin_worker)
    try:
        futures = {pool.submit(train_one, place, key): key for key in missing}
        for future in as_completed(futures):
            key = futures[future]
            result.add(key, future.result() | {"depends_on": codes[key]})
            del left[key]
            n_left, spent_s = sum(left.values()), time.perf_counter() - began
            minutes = spent_s / (n_all - n_left) * n_left / 60
            done, shown = len(missing) - len(left), _shown(result.units[key])
            print(f"{done}/{len(missing)} {key.name}: {shown}; {minutes:.0f} min left", flush=True)
    finally:
        pool.shutdown(cancel_futures=True)
    result.summarise()


def _shown(unit: Mapping[str, Any]) -> str:
    if "failed" in unit:
        return str(unit["failed"])
    if "norms" in unit:
        return f"fresh batch norms in {unit['norms']['seconds']:.2f} s"
    scores = ", ".join(f"{rung['top1']:.4f}" for rung in unit["rungs"].values())
    return f"top1 {scores}, {list(unit['rungs'].values())[-1]['seconds']:.1f} s"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with FashionMNIST/raw")
    parser.add_argument("--cache", type=Path, default=platformdirs.user_cache_path("autokd"))
    parser.add_argument("--processes", type=int, default=2, help="of one thread each, >= 1")
    parser.add_argument("--students", type=int, default=40, help="random students, >= 3")
    parser.add_argument("--yardsticks", type=int, default=2, help="seeds of the yardstick, >= 1")
    parser.add_argument("--quick", action="store_true", help="a look: digits, not saved")
    options = parser.parse_args()
    if options.quick:
        options.students, options.yardsticks = 6, 2
    elif options.data is None:
        parser.error("--data must name the folder with FashionMNIST/raw")
    return options


if __name__ == "__main__":
    main()
