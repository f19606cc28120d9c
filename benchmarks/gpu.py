"""Every claim that needs a GPU, measured by one script that can be broken off and resumed.

    python benchmarks/gpu.py --data DIR [--rows trials roof ...] [--seconds-left N] [--result FILE]
    python benchmarks/gpu.py --quick --device cpu     # a look at the logic, nowhere saved

Rows, in this order unless ``--rows`` names others:

- ``tests``: the tests marked ``cuda``, as `scripts/gpu_checks.py` runs them.
- ``roof``: the share of the roof that training resnet20 reaches, batches of 64 to 1024
  (`gpu_roof`).
- ``trials``: trials per hour of whole searches with 1, 2, 4 and 8 workers, with and without MPS,
  over those of a plain loop in one process (`gpu_trials`, `gpu_plain`).
- ``students``: randomly wired students over a plain executor of the same graphs (`gpu_students`).
- ``parity``: what bfloat16 costs in accuracy, in pairs of trainings (`gpu_parity`). Needs
  ``--data``.

DIR holds ``cifar10_jpeg/{train,test}/CLASS/*.jpg`` and
``teachers/cifar10jpeg_resnet56.safetensors``; without it images are made up, and ``parity`` is
left out. ``CONTRIBUTING.md`` says how to take all this to a machine without a network.

A row is a list of units. Each keeps in the JSON what it was measured on: device, driver, CUDA,
cuDNN, versions, settings, and a hash of the code. A unit that is there with all of that the same
is not measured again; rounds of a unit that was broken off are kept. With ``--seconds-left`` the
script ends within so many seconds: it begins no unit that would take longer than what is left, and
a row that takes longer after all is stopped. Rows run in processes of their own, so that an error
of the device ends one of them only.

There is no JSON beside it before it has been run on a GPU. Its ``summary`` has for each row the
figures of its claim beside the aim, of units that were measured on the same machine and code.
"""

import argparse
import json
import logging
import math
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gpu_parity
import gpu_roof
import gpu_students
import gpu_trials
import psutil
from gpu_result import Result, Row, in_short, noted_warnings
from gpu_study import Save, Setting, Unit
from measuring import read_options

from autokd.distill import resolve_device
from autokd.errors import RunError

RESULT = Path(__file__).with_suffix(".json")
CHECKS = Path(__file__).parents[1] / "scripts" / "gpu_checks.py"
_GRACE_S = 10.0


def main() -> None:
    """Run all rows, or, in the process of one row, its units."""
    options = parse()
    spent_s = time.time() - psutil.Process().create_time()  # imports take seconds
    countdown = Countdown(time.monotonic() - spent_s + (options.seconds_left or math.inf))
    if options.only is not None:
        signal.signal(signal.SIGTERM, _leave)
        run_units(options, countdown)
        return
    with tempfile.TemporaryDirectory(prefix="autokd-gpu-") as folder:
        options.scratch = options.scratch or Path(folder)
        if options.quick:
            options.result = Path(folder) / RESULT.name
        failed = [row for row in options.rows if not run_row(row, options, countdown)]
        if options.result.exists():
            found = json.loads(options.result.read_text()).get("summary", {})
            print(json.dumps(in_short(found), indent=1))
    if options.quick:
        print("A look at the logic on tiny sizes: none of these figures is a measurement.")
    if failed:
        raise SystemExit(f"broken off or failed: {', '.join(failed)}")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW")
    parser.add_argument("--data", type=Path, help="folder with cifar10_jpeg/ and teachers/")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--window", type=float, default=180.0, help="seconds of one search")
    parser.add_argument("--seconds-left", type=float, help="the script ends within these")
    parser.add_argument("--result", type=Path, default=RESULT, help="JSON to resume and write")
    parser.add_argument("--only", choices=ROWS, help=argparse.SUPPRESS)
    parser.add_argument("--scratch", type=Path, help="folder for caches, to keep them")
    options = read_options(parser, seconds=0.5, quick_seconds=0.02, quick="tiny sizes")
    if options.quick:
        options.window = min(options.window, 25.0)
    if options.device == "cpu" and not options.quick:
        parser.error("a CPU's figures would say nothing about a GPU: --device cpu needs --quick")
    return options


