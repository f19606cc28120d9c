"""What the timing benchmarks share: the machine, alternation, disturbance, JSON.

Contenders are measured in rounds, each contender once a round, the order turned round every time,
so that a machine that slows down slows all of them. A contender measures itself and returns its
rate (work per second of wall time); beside it a round keeps the CPU seconds of this process with
its children, and how many cores *others* kept busy meanwhile, stolen time of a virtual machine
included. A round in which they kept more than `LOUD` busy is kept but not counted, and measured
again, up to twice as many rounds a call as asked for; where no round was quiet, all are counted,
and the summary's `machine` says so.

A result file is resumed when hardware, versions, settings and the measured code are the same, and
begun anew otherwise.
"""

import argparse
import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import torch
from describing import hardware, resumed, rounded, spread, versions

import autokd

LOUD = 0.3
"""Cores that others may keep busy in a round that counts."""

_ROOMS = ("data", "distill", "graphs", "students", "teachers")

Contender = Callable[[], float]
"""Does its work once and returns its rate, work per second."""


def read_options(
    parser: argparse.ArgumentParser, *, seconds: float, quick_seconds: float, quick: str
) -> argparse.Namespace:
    """Add what every measurement in rounds is told, and read the command line.

    Args:
        parser: Knows what else the benchmark is told.
        seconds: About what one measurement takes, unless ``--seconds`` says otherwise.
        quick_seconds: What it takes for a quick look.
        quick: What a quick look looks at.

    Returns:
        The options, those of a quick look filled in.
    """
    parser.add_argument("--repeats", type=int, default=5, help="quiet rounds, >= 1")
    parser.add_argument("--seconds", type=float, default=seconds, help="of one measurement, about")
    parser.add_argument("--quick", action="store_true", help=f"a look: {quick}, nothing saved")
    options = parser.parse_args()
    if options.quick:
        options.repeats, options.seconds = 1, quick_seconds
    return options


class Result:
    """A benchmark's JSON: what it was measured on, and its units.

    Args:
        path: The file; None keeps nothing, for a quick look.
        settings: What a unit's figures depend on beyond the machine; units measured with other
            settings are dropped.
    """

    def __init__(self, path: Path | None, settings: Mapping[str, Any]) -> None:
        about = {**machine(), "settings": dict(settings), "code": code_digest()}
        self._path = path
        self.content = resumed(path, about, units="units")

    def unit(self, name: str) -> dict[str, Any]:
        """Find or begin one unit, such as a pair of networks."""
        unit: dict[str, Any] = self.content["units"].setdefault(name, {})
        return unit

    def save(self, **more: Any) -> None:
        """Write the file in one step, with what is added to its top level."""
        self.content.update(more)
        if self._path is not None:
            temporary = self._path.with_suffix(".tmp")
            temporary.write_text(json.dumps(self.content, indent=1) + "\n")
            temporary.replace(self._path)


def measure_rounds(
    unit: dict[str, Any],
    contenders: Mapping[str, Contender],
    *,
    repeats: int,
    save: Callable[[], None],
) -> None:
    """Add rounds to a unit until enough of them were quiet, twice as many as asked at most."""
    rounds = unit.setdefault("rounds", [])
    most = len(rounds) + 2 * repeats
    while not is_complete(unit, repeats=repeats) and len(rounds) < most:
        names = list(contenders) if len(rounds) % 2 == 0 else list(reversed(contenders))
        load = os.getloadavg()[0]
        samples = {name: sample(contenders[name]) for name in names}
        rounds.append({"load_average_before": load, "samples": samples})
        shown = {name: round(found["rate"], 3) for name, found in samples.items()}
        loudest = max(found["others"] for found in samples.values())
        print(f"  round {len(rounds)}: {shown}; others {loudest:.2f} cores", flush=True)
        save()


def is_complete(unit: Mapping[str, Any], *, repeats: int) -> bool:
    """Tell whether a unit has enough quiet rounds."""
    return len(quiet(unit.get("rounds", []))) >= repeats


def sample(contender: Contender) -> dict[str, float]:
    """Run a contender once."""
    busy, own, began = _busy_seconds(), _own_seconds(), time.perf_counter()
    rate = contender()
    seconds, used = time.perf_counter() - began, _own_seconds() - own
    others = max(_busy_seconds() - busy - used, 0.0) / seconds
    return {"rate": rate, "seconds": seconds, "cpu_seconds": used, "others": others}


def timed(work: Callable[[], float]) -> Contender:
    """Make a contender of a function that returns how much work it did."""

    def contender() -> float:
        began = time.perf_counter()
        amount = work()
        return amount / (time.perf_counter() - began)

    return contender


def quiet(rounds: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Choose the rounds in which others left the machine alone."""
    return [
        one for one in rounds if all(found["others"] <= LOUD for found in one["samples"].values())
    ]


def counted(unit: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Choose the rounds that a summary counts: the quiet ones, or all where there are none."""
    return quiet(unit["rounds"]) or list(unit["rounds"])


def rates(unit: Mapping[str, Any], name: str) -> list[float]:
    """List a contender's rate in every round that counts."""
    return [one["samples"][name]["rate"] for one in counted(unit)]


def disturbance(unit: Mapping[str, Any]) -> dict[str, Any]:
    """Say how quiet the machine was."""
    loudest = [max(found["others"] for found in one["samples"].values()) for one in unit["rounds"]]
    return {
        "n_quiet": len(quiet(unit["rounds"])),
        "n_rounds": len(unit["rounds"]),
        "others_cores": spread(loudest),
        "load_average_before": spread([one["load_average_before"] for one in unit["rounds"]]),
    }


def operator_shares(work: Callable[[], object], *, n_largest: int = 12) -> dict[str, float]:
    """Profile some work: each torch operator's share of the CPU time, the largest ones."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        work()
    found = {event.key: event.self_cpu_time_total for event in profile.key_averages()}
    total = sum(found.values())
    largest = sorted(found.items(), key=lambda item: -item[1])[:n_largest]
    return {name: rounded(seconds / total) for name, seconds in largest}


def use_one_thread() -> None:
    """Let torch compute on one thread in this process."""
    torch.set_num_threads(1)


def machine() -> dict[str, Any]:
    """Describe hardware and versions."""
    names = ("torch", "torchvision", "numpy", "networkx", "torchdistill")
    return {
        "hardware": hardware(),
        "bfloat16": {"amx": has_amx(), "capability": torch.backends.cpu.get_cpu_capability()},
        "versions": {"autokd": autokd.__version__, **versions(*names)},
    }


def has_amx() -> bool:
    """Tell whether the CPU multiplies bfloat16 matrices in tiles."""
    return bool(getattr(torch.cpu, "_is_amx_tile_supported", bool)())


def code_digest(*more: str) -> str:
    """Hash the code that is measured, so that figures of two versions are never mixed.

    Args:
        more: Rooms that are measured beside those of a training step.
    """
    digest = hashlib.sha256()
    for room in (*_ROOMS, *more):
        for path in sorted((Path(autokd.__file__).parent / room).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    names = ("user", "nice", "system", "irq", "softirq", "steal")
    return float(sum(getattr(times, name, 0.0) for name in names))


def _own_seconds() -> float:
    own = psutil.Process()
    total = sum(own.cpu_times()[:4])  # user, system, and those of children that ended
    for child in own.children(recursive=True):
        try:
            total += sum(child.cpu_times()[:4])
        except psutil.NoSuchProcess:
            continue
    return float(total)
