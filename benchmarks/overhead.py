"""What a trial costs apart from its training, after 100, 1,000 and 10,000 trials.

    python benchmarks/overhead.py [--trials 100 1000 10000] [--repeats 5]

Claim measured: proposed, drawn, raced, told and stored within 25 ms a trial with three objectives
(top1, params, macs), TPE and SQLite. The search's own loop runs on a crew that answers at once
with invented results, up the three rungs of a ladder, so whatever the loop does between two
trainings is in the figure. Contenders in the same run, in turns: Optuna's default TPE with its
SQLite storage, and NSGA-II with its journal, each asked for the same parameters and told three
values and one user attribute a trial; their history is written beforehand and not timed.

Building a student's module and writing its weights are timed apart: both belong to its training.
A size that has a result in the JSON is not measured again.

The JSON beside it was written by this command without options; a size that it lacks has not been
measured. A unit is a size: ``milliseconds_a_trial`` from one training's end to the next one's
beginning, ``parts_of_autokd_ms`` what the calls of one trial take of that, summed by kind,
``times_autokd`` a contender's median over autokd's, ``apart_ms`` what is timed apart, and
``resume_s`` the seconds in which a search reads its trials back.
"""

import argparse
import json
import math
import os
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import optuna
from describing import spread
from measuring import Result
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

import autokd
import autokd.search.family as family_module
from autokd.graphs import InputShape
from autokd.runs import Ledger, RunFolder, RungResult
from autokd.runs.storage import close_storage, open_storage
from autokd.search.crew import Handler, Task
from autokd.search.family import draw_family, make_draw, slot_seed
from autokd.search.loop import Loop
from autokd.search.progress import Silent
from autokd.students import build, save_weights
from autokd.study import Budget, Objective, SamplerSpec, StudySpec

RESULT = Path(__file__).with_suffix(".json")
SHAPE = InputShape(3, 32, 10)
"""CIFAR-10 images."""

TIMED = 20
"""Trials a repeat, the first of which only warms up."""


CONTENDERS = ("autokd", "optuna_tpe_sqlite", "optuna_nsga2_journal")


