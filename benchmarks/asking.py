"""What a proposal of autokd's own sampler costs after 30, 300 and 3,000 trials.

    OMP_NUM_THREADS=1 python benchmarks/asking.py [--trials 30 300 3000] [--repeats 9]

Claim measured: at most 0.5 s a proposal at 300 trials and 2 s at 3,000, of one thread. Three
studies: ``digits_methods`` (conditional parameters, small graphs), the same with four objectives
(two that are measured and conflict, ``top1`` and ``kl``, and two that are known, ``params`` and
``macs``), and ``cifar10`` (graphs of 180 nodes in the median, which take longest to draw), each
with its own ladder and results that are invented. Measured is `Proposer.propose` as the search
calls it, the drawing of the candidates' students included; in turns with Optuna's TPE
(multivariate, grouped) on the same trials.

Measured too: what one thread brings while trials keep all cores busy, as in a search (units
``.../busy``). A process for each core trains on one thread; proposals are made as they are, with
one thread for matrix products, and in turns without `autokd.sampler.threads`, with a thread for
each core.

The JSON beside it was written by this command; nothing else should run meanwhile.
"""

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from describing import hardware, resumed, spread, versions
from measuring import code_digest
from optuna.trial import TrialState, create_trial
from threadpoolctl import threadpool_limits

import autokd
from autokd.errors import InfeasibleError
from autokd.graphs import InputShape
from autokd.runs import Record, RungResult
from autokd.search.family import make_draw, slot_seed
from autokd.search.proposer import Proposer
from autokd.study import Objective, SamplerSpec, StudySpec

RESULT = Path(__file__).with_suffix(".json")
_DIGITS = InputShape(1, 8, 10)
STUDIES = {
    "digits_methods": _DIGITS,
    "digits_methods, four objectives": _DIGITS,
    "cifar10": InputShape(3, 32, 10),
}
_MORE = (
    Objective(metric="kl", direction="minimize", reference=1.0),
    Objective(metric="macs", direction="minimize", reference=3e7),
)
SAMPLERS = ("autokd", "tpe")


def main() -> None:
    """Measure what has no figures yet, then print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, nargs="+", default=[30, 300, 3_000])
    parser.add_argument("--repeats", type=int, default=9)
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
            for suffix, found_by in (("", measure), ("/busy", measure_busy)):
                key = f"{name}/{n_trials}{suffix}"
                if key not in result["units"]:
                    result["units"][key] = found_by(name, n_trials, repeats=options.repeats)
                    RESULT.write_text(json.dumps(result, indent=1) + "\n")
                print(key, json.dumps(result["units"][key]), flush=True)


def measure(name: str, n_trials: int, *, repeats: int) -> dict[str, Any]:
    """Time both samplers after so many trials."""
    load = os.getloadavg()[0]
    proposers = {sampler: filled(name, sampler, n_trials) for sampler in SAMPLERS}
    seconds: dict[str, list[float]] = {sampler: [] for sampler in SAMPLERS}
    for repeat in range(repeats + 1):
        for sampler, proposer in proposers.items():
            seconds[sampler].append(_timed(proposer, n_trials + repeat))
    described = {sampler: spread(values[1:]) for sampler, values in seconds.items()}
    return {"seconds": described, "load_average_before": load}


def measure_busy(name: str, n_trials: int, *, repeats: int) -> dict[str, Any]:
    """Time autokd's sampler with one thread and with many, while all cores train."""
    load = os.getloadavg()[0]
    # Each its own, so that both are asked after the same trials.
    ways = {"one thread": None, "a thread a core": nullcontext}
    proposers = {way: filled(name, "autokd", n_trials) for way in ways}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    with _busy_cores(), threadpool_limits(os.cpu_count(), user_api="blas"):
        for repeat in range(repeats + 1):
            for way, instead in ways.items():
                with _threads(instead):
                    seconds[way].append(_timed(proposers[way], n_trials + repeat))
    described = {way: spread(values[1:]) for way, values in seconds.items()}
    ratios = np.divide(seconds["a thread a core"][1:], seconds["one thread"][1:])
    return {"seconds": described, "times": spread(ratios), "load_average_before": load}


def _timed(proposer: Proposer, slot: int) -> float:
    began = time.perf_counter()
    proposer.propose(slot)
    return time.perf_counter() - began


@contextmanager
def _threads(instead: Any) -> Iterator[None]:
    """Let something else decide the threads of a proposal, or, where None, the sampler."""
    if instead is None:
        yield
        return
    with mock.patch("autokd.sampler.sampler.one_thread", instead):
        yield


@contextmanager
def _busy_cores() -> Iterator[None]:
    """Train in a process for each core."""
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Semaphore(0)
    n_cores = os.cpu_count() or 1
    workers = [spawn.Process(target=_train, args=(ready,), daemon=True) for _ in range(n_cores)]
    for worker in workers:
        worker.start()
    try:
        for _ in workers:
            ready.acquire()
        yield
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()


def _train(ready: Any) -> None:
    """Train some convolutions on noise, on one thread, until the process is ended."""
    torch.set_num_threads(1)
    network = torch.nn.Sequential(
        *(torch.nn.Conv2d(1, 32, 3), torch.nn.ReLU(), torch.nn.Conv2d(32, 32, 3), torch.nn.ReLU()),
        *(torch.nn.Flatten(), torch.nn.Linear(32 * 4 * 4, 10)),
    )
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    images, labels = torch.randn(64, 1, 8, 8), torch.randint(10, (64,))
    ready.release()
    while True:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()


def filled(name: str, sampler: str, n_trials: int) -> Proposer:
    """Make a proposer that has learned from trials with random points and invented results."""
    spec, shape = study(name), STUDIES[name]
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
        quality, kl = (float(value) for value in rng.random(2))
        _teach(proposer, spec, proposal, record, quality=quality, kl=kl)
    return proposer


def study(name: str) -> StudySpec:
    """Make the study: a shipped one, as it is or with more objectives."""
    shipped, comma, _ = name.partition(",")
    spec = autokd.load_study(shipped)
    return spec.model_copy(update={"objectives": spec.objectives + _MORE}) if comma else spec


def _named(sampler: str) -> SamplerSpec:
    return SamplerSpec.model_validate({"name": sampler})


def _teach(
    proposer: Proposer,
    spec: StudySpec,
    proposal: Any,
    record: Record,
    *,
    quality: float,
    kl: float,
) -> None:
    """Let a trial climb as far as a race of one in three would let it."""
    for i, epochs in enumerate(spec.fidelity.ladder.rungs):
        if quality < 1 - 3.0**-i:
            break
        top1 = 0.3 + 0.1 * i + 0.05 * quality + 0.05 * np.log10(record.cost["params"]) / 6
        metrics = {"top1": float(top1), "kl": kl, **record.cost}
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
