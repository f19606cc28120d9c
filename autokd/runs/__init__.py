"""Storage, records and tables: everything that reads or writes what a study has learned."""

from autokd.runs.folder import RunFolder, latest_run
from autokd.runs.ledger import Ledger
from autokd.runs.record import Outcome, Record, RungResult
from autokd.runs.run import Run, load_run
from autokd.runs.storage import quiet_optuna

__all__ = [
    "Ledger",
    "Outcome",
    "Record",
    "Run",
    "RunFolder",
    "RungResult",
    "latest_run",
    "load_run",
    "quiet_optuna",
]