def main() -> None:
    """Measure what has no result yet, then print the summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    result = Result(RESULT, {"repeats": options.repeats, "trials_a_repeat": TIMED})
    for n_trials in options.trials:
        unit = result.unit(str(n_trials))
        if not unit:
            unit.update(measure(n_trials, options.repeats))
            result.save()
        print(n_trials, json.dumps(unit, indent=1), flush=True)


def measure(n_trials: int, repeats: int) -> dict[str, Any]:
    """Measure all contenders after so many trials, in turns."""
    load = os.getloadavg()[0]
    seconds: dict[str, list[float]] = defaultdict(list)
    parts: dict[str, list[float]] = defaultdict(list)
    restores = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        search = Search(folder / "run", n_trials)
        tpe = Plain(folder, n_trials, name="optuna_tpe_sqlite")
        nsga2 = Plain(folder, n_trials, name="optuna_nsga2_journal")
        for _ in range(repeats):
            restores.append(search.go_on(TIMED))
            seconds["autokd"] += search.seconds[1:]
            for name, values in search.parts.items():
                parts[name] += values[1:]
            seconds["optuna_tpe_sqlite"] += tpe.go_on(6 if n_trials >= 5_000 else TIMED)[1:]
            seconds["optuna_nsga2_journal"] += nsga2.go_on(TIMED)[1:]
        built = [build_and_save(search.spec, slot, folder) for slot in range(20)]
    described = {name: spread([1e3 * value for value in seconds[name]]) for name in CONTENDERS}
    ours = described["autokd"]["median"]
    return {
        "load_average_before": load,
        "milliseconds_a_trial": described,
        "parts_of_autokd_ms": {name: spread([1e3 * v for v in parts[name]]) for name in parts},
        "times_autokd": {name: described[name]["median"] / ours for name in CONTENDERS[1:]},
        "apart_ms": {
            "build": spread([1e3 * one for one, _ in built]),
            "write_weights": spread([1e3 * other for _, other in built]),
        },
        "resume_s": spread(restores),
    }


def invented(point: dict[str, Any], slot: int) -> float:
    """Invent an accuracy: it grows with the budget, with a noise of one point."""
    noise = random.Random(slot).gauss(0.0, 0.01)
    budget = math.log10(float(point["architecture.params_budget"]))
    temperature = math.log(float(point["kd.temperature"]))
    top1 = 0.55 + 0.06 * budget - 0.01 * (temperature - 1) ** 2 + noise
    return min(max(top1, 0.0), 1.0)


class Search:
    """autokd's loop on a crew that trains nothing."""

    def __init__(self, path: Path, n_trials: int) -> None:
        spec = autokd.load_study("cifar10")
        macs = Objective(metric="macs", direction="minimize", reference=1e10)
        update = {
            "objectives": (*spec.objectives, macs),
            "sampler": SamplerSpec(name="tpe"),
            "budget": Budget(trials=n_trials),
        }
        self.spec = spec.model_copy(update=update)
        self.folder = RunFolder(path)
        self.folder.create(self.spec, definitions={})
        Ledger(self.folder.database, "overhead", objectives=self.spec.objectives).close()
        self.n_trials = 0
        self.go_on(n_trials)

    def go_on(self, n_trials: int) -> float:
        """Run more trials; ``seconds`` and ``parts`` are those of the new ones."""
        self.n_trials += n_trials
        self.seconds: list[float] = []
        self.parts: dict[str, list[float]] = defaultdict(list)
        spec = self.spec.model_copy(update={"budget": Budget(trials=self.n_trials)})
        crew = InstantCrew(spec)
        url = self.folder.database
        with closing(Ledger(url, "overhead", keeps_connection=True)) as ledger:
            loop = Loop(
                spec,
                make_draw(self.spec, SHAPE),
                folder=self.folder,
                ledger=ledger,
                crew=crew,
                listener=Silent(),
            )
            began = time.perf_counter()
            loop.restore()
            restored = time.perf_counter() - began
            clock = Clock(self.parts)
            clock.watch(loop._proposer, "propose", "proposed")
            clock.watch(loop._proposer, "learn", "told")
            clock.watch(family_module, "draw_family", "drawn")
            clock.watch(loop, "_costs", "counted")
            clock.watch(loop._board, "race", "raced")
            clock.watch(loop._board, "keep", "raced")
            clock.watch(self.folder, "write_graphs", "stored")
            for call in ("begin", "update", "finish", "refuse"):
                clock.watch(ledger, call, "stored")
            crew.clock = clock
            try:
                loop.run()
            finally:
                family_module.draw_family = draw_family
            self.folder = RunFolder(self.folder.path)
        self.seconds = [late - early for early, late in pairwise(crew.marks)]
        return restored


class Clock:
    """Adds up the seconds of some calls, trial by trial."""

    def __init__(self, parts: dict[str, list[float]]) -> None:
        self.parts = parts
        self.now: dict[str, float] = defaultdict(float)

    def watch(self, owner: Any, call: str, name: str) -> None:
        """Time a method under a name."""
        method = getattr(owner, call)

        def timed(*arguments: Any, **options: Any) -> Any:
            began = time.perf_counter()
            try:
                return method(*arguments, **options)
            finally:
                self.now[name] += time.perf_counter() - began

        setattr(owner, call, timed)

    def close_trial(self) -> None:
        """Note the sums and begin anew."""
        for name, value in self.now.items():
            self.parts[name].append(value)
        self.now = defaultdict(float)


