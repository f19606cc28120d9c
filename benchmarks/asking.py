"""What a proposal of autokd's own sampler costs after 30, 300 and 3,000 trials.

    OMP_NUM_THREADS=1 python benchmarks/asking.py [--trials 30 300 3000] [--repeats 5]

Claim measured: at most 0.5 s a proposal at 300 trials and 2 s at 3,000, of one thread. Two
studies: ``digits_methods`` (conditional parameters, small graphs) and ``cifar10`` (graphs of 180
nodes in the median, which take longest to draw), each with its own ladder and results that are
invented. Measured is `Proposer.propose` as the search calls it, the drawing of the candidates'
students included; in turns with Optuna's TPE (multivariate, grouped) on the same trials. The JSON
beside it was written by this command; nothing else should run meanwhile.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from describing import hardware, resumed, spread, versions
from measuring import code_digest
from optuna.trial import TrialState, create_trial

import autokd
from autokd.errors import InfeasibleError
from autokd.graphs import InputShape
from autokd.runs import Record, RungResult
from autokd.search.family import make_draw, slot_seed
from autokd.search.proposer import Proposer
from autokd.study import SamplerSpec, StudySpec

RESULT = Path(__file__).with_suffix(".json")
STUDIES = {"digits_methods": InputShape(1, 8, 10), "cifar10": InputShape(3, 32, 10)}
SAMPLERS = ("autokd", "tpe")


def main() -> None:
    """Measure what has no figures yet, then print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, nargs="+", default=[30, 300, 3_000])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    found = {"autokd": autokd.__version__, **versions("optuna", "scikit-learn", "numpy", "scipy")}
    about = {
        "hardware": hardware(),
        "versions": found,
        "threads": os.environ.get("OMP_NUM_THREADS", "unset"),
        "code": code_digest("sampler", "search", "pareto"),
    }
    result = resumed(RESULT, about, units="units")
    for name in STUDIES:
        for n_trials in options.trials:
            key = f"{name}/{n_trials}"
            if key not in result["units"]:
                result["units"][key] = measure(name, n_trials, repeats=options.repeats)
                RESULT.write_text(json.dumps(result, indent=1) + "\n")
            print(key, json.dumps(result["units"][key]), flush=True)


def measure(name: str, n_trials: int, *, repeats: int) -> dict[str, Any]:
    """Time both samplers after so many trials."""
    load = os.getloadavg()[0]
    proposers = {sampler: filled(name, sampler, n_trials) for sampler in SAMPLERS}
    seconds: dict[str, list[float]] = {sampler: [] for sampler in SAMPLERS}
    for repeat in range(repeats + 1):
        for sampler, proposer in proposers.items():
            began = time.perf_counter()
            proposer.propose(n_trials + repeat)
            seconds[sampler].append(time.perf_counter() - began)
    described = {sampler: spread(values[1:]) for sampler, values in seconds.items()}
    return {"seconds": described, "load_average_before": load}


def filled(name: str, sampler: str, n_trials: int) -> Proposer:
    """Make a proposer that has learned from trials with random points and invented results."""
    spec, shape = autokd.load_study(name), STUDIES[name]
    drawn = Proposer(spec.model_copy(update={"sampler": SamplerSpec(name="random")}))
    draw = make_draw(spec, shape)
    proposer = Proposer(spec.model_copy(update={"sampler": _named(sampler)}), draw)
    rng = np.random.default_rng(0)
    for slot in range(n_trials):
        proposal, seed = drawn.propose(slot), slot_seed(spec.seed, slot)
        try:
            family = draw(proposal.point, seed)
        except InfeasibleError:
            continue
        record = Record(slot, 0, seed, proposal.point).costing(family.cost, graphs=family.digests)
        _teach(proposer, spec, proposal, record, quality=float(rng.random()))
    return proposer


def _named(sampler: str) -> SamplerSpec:
    return SamplerSpec.model_validate({"name": sampler})


def _teach(
    proposer: Proposer, spec: StudySpec, proposal: Any, record: Record, *, quality: float
) -> None:
    """Let a trial climb as far as a race of one in three would let it."""
    for i, epochs in enumerate(spec.fidelity.ladder.rungs):
        if quality < 1 - 3.0**-i:
            break
        top1 = 0.3 + 0.1 * i + 0.05 * quality + 0.05 * np.log10(record.cost["params"]) / 6
        metrics = {"top1": float(top1), **record.cost}
        record = record.with_rung(RungResult(epochs, metrics))
    is_final = record.epochs == spec.fidelity.max_epochs
    record = record.ended("complete" if is_final else "stopped", at_s=0.0)
    trial = create_trial(
        state=TrialState.RUNNING, params=proposal.params, distributions=proposal.distributions
    )
    proposer.restore(trial, record)
    proposer.learn(record)


if __name__ == "__main__":
    main()
