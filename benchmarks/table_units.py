"""One search of `search_tables`: what names it, what its figures depend on, and how it is run."""

import hashlib
import json
import os
import time
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import table_moasha
import table_search
import torch
from code_parts import modules_digest
from table_contenders import AWAITED, CONTENDERS, N_SEEDS
from table_data import CELLS, TABLES, available, load

_NICENESS = 5
_TABLES = ("table_data", "table_search", "table_study")
_PARETO = ("arrays", "axes")
_LOOP = ("copied", "family", "loop", "previews", "proposer", "repeats", "samplers")
_RACE = ("fidelity", "pareto.front", "pareto.levels", "pareto.volume", "search.board")


class Key(NamedTuple):
    """Names one search.

    Attributes:
        table: Table.
        contender: Who searches it.
        seed: Of the study.
    """

    table: str
    contender: str
    seed: int

    @property
    def name(self) -> str:
        """As the JSON has it."""
        return "/".join(map(str, self))


def parsed(name: str) -> Key | None:
    """Read a key's name; None for a table or a contender that there is no more."""
    table, contender, seed = name.split("/")
    is_known = contender in CONTENDERS and table in CONTENDERS[contender].tables
    return Key(table, contender, int(seed)) if is_known else None


def keys(tables: Sequence[str], contenders: Sequence[str], *, n_seeds: int) -> list[Key]:
    """List searches, seed by seed, so that what is broken off is balanced."""
    return [
        Key(table, name, seed)
        for seed in range(n_seeds)
        for table in TABLES
        for name in contenders
        if table in tables and table in CONTENDERS[name].tables and seed < CONTENDERS[name].n_seeds
    ]


def through(units: Collection[Key]) -> set[str]:
    """Give the tables where autokd and all of Optuna's samplers have all their searches.

    The Gaussian process apart, which takes longest: the others are compared before it is there.
    """
    missing = {key.table for key in keys(TABLES, AWAITED, n_seeds=N_SEEDS) if key not in units}
    return set(TABLES) - missing


def reasons_against(folder: Path | None) -> dict[str, str]:
    """Say for tables and contenders that cannot run here what is missing."""
    reasons = {**available(folder)}
    reasons |= {name: table_moasha.reason_against() for name, c in CONTENDERS.items() if c.moasha}
    return {name: reason for name, reason in reasons.items() if reason}


@cache
def depends_on(table: str, contender: str) -> str:
    """Hash the code that a search's figures depend on, and what is said of the contender.

    Of the rooms that all share, what decides; autokd's sampler for those that use it alone.
    """
    found = CONTENDERS[contender]
    code = [f"benchmarks.{name}" for name in _TABLES]
    code += [f"autokd.pareto.{name}" for name in _PARETO]
    if table in CELLS:
        code.append("benchmarks.table_cells")
    if found.moasha:
        code.append("benchmarks.table_moasha")
    else:
        code += [f"autokd.search.{name}" for name in _LOOP]
    if found.races and table not in CELLS:
        code += [f"autokd.{name}" for name in _RACE]
    if found.maker:
        code.append("benchmarks.table_optuna")
    name = found.sampler.get("name")
    if name == "tpe":
        code.append("autokd.search.tpe")
    if name == "autokd":
        code += [f"autokd.sampler.{path.stem}" for path in _sampler_modules()]
        code += [f"autokd.pareto.{name}" for name in ("boxes", "front")]
    parts = json.dumps([modules_digest(set(code)), found.as_dict()], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()[:12]


def begin_worker() -> None:
    """Let others go first, and compute on one thread."""
    os.nice(_NICENESS)
    torch.set_num_threads(1)


def search_one(folder: Path | None, key: Key) -> dict[str, Any]:
    """Search a table once.

    Args:
        folder: Where the tables of students are.
        key: The search.

    Returns:
        What is kept of it, with the seconds of CPU that it took.
    """
    table, contender = load(key.table, folder), CONTENDERS[key.contender]
    began = time.process_time()
    if contender.moasha:
        unit = table_moasha.search(table, seed=key.seed, rule=contender.moasha)
    else:
        unit = table_search.search(table, contender, seed=key.seed)
    return {**unit, "cpu_s": round(time.process_time() - began, 1)}


def _sampler_modules() -> list[Path]:
    import autokd.sampler

    return sorted(Path(autokd.sampler.__file__).parent.glob("[a-z]*.py"))
