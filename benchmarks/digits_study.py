"""What the default study finds: front, size, accuracy and time over several study seeds.

    python benchmarks/digits_study.py [--seeds 5] [--output FOLDER]

Claims measured: seconds of the whole study with two workers, teacher training included (the cache
is empty for every seed); trials; members of the front within 10 percentage points of the teacher
on validation, and the factor in params that they span; and how far the student of at most a tenth
of the teacher's params that is best on *validation* is from the teacher on test. Nothing is chosen
by the test set. A seed that has a result in the JSON is not run again. Nothing else should run
meanwhile; the load average at the start of each seed is recorded.

The JSON beside it was written by this command without options. For each seed, ``n_near`` and
``factor_near`` are the members near the teacher and their factor in params, ``small_*`` is the
small student that was chosen, ``small_behind_teacher`` the teacher's top1 on test less its own, as
a share of one, and ``peak_bytes`` the largest sum of the resident sets of all processes, in which
pages that they share count once for each. ``summary`` describes all seeds: median, smallest,
largest, standard error of the mean.
"""

import argparse
import json
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil
from describing import hardware, resumed, spread, versions

import autokd

RESULT = Path(__file__).with_suffix(".json")
WITHIN = 0.10
SHARE = 0.1
N_WORKERS = 2


def main() -> None:
    """Measure every seed that has no result yet, then print the summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="study seeds 0 to N - 1")
    parser.add_argument("--output", type=Path, default=Path("runs/benchmark_digits"))
    options = parser.parse_args()
    result = read_result()
    for seed in range(options.seeds):
        if str(seed) not in result["seeds"]:
            result["seeds"][str(seed)] = measure(seed, options.output / f"seed{seed}")
            RESULT.write_text(json.dumps({**result, "summary": summary(result)}, indent=1) + "\n")
    print(json.dumps(summary(result), indent=1))


def read_result() -> dict[str, Any]:
    """Read what earlier calls measured, on this very version of torch and optuna."""
    found = {"autokd": autokd.__version__, **versions("torch", "optuna", "numpy", "networkx")}
    about = {"hardware": hardware(), "versions": found, "n_workers": N_WORKERS}
    return resumed(RESULT, about, units="seeds")


def measure(seed: int, folder: Path) -> dict[str, Any]:
    """Run the study once with one seed, from an empty cache."""
    spec = autokd.load_study("digits").model_copy(update={"seed": seed})
    load = os.getloadavg()[0]
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as cache, PeakMemory() as memory:
        began = time.perf_counter()
        run = autokd.search(spec, run_dir=folder, workers=N_WORKERS, cache_dir=cache, device="cpu")
        seconds = time.perf_counter() - began
    found = {**judge(run), "seconds": round(seconds, 1), "peak_bytes": memory.peak_bytes}
    print(f"seed {seed}: {found}", flush=True)
    return {**found, "load_average_before": load}


def judge(run: Any) -> dict[str, Any]:
    """Read the claims off a run."""
    front, teacher, states = run.front(), run.teacher, run.trials()["state"]
    near = front[front["top1"] >= teacher["top1"] - WITHIN]
    small = front[front["params"] <= SHARE * teacher["params"]]
    chosen = small.sort_values(["top1", "params"], ascending=[False, True]).iloc[0]
    return {
        "n_trials": len(states),
        "states": states.value_counts().to_dict(),
        "teacher": {key: teacher[key] for key in ("params", "top1", "test_top1")},
        "front": [
            {key: float(row[key]) for key in ("params", "top1", "test_top1")}
            for _, row in front.iterrows()
        ],
        "n_near": len(near),
        "factor_near": float(near["params"].max() / near["params"].min()) if len(near) else 0.0,
        "small_params": float(chosen["params"]),
        "small_top1": float(chosen["top1"]),
        "small_test_top1": float(chosen["test_top1"]),
        "small_behind_teacher": float(teacher["test_top1"] - chosen["test_top1"]),
        "hypervolume": float(run.hypervolume()["hypervolume"].iloc[-1]),
    }


def summary(result: dict[str, Any]) -> dict[str, Any]:
    """Summarise the seeds."""
    seeds = list(result["seeds"].values())
    names = (
        "seconds",
        "n_trials",
        "n_near",
        "factor_near",
        "small_params",
        "small_test_top1",
        "small_behind_teacher",
        "peak_bytes",
    )
    return {"n": len(seeds), **{name: spread([seed[name] for seed in seeds]) for name in names}}


class PeakMemory:
    """Watches the resident memory of this process and its workers, ten times a second."""

    def __enter__(self) -> "PeakMemory":
        self.peak_bytes = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        this = psutil.Process()
        while not self._done.wait(0.1):
            total = 0
            for process in [this, *this.children(recursive=True)]:
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.peak_bytes = max(self.peak_bytes, total)


if __name__ == "__main__":
    main()
