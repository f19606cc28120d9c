"""Writes a study's trials as rows of the tables that Optuna keeps them in.

Optuna's storage makes an object of every row that it touches, and asks the database before every
write whether the trial may still be written: some thirty statements for a trial that autokd
creates, grows and ends in four writes. Here each of these is one transaction of one statement a
table. Tables and column types are those of Optuna's own models, so that Optuna reads what its own
storage would have written; a test compares the two.

Left out: values that a trial reports while it runs. autokd keeps rungs in a record.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from optuna.distributions import distribution_to_json
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import (
    Connection,
    CursorResult,
    Engine,
    Table,
    bindparam,
    exists,
    func,
    insert,
    select,
    update,
)

from autokd.errors import RunError

__all__ = ["TrialRows"]

_STUDIES: Table = models.StudyModel.__table__
_TRIALS: Table = models.TrialModel.__table__
_PARAMS: Table = models.TrialParamModel.__table__
_VALUES: Table = models.TrialValueModel.__table__
_USER_ATTRIBUTES: Table = models.TrialUserAttributeModel.__table__
_SYSTEM_ATTRIBUTES: Table = models.TrialSystemAttributeModel.__table__

_EARLIER = _TRIALS.alias()
_N_EARLIER = select(func.count()).where(_EARLIER.c.study_id == bindparam("study"))
_LOCK = select(_STUDIES.c.study_id).where(_STUDIES.c.study_id == bindparam("study"))
_ADD = insert(_TRIALS).values(number=_N_EARLIER.scalar_subquery(), study_id=bindparam("study"))
_RUNS = (_TRIALS.c.trial_id == bindparam("trial")) & (_TRIALS.c.state == TrialState.RUNNING)
_END = update(_TRIALS).where(_RUNS)
_NOTE = update(_USER_ATTRIBUTES).where(
    _USER_ATTRIBUTES.c.trial_id == bindparam("trial"),
    _USER_ATTRIBUTES.c.key == bindparam("name"),
    exists().where(_RUNS),
)


class TrialRows:
    """The trials of one study in a storage that Optuna has made, for writing.

    Args:
        engine: The storage's.
        study_id: Optuna's number of the study.
    """

    def __init__(self, engine: Engine, study_id: int) -> None:
        self._engine = engine
        self._study_id = study_id

    def add(self, trial: FrozenTrial) -> int:
        """Write a new trial.

        Args:
            trial: What `optuna.trial.create_trial` made, without values. Its number does not
                matter: the new trial is the study's last.

        Returns:
            Optuna's id of the trial.
        """
        content = {
            "study": self._study_id,
            "state": trial.state,
            "datetime_start": _utc(trial.datetime_start),
            "datetime_complete": _utc(trial.datetime_complete),
        }
        with self._engine.begin() as connection:
            # SQLite ignores the lock: there the insert itself keeps other writers out.
            if connection.dialect.name != "sqlite":
                connection.execute(_LOCK.with_for_update(), {"study": self._study_id})
            trial_id = _key(connection.execute(_ADD, content))
            _insert(connection, _PARAMS, _params(trial_id, trial))
            _insert(connection, _USER_ATTRIBUTES, _attributes(trial_id, trial.user_attrs))
            _insert(connection, _SYSTEM_ATTRIBUTES, _attributes(trial_id, trial.system_attrs))
        return trial_id

    def note(self, trial_id: int, key: str, value: Any) -> None:
        """Write a running trial's user attribute anew.

        Args:
            trial_id: Optuna's id of the trial.
            key: Name of an attribute that the trial was added with.
            value: JSON types.

        Raises:
            RunError: If the trial does not run any more.
        """
        with self._engine.begin() as connection:
            _note(connection, trial_id, key=key, value=value)

    def end(
        self,
        trial_id: int,
        state: TrialState,
        *,
        key: str,
        value: Any,
        objectives: Sequence[float] = (),
        notes: Mapping[str, Any] | None = None,
    ) -> None:
        """End a running trial, with its user attribute.

        Args:
            trial_id: Optuna's id of the trial.
            state: A finished one.
            key: Name of an attribute that the trial was added with.
            value: What it is now, JSON types.
            objectives: Their values, of a complete trial only.
            notes: System attributes that the trial does not have yet.

        Raises:
            RunError: If the trial does not run any more.
        """
        content = {"trial": trial_id, "state": state, "datetime_complete": _utc(datetime.now())}
        with self._engine.begin() as connection:
            _note(connection, trial_id, key=key, value=value)
            _insert(connection, _VALUES, _values(trial_id, objectives))
            _insert(connection, _SYSTEM_ATTRIBUTES, _attributes(trial_id, notes or {}))
            _expect_one(connection.execute(_END, content), trial_id)


def _key(result: CursorResult[Any]) -> int:
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def _note(connection: Connection, trial_id: int, *, key: str, value: Any) -> None:
    content = {"trial": trial_id, "name": key, "value_json": json.dumps(value)}
    _expect_one(connection.execute(_NOTE, content), trial_id)


def _expect_one(result: CursorResult[Any], trial_id: int) -> None:
    if result.rowcount != 1:
        raise RunError(f"another process has ended or deleted the running trial of id {trial_id}")


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _params(trial_id: int, trial: FrozenTrial) -> list[dict[str, Any]]:
    return [
        {
            "trial_id": trial_id,
            "param_name": name,
            "param_value": distribution.to_internal_repr(trial.params[name]),
            "distribution_json": distribution_to_json(distribution),
        }
        for name, distribution in trial.distributions.items()
    ]


def _attributes(trial_id: int, attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"trial_id": trial_id, "key": key, "value_json": json.dumps(value)}
        for key, value in attributes.items()
    ]


def _values(trial_id: int, objectives: Sequence[float]) -> list[dict[str, Any]]:
    rows = []
    for number, objective in enumerate(objectives):
        value, kind = models.TrialValueModel.value_to_stored_repr(objective)
        place = {"trial_id": trial_id, "objective": number}
        rows.append({**place, "value": value, "value_type": kind})
    return rows


def _utc(moment: datetime | None) -> datetime | None:
    """Give a local time as Optuna stores it."""
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)
