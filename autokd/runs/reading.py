"""Reads what a study's storage holds for a report: all records in one query.

Optuna's own classes make an object of every trial, parameter and value, which takes seconds for
ten thousand trials, and opening its storage loads what only writing needs. So a reader asks the
database itself, for the few columns that hold what `autokd.runs.ledger` wrote. Their names are
part of Optuna's storage format and have been the same since its first versions.
"""

import gc
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, column, create_engine, select, table
from sqlalchemy.pool import NullPool

from autokd.errors import RunError
from autokd.runs.record import Record
from autokd.runs.translated import opening, translated
from autokd.runs.urls import check_file, without_password

__all__ = ["ATTRIBUTE", "Reader", "last_attempts", "read_texts"]

ATTRIBUTE = "autokd"
"""Name of the user attribute that holds a trial's record."""

_STUDIES = table("studies", column("study_id"), column("study_name"))
_NOTES = table("study_user_attributes", column("study_id"), column("key"), column("value_json"))
_TRIALS = table("trials", column("trial_id"), column("study_id"), column("number"))
_ATTRIBUTES = table(
    "trial_user_attributes", column("trial_id"), column("key"), column("value_json")
)


class Reader:
    """A study's storage, for reading only; it opens a connection for each call.

    Args:
        url: An Optuna storage URL.
        name: The study's name in the storage.

    Raises:
        RunError: If the storage cannot be reached, or holds no such study.
    """

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        check_file(url)
        options = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {}
        with opening(url):
            self._engine = create_engine(url, poolclass=NullPool, **options)
        with translated(url), self._engine.connect() as connection:
            query = select(_STUDIES.c.study_id).where(_STUDIES.c.study_name == name)
            study_id = connection.execute(query).scalar()
        if study_id is None:
            raise RunError(f"{without_password(url)} holds no study called {name!r}")
        self._study_id: int = study_id

    def read(self) -> tuple[list[str], dict[str, Any]]:
        """Read all that a report needs.

        Returns:
            What `read_texts` gives for `ATTRIBUTE`, and metrics on the test set by slot, the slot
            as text.

        Raises:
            RunError: If the storage fails.
        """
        with translated(self._url), self._engine.connect() as connection:
            texts = _texts(connection, self._study_id, key=ATTRIBUTE)
            query = select(_NOTES.c.value_json).where(
                _NOTES.c.study_id == self._study_id, _NOTES.c.key == f"{ATTRIBUTE}_tests"
            )
            tests = connection.execute(query).scalar()
        return texts, json.loads(tests or "{}")


def read_texts(engine: Engine, study_id: int, *, key: str) -> list[str]:
    """Read one user attribute of every trial that has it.

    Args:
        engine: The storage's.
        study_id: Optuna's number of the study.
        key: Name of the attribute.

    Returns:
        JSON texts in the order of the trials' numbers.
    """
    with engine.connect() as connection:
        return _texts(connection, study_id, key=key)


def last_attempts(texts: Sequence[str]) -> list[Record]:
    """Parse records and keep the last attempt at every slot.

    Args:
        texts: What `read_texts` gave.

    Returns:
        Records by slot number.
    """
    with _collector_at_rest():
        # One text for all: a parser keeps one copy of every name that it meets.
        records = [Record.from_dict(raw) for raw in json.loads(f"[{','.join(texts)}]")]
    last = {record.slot: record for record in records}
    return [last[slot] for slot in sorted(last)]


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Keep the garbage collector from going through objects, again and again, that only grow.

    Of ten thousand trials, parsing takes half the time without it.
    """
    was_at_work = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_at_work:
            gc.enable()


def _texts(connection: Connection, study_id: int, *, key: str) -> list[str]:
    query = (
        select(_ATTRIBUTES.c.value_json)
        .join_from(_ATTRIBUTES, _TRIALS, _ATTRIBUTES.c.trial_id == _TRIALS.c.trial_id)
        .where(_TRIALS.c.study_id == study_id, _ATTRIBUTES.c.key == key)
        .order_by(_TRIALS.c.number)
    )
    return list(connection.execute(query).scalars())
