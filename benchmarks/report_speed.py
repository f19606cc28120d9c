"""How long the report of a large run takes, and how large its page is.

    python benchmarks/report_speed.py [--trials 1000 10000] [--repeats 5] [--output FOLDER]

Claim measured: the report of a run with 10,000 trials and three objectives (top1, params, macs)
appears within 2 s after import, and its HTML has at most 8 MB. Nothing is cached: every repeat is
a process of its own that imports, opens the run and writes the page, and only the import is left
out of its seconds; the operating system may hold the files in memory. Contender in turns, in the
same way: Optuna's own `load_study`, `best_trials` and `plot_pareto_front(...).write_html(...)`,
which gives the figure of the front alone.

The runs are invented (`synthetic_runs.py`). A repeat that has a result in the JSON is not measured
again. Nothing else should run meanwhile; the load average before each round is recorded.

The JSON beside it was written by this command without options. For each number of trials,
``seconds`` is what a contender takes after its import, ``html_bytes`` the page that it writes,
``resident_bytes`` its process at the end, and ``times_faster`` Optuna's seconds over autokd's in
the same round. ``autokd_parts`` are the medians of what autokd does in these seconds: open the
run, read its trials, work out the tables, write the page.
"""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
from describing import hardware, resumed, spread, versions

RESULT = Path(__file__).with_suffix(".json")
MEASURED = ("report", "runs", "pareto", "graphs")
"""Rooms whose code decides the figures."""


def main() -> None:
    """Measure every round that has no result yet, then print the summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path("runs/benchmark_report"))
    parser.add_argument("--once", nargs=2, metavar=("CONTENDER", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        contender, folder = options.once
        print(json.dumps(CONTENDERS[contender](Path(folder))))
        return
    result = read_result()
    for n_trials in options.trials:
        folder = prepared(options.output / str(n_trials), n_trials)
        rounds = result["rounds"].setdefault(str(n_trials), [])
        while len(rounds) < options.repeats:
            rounds.append(measure(folder, is_turned=len(rounds) % 2 == 1))
            RESULT.write_text(json.dumps({**result, "summary": summary(result)}, indent=1) + "\n")
    print(json.dumps(summary(result), indent=1))


def read_result() -> dict[str, Any]:
    """Read what earlier calls measured, of this very code on this very machine."""
    about = {
        "hardware": hardware(),
        "versions": versions("optuna", "plotly", "pandas", "numpy", "sqlalchemy"),
        "code": code_digest(),
    }
    return resumed(RESULT, about, units="rounds")


def prepared(folder: Path, n_trials: int) -> Path:
    """Make the run, if an earlier call has not."""
    if not folder.exists():
        script = Path(__file__).with_name("synthetic_runs.py")
        command = [sys.executable, str(script), str(folder), "--trials", str(n_trials)]
        subprocess.run(command, check=True)
    return folder


def measure(folder: Path, *, is_turned: bool) -> dict[str, Any]:
    """Measure every contender once, each in a process of its own."""
    found: dict[str, Any] = {"load_average_before": os.getloadavg()[0]}
    for name in sorted(CONTENDERS, reverse=is_turned):
        command = [sys.executable, __file__, "--once", name, str(folder)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found[name] = json.loads(done.stdout.splitlines()[-1])
    shown = {name: round(found[name]["seconds"], 2) for name in CONTENDERS}
    print(f"{folder.name} trials: {shown}", flush=True)
    return found


def report(folder: Path) -> dict[str, Any]:
    """Write autokd's report."""
    began = time.perf_counter()
    from autokd.report import write_report
    from autokd.report.gathered import gather
    from autokd.report.page import page
    from autokd.runs import load_run

    marks = [time.perf_counter()]
    run = load_run(folder)
    marks.append(time.perf_counter())
    findings = run.findings()
    marks.append(time.perf_counter())
    path = write_report([findings], folder / "report.html")
    marks.append(time.perf_counter())
    page(gather([findings]))  # once more with every table there: what is left is the page
    again = time.perf_counter() - marks[-1]
    return {
        **whole(marks[0] - began, marks[3] - marks[0], path),
        "parts": {
            "open": marks[1] - marks[0],
            "read": marks[2] - marks[1],
            "tables": marks[3] - marks[2] - again,
            "page": again,
        },
    }


def optuna_front(folder: Path) -> dict[str, Any]:
    """Draw the front with Optuna alone."""
    began = time.perf_counter()
    import optuna
    from optuna.visualization import plot_pareto_front

    imported = time.perf_counter()
    info = json.loads((folder / "run.json").read_text())
    study = optuna.load_study(study_name=info["study_name"], storage=info["storage"])
    n_best = len(study.best_trials)
    path = folder / "optuna.html"
    plot_pareto_front(study).write_html(path)
    ended = time.perf_counter()
    return {**whole(imported - began, ended - imported, path), "n_best": n_best}


CONTENDERS = {"autokd": report, "optuna": optuna_front}


def whole(import_s: float, seconds: float, path: Path) -> dict[str, Any]:
    """Describe one process."""
    return {
        "import_seconds": import_s,
        "seconds": seconds,
        "html_bytes": path.stat().st_size,
        "resident_bytes": psutil.Process().memory_info().rss,
    }


def summary(result: dict[str, Any]) -> dict[str, Any]:
    """Summarise the rounds of each size."""
    return {n_trials: summed(rounds) for n_trials, rounds in result["rounds"].items() if rounds}


def summed(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Summarise some rounds."""
    ratios = [one["optuna"]["seconds"] / one["autokd"]["seconds"] for one in rounds]
    parts = {
        name: statistics.median(one["autokd"]["parts"][name] for one in rounds)
        for name in rounds[0]["autokd"]["parts"]
    }
    return {
        "n": len(rounds),
        **{
            name: {
                key: spread([one[name][key] for one in rounds])
                for key in ("seconds", "import_seconds", "html_bytes", "resident_bytes")
            }
            for name in CONTENDERS
        },
        "autokd_parts": {name: round(value, 3) for name, value in parts.items()},
        "times_faster": spread(ratios),
        "load_average_before": spread([one["load_average_before"] for one in rounds]),
    }


def code_digest() -> str:
    """Hash the code that is measured, so that figures of two versions are never mixed."""
    root = Path(__file__).parent.parent / "autokd"
    files = [path for room in MEASURED for path in sorted((root / room).rglob("*.*"))]
    sources = [path.read_bytes() for path in files if path.suffix in (".py", ".js", ".css")]
    return hashlib.sha256(b"".join(sources)).hexdigest()[:12]


if __name__ == "__main__":
    main()
