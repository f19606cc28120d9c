"""Reads a study's trials as Optuna's objects, in one query a table.

Optuna's storage makes an object of every row before it makes one of every trial, and parses every
distribution of every trial, twice: two seconds for a thousand trials. Here equal distributions are
parsed once and shared.

Left out: values that a trial reported while it ran. autokd keeps rungs in a record.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from optuna.distributions import json_to_distribution
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import ColumnElement, Connection, Engine, Row, Table, select

__all__ = ["read_trials"]

_TRIALS: Table = models.TrialModel.__table__
_PARAMS: Table = models.TrialParamModel.__table__
_VALUES: Table = models.TrialValueModel.__table__
_USER_ATTRIBUTES: Table = models.TrialUserAttributeModel.__table__
_SYSTEM_ATTRIBUTES: Table = models.TrialSystemAttributeModel.__table__

_Rows = dict[int, list[Row[Any]]]
"""Rows of a table by trial id, in the order in which they were written."""


def read_trials(
    engine: Engine, study_id: int, *, states: Sequence[TrialState] = tuple(TrialState)
) -> list[FrozenTrial]:
    """Read trials of a study.

    Args:
        engine: The storage's.
        study_id: Optuna's number of the study.
        states: Which trials.

    Returns:
        Trials in the order of their numbers.
    """
    wanted = (_TRIALS.c.study_id == study_id) & _TRIALS.c.state.in_(states)
    with engine.connect() as connection:
        query = select(_TRIALS).where(wanted).order_by(_TRIALS.c.number)
        trials = connection.execute(query).all()
        params, values, user_attributes, system_attributes = (
            _by_trial(connection, table, wanted)
            for table in (_PARAMS, _VALUES, _USER_ATTRIBUTES, _SYSTEM_ATTRIBUTES)
        )
    parse = cache(json_to_distribution)
    frozen = []
    for row in trials:
        drawn = params.get(row.trial_id, [])
        distributions = {each.param_name: parse(each.distribution_json) for each in drawn}
        frozen.append(
            FrozenTrial(
                trial_id=row.trial_id,
                number=row.number,
                state=row.state,
                value=None,
                values=_objectives(values.get(row.trial_id, [])),
                datetime_start=_local(row.datetime_start),
                datetime_complete=_local(row.datetime_complete),
                params={
                    each.param_name: distributions[each.param_name].to_external_repr(
                        each.param_value
                    )
                    for each in drawn
                },
                distributions=distributions,
                user_attrs=_attributes(user_attributes.get(row.trial_id, [])),
                system_attrs=_attributes(system_attributes.get(row.trial_id, [])),
                intermediate_values={},
            )
        )
    return frozen


def _by_trial(connection: Connection, table: Table, wanted: ColumnElement[bool]) -> _Rows:
    (key,) = table.primary_key
    query = (
        select(table)
        .join(_TRIALS, _TRIALS.c.trial_id == table.c.trial_id)
        .where(wanted)
        .order_by(key)
    )
    rows: _Rows = defaultdict(list)
    for row in connection.execute(query):
        rows[row.trial_id].append(row)
    return rows


def _objectives(rows: list[Row[Any]]) -> list[float] | None:
    restored = models.TrialValueModel.stored_repr_to_value
    ordered = sorted(rows, key=lambda row: int(row.objective))
    return [restored(row.value, row.value_type) for row in ordered] or None


def _attributes(rows: list[Row[Any]]) -> dict[str, Any]:
    return {row.key: json.loads(row.value_json) for row in rows}


def _local(moment: datetime | None) -> datetime | None:
    """Give a time that Optuna stored as it gives it itself."""
    return None if moment is None else moment.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)
