"""What every benchmark says about machine and figures.

Imports nothing heavy, so that a process whose imports or memory are measured may use it too.
"""

import datetime
import json
import math
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


def hardware() -> str:
    """Name architecture, processor and cores."""
    return f"{platform.machine()}, {cpu_model()}, {os.cpu_count()} cores"


def cpu_model() -> str:
    """Name the processor, where the system says."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "")


def versions(*packages: str) -> dict[str, str]:
    """Give the versions of Python and of the packages that are installed."""
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def resumed(path: Path | None, about: Mapping[str, Any], *, units: str) -> dict[str, Any]:
    """Read what earlier calls measured of the very same, or begin anew.

    Args:
        path: The JSON; None where nothing is kept.
        about: What must be the same: hardware, versions and the like.
        units: Key under which the figures are.
    """
    if path is not None and path.exists():
        earlier: dict[str, Any] = json.loads(path.read_text())
        if all(earlier.get(key) == value for key, value in about.items()):
            return earlier
    return {**about, "date": today(), units: {}}


def written(content: Mapping[str, Any], *, long: Sequence[str]) -> str:
    """Write JSON with a line for each entry of what is long, so that a change shows as lines.

    Args:
        content: What is written.
        long: Keys whose values have many entries; they come last, in this order.
    """
    short = json.dumps({k: v for k, v in content.items() if k not in long}, indent=1)
    parts = [short.removesuffix("\n}")]
    for name in long:
        lines = [f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in content.get(name, {}).items()]
        parts.append(f' "{name}": {{\n' + ",\n".join(lines) + "\n }")
    return ",\n".join(parts) + "\n}\n"


def today() -> str:
    """Give the date."""
    return datetime.date.today().isoformat()


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Describe some values: median, smallest, largest, how many, standard error of the mean."""
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
    return {
        "median": rounded(statistics.median(values)),
        "min": rounded(min(values)),
        "max": rounded(max(values)),
        "n": len(values),
        "standard_error": None if error is None else rounded(error),
    }


def rounded(value: float) -> float:
    """Keep five digits."""
    return float(f"{value:.5g}")