class InstantCrew:
    """Answers at once."""

    def __init__(self, spec: StudySpec) -> None:
        self._rungs = spec.fidelity.ladder.rungs
        self._task: Task | None = None
        self.marks: list[float] = []
        self.clock: Clock | None = None

    @property
    def n_free(self) -> int:
        """One task at a time."""
        return int(self._task is None)

    def submit(self, task: Task) -> None:
        """Take a task: here one trial's overhead ends and the next one's begins."""
        self._task = task
        self.marks.append(time.perf_counter())
        if self.clock is not None:
            self.clock.close_trial()

    def step(self, handler: Handler) -> None:
        """Report invented results rung by rung."""
        task, self._task = self._task, None
        assert task is not None
        best = invented(task.point, task.slot)
        for n_left, rung in enumerate(self._rungs):
            top1 = max(0.0, best - 0.05 * (len(self._rungs) - 1 - n_left))
            if not handler.rung(task.slot, RungResult(rung, {"top1": top1}, seconds=1.0)):
                break
        handler.finished(task.slot)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nobody trains anyway."""
        yield

    def close(self) -> None:
        """Nothing to end."""


class Plain:
    """Optuna's own ask and tell, with its storage as it comes."""

    def __init__(self, folder: Path, n_trials: int, *, name: str) -> None:
        space = autokd.load_study("cifar10").search_space
        self._domains = [d for d in space.dimensions() if d.domain.type != "fixed"]
        self._seed = 0
        self._open: Callable[[], optuna.Study]
        history = self._history(n_trials)
        storage: RDBStorage | JournalStorage
        if name == "optuna_tpe_sqlite":
            url = f"sqlite:///{folder}/{name}.db"
            # Only the history is written fast; what is timed opens the file as Optuna does.
            storage = open_storage(url, keeps_connection=True)
            study = optuna.create_study(
                study_name=name, storage=storage, directions=["minimize"] * 3
            )
            self._open = lambda: optuna.load_study(
                study_name=name, storage=url, sampler=optuna.samplers.TPESampler(seed=self._seed)
            )
        else:
            path = str(folder / f"{name}.log")
            storage = JournalStorage(JournalFileBackend(path))
            study = optuna.create_study(
                study_name=name, storage=storage, directions=["minimize"] * 3
            )
            self._open = lambda: optuna.load_study(
                study_name=name,
                storage=JournalStorage(JournalFileBackend(path)),
                sampler=optuna.samplers.NSGAIISampler(seed=self._seed),
            )
        study.add_trials(history)
        if isinstance(storage, RDBStorage):
            close_storage(storage)

    def go_on(self, n_trials: int) -> list[float]:
        """Ask, suggest, note and tell; seconds of each trial."""
        self._seed += 1
        study, seconds = self._open(), []
        for _ in range(n_trials):
            began = time.perf_counter()
            trial = study.ask()
            point = {d.name: self._suggest(trial, d) for d in self._domains}
            trial.set_user_attr("record", {"point": point, "rungs": [1, 2, 3]})
            study.tell(trial, self._values(point, trial.number))
            seconds.append(time.perf_counter() - began)
        return seconds

    def _suggest(self, trial: Any, dimension: Any) -> Any:
        domain = dimension.domain
        if domain.type == "categorical":
            return trial.suggest_categorical(dimension.name, domain.choices)
        suggest = trial.suggest_float if domain.type == "float" else trial.suggest_int
        return suggest(dimension.name, domain.low, domain.high, log=domain.log)

    def _values(self, point: dict[str, Any], number: int) -> list[float]:
        budget = math.log10(float(point["architecture.params_budget"]))
        return [1 - invented(point, number), budget, budget + random.Random(number).random()]

    def _history(self, n_trials: int) -> list[Any]:
        study = optuna.create_study(
            directions=["minimize"] * 3, sampler=optuna.samplers.RandomSampler(seed=0)
        )
        for _ in range(n_trials):
            trial = study.ask()
            point = {d.name: self._suggest(trial, d) for d in self._domains}
            study.tell(trial, self._values(point, trial.number))
        return study.get_trials(deepcopy=False)


def build_and_save(spec: StudySpec, slot: int, folder: Path) -> tuple[float, float]:
    """Build a student and write its weights; seconds of each."""
    sampler = optuna.samplers.RandomSampler(seed=slot)
    study = optuna.create_study(directions=["minimize"] * 3, sampler=sampler)
    plain = Plain.__new__(Plain)
    trial = study.ask()
    searched = {
        d.name: d.domain.value if d.domain.type == "fixed" else plain._suggest(trial, d)
        for d in spec.search_space.dimensions()
    }
    (graph,) = draw_family(spec, searched, seed=slot_seed(0, slot), shape=SHAPE)
    began = time.perf_counter()
    student = build(graph, SHAPE, mean=[0.5] * 3, std=[0.25] * 3, seed=0)
    built = time.perf_counter()
    save_weights(student, folder / "weights.safetensors")
    return built - began, time.perf_counter() - built


if __name__ == "__main__":
    main()
