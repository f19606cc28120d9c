"""Storage, records and tables: everything that reads or writes what a study has learned."""

from autokd.runs.folder import RunFolder, latest_run
from autokd.runs.ledger import Ledger
from autokd.runs.record import Outcome, Record, RungResult
from autokd.runs.run import Run, load_run
from autokd.runs.storage import check_storage, quiet_optuna
from autokd.runs.urls import absolute_url, check_file

__all__ = [
    "Ledger",
    "Outcome",
    "Record",
    "Run",
    "RunFolder",
    "RungResult",
    "absolute_url",
    "check_file",
    "check_storage",
    "latest_run",
    "load_run",
    "quiet_optuna",
]
