"""Which sampler finds most in the same time: real training, equal seconds, several seeds.

    python benchmarks/search_live.py [--data DIR] [--seconds 120 420] [--seeds 5] [--only NAME ...]

Claim measured: the hypervolume of the finished trials, on validation, on the study's own
definition and by moocore, that each contender reaches in the same seconds of searching with two
workers. Data sets are the digits (the shipped study) and 5,000 training images of FashionMNIST
(the shipped study with fewer images and rungs of 3 and 9 epochs; DIR/FashionMNIST/raw as
torchvision lays it out). The teacher is trained once, cached and not counted; proposing counts.

Contenders: autokd's sampler with the race, which is what a user gets; the same without the race;
Optuna's random, TPE (its defaults; and multivariate and grouped), NSGA-II and GP samplers without
a race, since Optuna refuses to prune with several objectives; random proposals and TPE in our
race, to tell the race's part from the sampler's; and MOASHA of Syne Tune (`live_moasha`; left out
where that is not installed). A contender without a race trains every student to the top rung. Of
the contenders of `search_tables` these are not all: NSGA-II with a population of 20 and what only
a table allows, such as telling a sampler the row, are left out.

Seeds take turns over contenders, so that a machine that slows down slows all of them. The JSON
beside it was written by this command, and lacks "autokd, no race" and the two in our race on
FashionMNIST, which are not measured there: ``units`` has one line for each data/contender/seed
with the hypervolume, what became of the trials, what the complete ones reached and when, the
median seconds of a proposal and of a trained trial, and the load average before; ``summary`` gives
medians and the paired differences to autokd with 95 % bootstrap intervals, the same at shares of
the seconds (`live_summary`), and the median over seeds of a proposal's share of a trial's time,
which shall be at most a tenth for autokd. A proposal is made while workers train, on cores that
they keep busy.
scripts/write_search_page.py makes a part of docs/search.md of it. A unit of a data set and a
contender that are asked for is measured again when code of the search changes, or, for autokd,
code of its sampler; what was measured anew waits under ``coming`` until all that is asked for is
there, and then takes the older one's place, so that no table is of half the seeds. Nothing else
should run meanwhile. No constant was chosen by these figures.
"""

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import optuna
from describing import hardware, resumed, rounded, versions, written
from live_moasha import moasha_decides
from live_summary import hypervolume, summarised
from measuring import code_digest
from table_moasha import reason_against

import autokd
from autokd.search import api, proposer
from autokd.study import Budget, Fidelity, SamplerSpec, StudySpec

RESULT = Path(__file__).with_suffix(".json")
N_WORKERS = 2
DATA = ("digits", "fashion_mnist")
_FASHION_IMAGES = 6_250  # 5,000 to train on and 1,250 for validation
_ROOMS = ("search", "pareto")

CONTENDERS: dict[str, tuple[str, str]] = {
    "autokd": ("autokd", "ours"),
    "autokd, no race": ("autokd", "none"),
    "optuna random": ("random", "none"),
    "optuna tpe": ("tpe_default", "none"),
    "optuna tpe, multivariate": ("tpe", "none"),
    "optuna nsga2": ("nsga2", "none"),
    "optuna gp": ("gp", "none"),
    "random in our race": ("random", "ours"),
    "tpe in our race": ("tpe", "ours"),
    "moasha, by rank": ("random", "moasha"),
}
"""Name of the sampler, and whose race there is."""


def main() -> None:
    """Measure what has no figures yet, then print the summary."""
    options = _options()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    found = {"autokd": autokd.__version__, **versions("torch", "optuna", "scikit-learn", "numpy")}
    seconds = dict(zip(DATA, options.seconds, strict=True))
    about = {
        "hardware": hardware(),
        "versions": found,
        "n_workers": N_WORKERS,
        "seconds": seconds,
    }
    result = resumed(None if options.quick else RESULT, about, units="units")
    codes = {name: _code(name) for name in CONTENDERS}
    coming = result["coming"] = _of_code(result.get("coming", {}), codes)
    for seed in range(options.seeds):
        for data in options.data_sets:
            for name in options.only:
                key = f"{data}/{name}/{seed}"
                if key not in coming and key not in _of_code(result["units"], codes):
                    found = measure(
                        data, name, seed=seed, seconds=seconds[data], folder=options.data
                    )
                    coming[key] = {**found, "code": codes[name]}
                    print(key, json.dumps(coming[key]), flush=True)
                    _save(result, quick=options.quick)
    for data in options.data_sets:
        take_over(result, {f"{data}/{name}" for name in options.only}, codes)
    _save(result, quick=options.quick)
    print(json.dumps(result["summary"], indent=1))


def take_over(result: dict[str, Any], asked: Collection[str], codes: Mapping[str, str]) -> None:
    """Put the units that came in the place of those that were measured with other code.

    Args:
        result: What is in the JSON; changed in place.
        asked: Data set and contender of the units that are all there now.
        codes: The present code, by contender.
    """
    coming, units = result["coming"], result["units"]
    came = {key: unit for key, unit in coming.items() if _whose(key) in asked}
    present = _of_code(units, codes)
    stay = {k: unit for k, unit in units.items() if k in present or _whose(k) not in asked}
    result["units"] = stay | came
    result["coming"] = {key: unit for key, unit in coming.items() if key not in came}


