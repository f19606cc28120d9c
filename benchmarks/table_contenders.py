"""Who is compared on the tables.

All run in autokd's loop, MOASHA apart, on the same space, and are told the same two values: error
and log10 params. None of Optuna's samplers forgets a trial (`memory`), and all train every trial
to the top rung, since Optuna refuses to prune where there are several objectives.

On the tables of students a proposal comes to the nearest row, and autokd is told which one. So
that nobody is handicapped by not being told, Optuna's samplers that fit a model run a second time
and are told the row, as if they had proposed it; the better of both counts.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import table_optuna
from table_data import CELLS, JOINT, STUDENTS
from table_optuna import Maker

N_SEEDS = 20
"""Searches of a contender on each table, where proposing takes no seconds."""

_ALL_TRIALS = 1_000_000
_KD = (JOINT, *STUDENTS)
_EVERYWHERE = (*_KD, *CELLS)


@dataclass(frozen=True)
class Contender:
    """One way to search.

    Attributes:
        tables: Where it runs.
        sampler: What a study says of its sampler.
        maker: Makes an Optuna sampler in the place of the study's; None where that does.
        races: Whether trials are raced up the ladder.
        all_rungs: Whether autokd's model learns from every rung, or from the highest one alone
            that has enough results.
        revisits: Whether autokd may propose a student again that its race stopped.
        is_told_rows: Whether the sampler is told the row in the place of its proposal.
        shows_features: Whether previews show more than the size, where a table has more.
        moasha: The rule by which MOASHA promotes; None for autokd's loop.
        n_seeds: Searches on each table.
        most_asked: Points after which a search of students ends; None for the table's own bound.
    """

    tables: tuple[str, ...]
    sampler: Mapping[str, Any]
    maker: Maker | None = None
    races: bool = False
    all_rungs: bool = True
    revisits: bool = True
    is_told_rows: bool = False
    shows_features: bool = True
    moasha: Literal["shipped", "ranks"] | None = None
    n_seeds: int = N_SEEDS
    most_asked: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Give what its figures depend on as JSON types."""
        found = {**asdict(self), "maker": self.maker and self.maker.__name__}
        return {key: value for key, value in found.items() if key not in ("tables", "n_seeds")}


_AUTOKD = {"name": "autokd"}
_LOOKS_AT_ALL = {"name": "autokd", "previews": 10_000}
"""A row is looked up in microseconds, and a student drawn in milliseconds, for which the default
number of previews is meant; a study says which."""

_RANDOM = {"name": "random"}
_TPE = {"name": "tpe", "memory": _ALL_TRIALS}
_NSGA2 = {"name": "nsga2", "startup_trials": 50, "memory": _ALL_TRIALS}
_REPLACED = _RANDOM
"""What a study says where another sampler takes its place."""

_FEW = {"n_seeds": 5, "most_asked": 200}
"""For what takes seconds to propose a student."""

_LOST = {"most_asked": 200}
"""For one that may never come to a level, and proposes until it has asked for everything."""

CONTENDERS: dict[str, Contender] = {
    "autokd": Contender(_EVERYWHERE, _AUTOKD, races=True),
    "autokd, no race": Contender(_KD, _AUTOKD),
    "autokd, all previews": Contender((JOINT, *CELLS), _LOOKS_AT_ALL, races=True),
    "autokd, all previews, no race": Contender((JOINT,), _LOOKS_AT_ALL),
    "autokd, model of one rung": Contender((JOINT,), _AUTOKD, races=True, all_rungs=False),
    "autokd, stopped for good": Contender((JOINT,), _AUTOKD, races=True, revisits=False, **_LOST),
    "autokd, point and size only": Contender(tuple(CELLS), _AUTOKD, shows_features=False),
    "random in our race": Contender((JOINT,), _RANDOM, races=True),
    "tpe in our race": Contender((JOINT,), _TPE, races=True),
    "optuna random": Contender(_EVERYWHERE, _RANDOM),
    "optuna tpe": Contender(_EVERYWHERE, _REPLACED, table_optuna.tpe),
    "optuna tpe, told the row": Contender(_KD, _REPLACED, table_optuna.tpe, is_told_rows=True),
    "optuna tpe, multivariate": Contender(_EVERYWHERE, _TPE),
    "optuna tpe, multivariate, told the row": Contender(
        _KD, _REPLACED, table_optuna.tpe_multivariate, is_told_rows=True
    ),
    "optuna nsga2": Contender(_EVERYWHERE, _NSGA2),
    "optuna nsga2, population 20": Contender(_EVERYWHERE, {**_NSGA2, "startup_trials": 20}),
    "optuna gp": Contender(_EVERYWHERE, _REPLACED, table_optuna.gp, **_FEW),
    "optuna gp, told the row": Contender(
        _KD, _REPLACED, table_optuna.gp, is_told_rows=True, **_FEW
    ),
    "moasha": Contender(_KD, {}, moasha="shipped"),
    "moasha, by rank": Contender(_KD, {}, moasha="ranks"),
}
"""Every contender by name."""

AWAITED = tuple(
    name
    for name, contender in CONTENDERS.items()
    if contender.n_seeds == N_SEEDS and (name == "autokd" or name.startswith("optuna"))
)
"""Without these there is no best one of Optuna's to compare with."""