@dataclass(frozen=True)
class Countdown:
    """Says how much time is left.

    Attributes:
        deadline: On the clock of `time.monotonic`; infinite without one.
    """

    deadline: float

    @property
    def left(self) -> float:
        """Seconds left, perhaps fewer than none."""
        return self.deadline - time.monotonic()


# The process that runs the rows.


def run_row(row: str, options: argparse.Namespace, countdown: Countdown) -> bool:
    """Run one row in a process of its own, and stop it in time; says whether it ended well."""
    left = countdown.left - _GRACE_S
    if left <= 0:
        print(f"{row}: not begun, no time is left", flush=True)
        return True
    command = [sys.executable, __file__, *sys.argv[1:], "--only", row]
    command += ["--scratch", str(options.scratch), "--result", str(options.result)]
    if math.isfinite(left):
        command += ["--seconds-left", str(left)]
    process = subprocess.Popen(command)
    try:
        return process.wait(left if math.isfinite(left) else None) == 0
    except subprocess.TimeoutExpired:
        print(f"{row}: stopped, its time is up", flush=True)
        return False
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_GRACE_S / 2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _leave(*_: object) -> None:
    sys.exit("terminated")  # unwinds, so that workers and the daemon of MPS end too


# The process of one row.


def run_units(options: argparse.Namespace, countdown: Countdown) -> None:
    """Measure the units of a row that have no figures yet and fit into the time."""
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    setting = make_setting(options)
    result = Result(options.result, setting)
    row = ROWS[options.only]
    for unit in row.units(setting):
        found = result.find(options.only, unit)
        if "took_s" in found:
            print(f"{unit.name}: measured before", flush=True)
        elif unit.expected_s > countdown.left:
            print(f"{unit.name}: not begun, about {unit.expected_s:.0f} s do not fit", flush=True)
        else:
            print(unit.name, flush=True)
            result.begin(options.only, unit, found)
            began = time.monotonic()
            with noted_warnings() as warnings:
                unit.measure(found, result.save)
            found.update({"warnings": warnings, "took_s": round(time.monotonic() - began, 1)})
            result.summarise(options.only, row.summary)


def make_setting(options: argparse.Namespace) -> Setting:
    """Resolve what every row is told."""
    try:
        device = resolve_device(options.device)
    except RunError as error:
        raise SystemExit(f"benchmarks/gpu.py: {error}") from error
    return Setting(
        device=device,
        data=options.data,
        scratch=options.scratch,
        repeats=options.repeats,
        seconds=options.seconds,
        window=options.window,
        quick=options.quick,
    )


# The row that has no module of its own.


def test_units(setting: Setting) -> list[Unit]:
    """The tests are one unit."""
    return [Unit("tests marked cuda", {}, 180, run_tests)]


def run_tests(unit: dict[str, Any], save: Save) -> None:
    """Run the script that runs the tests, and read its summary."""
    done = subprocess.run(
        [sys.executable, CHECKS, "--no-speed"], stdout=subprocess.PIPE, text=True, check=False
    )
    print(done.stdout, flush=True)
    lines = done.stdout.splitlines()
    start = max(index for index, line in enumerate(lines) if line.startswith("{"))
    unit["found"] = json.loads("\n".join(lines[start:]))
    save()


def test_summary(found: Mapping[str, Any]) -> dict[str, Any]:
    """Give the counts."""
    return {name: unit["found"].get("tests", unit["found"]) for name, unit in found.items()}


ROWS = {
    "tests": Row(test_units, test_summary),
    "roof": Row(gpu_roof.units, gpu_roof.summary),
    "trials": Row(gpu_trials.units, gpu_trials.summary),
    "students": Row(gpu_students.units, gpu_students.summary),
    "parity": Row(gpu_parity.units, gpu_parity.summary),
}


if __name__ == "__main__":
    main()
