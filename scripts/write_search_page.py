"""Writes the generated parts of docs/search.md and README: what searches find, on tables and live.

    python scripts/write_search_page.py [--check]

The figures come from benchmarks/search_tables.json, search_warm.json and search_live.json. What
stands between the pages' markers is replaced, the prose around them stays. With ``--check``
nothing is written, and the exit status is 1 if a page is not what would be written. Needs neither
torch nor Optuna.
"""

import importlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from page_parts import write_or_check

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "search.md"
README = ROOT / "README.md"
RESULT = ROOT / "benchmarks" / "search_tables.json"
WARM = RESULT.with_name("search_warm.json")
LIVE = RESULT.with_name("search_live.json")
TABLES = {
    "joint": "kd_joint/",
    "students": "kd_each/",
    "together": "kd_each/",
    "granted": "kd_each/",
    "cells": "cells_",
    "differences": "cells_",
    "plain": "cells_",
    "tight": "cells_cifar10/",
}
"""Parts of the page, and how the lines of the summary begin that each needs."""

NOTHING = ["Not yet measured."]


def main() -> int:
    """Write or check the page."""
    result, warmed, lived = _read(RESULT), _read(WARM), _read(LIVE)
    sys.path.append(str(RESULT.parent))
    module = importlib.import_module("table_page")
    parts = {
        name: getattr(module, name)(result) if _is_there(result, start) else NOTHING
        for name, start in TABLES.items()
    }
    parts["about"] = about(result) if result.get("summary") else NOTHING
    parts["warm"] = warm(warmed) if warmed.get("summary") else NOTHING
    parts["live"] = live(lived) if lived.get("summary") else NOTHING
    is_whole = result.get("summary") and lived.get("summary")
    short = {"compared": compared(result, lived) if is_whole else NOTHING}
    pages = {PAGE: parts, README: short}
    return write_or_check(pages, script=Path(__file__), title=__doc__.splitlines()[0])


def about(result: Mapping[str, Any]) -> list[str]:
    """Say when, on what and with what was measured, and how much has no figures yet."""
    packages = {"autokd": result["autokd"], **result["versions"], **result["peers"]}
    versions = ", ".join(f"{name} {version}" for name, version in packages.items())
    lines = [line for line in result["summary"].values() if "n" in line]
    audited = [line for line in lines if "off_table" in line]
    wrong, twice = (sum(line[key] for line in audited) for key in ("off_table", "trained_twice"))
    n, n_audited = (sum(line["n"] for line in some) for some in (lines, audited))
    counted = (
        f"{n:,} searches, {n_audited:,} of them audited (MOASHA's own loop keeps no ledger): "
        f"{wrong} results are not the table's, {twice} trainings were paid twice."
    )
    said = [f"Begun {result['date']}; {result['hardware']}; {versions}.", counted]
    checks = [check for checks in result.get("rechecked", {}).values() for check in checks]
    if checks:
        again, kept = (sum(check[name] for check in checks) for name in ("again", "kept"))
        said.append(
            f"When code had changed, {again:,} searches were run on the code before and after, "
            f"with none that differed, and {kept:,} more of the same contenders were kept."
        )
    return said


def compared(result: Mapping[str, Any], lived: Mapping[str, Any]) -> list[str]:
    """Say in a few rows what autokd finds, next to the best of Optuna's samplers."""
    lines: list[str] = importlib.import_module("compared_page").compared(result, lived)
    return lines


def warm(result: Mapping[str, Any]) -> list[str]:
    """Say what an earlier run is worth to a search."""
    lines: list[str] = importlib.import_module("warm_page").warm(result)
    return lines


def live(result: Mapping[str, Any]) -> list[str]:
    """Say when, on what and with what was measured, and what each contender found."""
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    page = importlib.import_module("live_page")
    tables = [*page.live(result), *page.on_the_way(result)]
    workers = f"{result['n_workers']} workers"
    said = [f"Begun {result['date']}; {result['hardware']}, {workers}; {versions}."]
    if result.get("coming"):
        said.append(f"{len(result['coming'])} searches of a newer measurement wait for the rest.")
    return [*said, "", *tables]


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return content


def _is_there(result: Mapping[str, Any], start: str) -> bool:
    return any(name.startswith(start) for name in result.get("summary", {}))


if __name__ == "__main__":
    sys.exit(main())