def _of_code(units: Mapping[str, Any], codes: Mapping[str, str]) -> dict[str, Any]:
    """Keep the units that were measured with the present code."""
    return {key: unit for key, unit in units.items() if unit["code"] == codes[key.split("/")[1]]}


def _whose(key: str) -> str:
    return key.rpartition("/")[0]


def study(data: str, name: str, *, seed: int, seconds: float) -> StudySpec:
    """Make a contender's study."""
    spec = autokd.load_study(data)
    sampler, race = CONTENDERS[name]
    fidelity = spec.fidelity
    images = spec.data
    if data == "fashion_mnist":
        fidelity = Fidelity(min_epochs=3, max_epochs=9)
        images = images.model_copy(update={"train_limit": _FASHION_IMAGES, "download": False})
    if race == "none":
        fidelity = fidelity.model_copy(update={"min_epochs": fidelity.max_epochs})
    called = "tpe" if sampler == "tpe_default" else sampler
    return spec.model_copy(
        update={
            "data": images,
            "training": spec.training.model_copy(update={"precision": "float32"}),
            "sampler": SamplerSpec.model_validate({"name": called}),
            "fidelity": fidelity,
            "budget": Budget(seconds=seconds),
            "seed": seed,
        }
    )


def _code(name: str) -> str:
    """Hash the code that a contender's figures depend on."""
    return code_digest(*_ROOMS, *(["sampler"] if CONTENDERS[name][0] == "autokd" else []))


def measure(
    data: str, name: str, *, seed: int, seconds: float, folder: Path | None
) -> dict[str, Any]:
    """Let one contender search."""
    spec, (sampler, race) = study(data, name, seed=seed, seconds=seconds), CONTENDERS[name]
    load = os.getloadavg()[0]
    runs = Path(tempfile.mkdtemp(prefix="search-live-"))
    began = time.perf_counter()
    try:
        with _untested(), _as_optuna_ships_it(sampler), _raced(race, spec), _asking() as asked_s:
            run = autokd.search(
                spec, run_dir=runs / "run", workers=N_WORKERS, data_dir=folder, device="cpu"
            )
        trials = run.trials()
    finally:
        shutil.rmtree(runs)
    columns = ["elapsed_s", *(axis.metric for axis in spec.axes)]
    complete = trials[trials["state"] == "complete"][columns].sort_values("elapsed_s")
    return {
        "hypervolume": hypervolume(complete[complete["elapsed_s"] <= seconds], spec.axes),
        "with_last_trials": hypervolume(complete, spec.axes),
        "complete": [[rounded(value) for value in row] for row in complete.to_numpy().tolist()],
        "states": trials["state"].value_counts().to_dict(),
        "asking_s": rounded(statistics.median(asked_s)),
        "trial_s": rounded(float(trials["seconds"][trials["seconds"] > 0].median())),
        "wall_seconds": round(time.perf_counter() - began, 1),
        "load_average_before": load,
    }


@contextmanager
def _as_optuna_ships_it(sampler: str) -> Iterator[None]:
    """Let the loop use TPE with Optuna's own defaults, which no study file can ask for."""
    if sampler != "tpe_default":
        yield
        return
    ours = proposer.make_sampler
    proposer.make_sampler = lambda _spec, *, seed, **_more: optuna.samplers.TPESampler(seed=seed)
    try:
        yield
    finally:
        proposer.make_sampler = ours


def _raced(race: str, spec: StudySpec) -> AbstractContextManager[None]:
    return moasha_decides(spec) if race == "moasha" else nullcontext()


def _untested() -> AbstractContextManager[Any]:
    """Leave the test set alone, which no figure here is of, and which comes after the seconds."""
    return patch.object(api, "measure_test")


@contextmanager
def _asking() -> Iterator[list[float]]:
    """Collect the seconds of each proposal."""
    seconds: list[float] = []
    propose = proposer.Proposer.propose

    def timed(self: proposer.Proposer, slot: int) -> proposer.Proposal:
        began = time.perf_counter()
        try:
            return propose(self, slot)
        finally:
            seconds.append(time.perf_counter() - began)

    with patch.object(proposer.Proposer, "propose", timed):
        yield seconds


def _save(result: dict[str, Any], *, quick: bool) -> None:
    result["summary"] = summarised(result["units"], result["seconds"])
    if quick:
        return
    parts = ("units", "coming")
    in_order = {part: dict(sorted(result[part].items())) for part in parts}
    RESULT.write_text(written({**result, **in_order}, long=parts))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with FashionMNIST/raw")
    parser.add_argument(
        "--seconds", type=float, nargs=2, default=[120.0, 420.0], help="by data set"
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--data-sets", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--quick", action="store_true", help="a look: digits, 15 s, nothing saved")
    options = parser.parse_args()
    if options.quick:
        options.data_sets, options.seeds, options.seconds = ["digits"], 1, [15.0, 15.0]
    if "moasha, by rank" in options.only and reason_against():
        print(f"MOASHA is left out: {reason_against()}")
        options.only = [name for name in options.only if name != "moasha, by rank"]
    is_there = options.data is not None and (options.data / "FashionMNIST" / "raw").is_dir()
    if "fashion_mnist" in options.data_sets and not is_there:
        print("fashion_mnist is left out: --data names no folder with FashionMNIST/raw")
        options.data_sets = [data for data in options.data_sets if data != "fashion_mnist"]
    return options


if __name__ == "__main__":
    main()
