"""The ledger: every fact about a study's trials, in an Optuna storage.

The storage is the one truth, and Optuna's own tools read it: directions and values are in the
metrics' own units, a trial stopped by the race is PRUNED, a lost one is FAIL, and constraints are
violated by a trial refused before training, PRUNED, and by one that finished below ``min_top1``,
COMPLETE. What Optuna has no place for is in the trial's attribute ``autokd``
(`autokd.runs.record`). One process writes; a trial is created from a template in one write. Who
only reads a run needs `autokd.runs.reading` instead.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from autokd.errors import RunError
from autokd.parameters import Value
from autokd.runs.frozen import read_trials
from autokd.runs.reading import ATTRIBUTE, last_attempts, read_texts
from autokd.runs.record import Outcome, Record
from autokd.runs.rows import TrialRows
from autokd.runs.storage import close_storage, open_storage
from autokd.runs.translated import opening, translated
from autokd.runs.urls import check_file, without_password
from autokd.study import Objective

__all__ = ["ATTRIBUTE", "Ledger"]

_STATES: dict[Outcome, TrialState] = {
    "complete": TrialState.COMPLETE,
    "stopped": TrialState.PRUNED,
    "infeasible": TrialState.PRUNED,
    "failed": TrialState.FAIL,
    "interrupted": TrialState.FAIL,
}


class Ledger:
    """A study's storage, opened by the one process that writes it or by readers.

    Args:
        url: An Optuna storage URL, such as ``sqlite:///runs/digits/study.db``.
        name: The study's name in the storage.
        objectives: The study's objectives when the study is created; None opens an existing one.
        keeps_connection: Whether the connection stays open between calls, which a search wants
            and ends with `close`; a reader opens one for each call and has nothing to close.

    Raises:
        RunError: If the storage cannot be reached, or holds no such study.
    """

    def __init__(
        self,
        url: str,
        name: str,
        *,
        objectives: Sequence[Objective] | None = None,
        keeps_connection: bool = False,
    ) -> None:
        self.url, self.name = url, name
        if objectives is None:
            check_file(url)
        with opening(url):
            self._storage = open_storage(url, keeps_connection=keeps_connection)
        with translated(url):
            self._study_id = self._find(objectives)
        self._rows = TrialRows(self._storage.engine, self._study_id)
        self._ids: dict[int, int] = {}

    def begin(
        self,
        record: Record,
        *,
        params: Mapping[str, Value],
        distributions: Mapping[str, BaseDistribution],
        notes: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a trial that starts to run.

        Args:
            record: The attempt's record.
            params: Searched parameters by full name.
            distributions: Their Optuna distributions.
            notes: What the sampler noted with the trial (Optuna's system attributes).

        Raises:
            RunError: If the storage fails.
        """
        template = create_trial(
            state=TrialState.RUNNING,
            params=dict(params),
            distributions=dict(distributions),
            user_attrs={ATTRIBUTE: record.as_dict()},
            system_attrs=dict(notes or {}),
        )
        with translated(self.url):
            self._ids[record.slot] = self._rows.add(template)

    def update(self, record: Record) -> None:
        """Write a running trial's grown record.

        Args:
            record: The record of a slot that `begin` has written in this session.

        Raises:
            RunError: If the storage fails, or another process has ended the trial.
        """
        with translated(self.url):
            self._rows.note(self._ids[record.slot], ATTRIBUTE, record.as_dict())

    def refuse(
        self,
        record: Record,
        *,
        params: Mapping[str, Value],
        distributions: Mapping[str, BaseDistribution],
        violation: float,
    ) -> None:
        """Write a trial that is infeasible before any training, in one write.

        Args:
            record: The closed record.
            params: Searched parameters by full name.
            distributions: Their Optuna distributions.
            violation: How far the bound is exceeded, > 0; kept as Optuna's constraint ``size``.

        Raises:
            RunError: If the storage fails.
        """
        template = create_trial(
            state=_STATES[record.outcome],
            params=dict(params),
            distributions=dict(distributions),
            user_attrs={ATTRIBUTE: record.as_dict()},
            constraints={"size": violation},
        )
        with translated(self.url):
            self._rows.add(template)

    def finish(
        self,
        record: Record,
        *,
        values: Sequence[float] | None = None,
        constraints: Mapping[str, float] | None = None,
    ) -> None:
        """Write a trial's end, in one write.

        Args:
            record: The closed record.
            values: The objectives in their own units, if it finished or repeats one that did.
            constraints: Optuna's: by name how far a bound on the outcome is missed, <= 0 if not.

        Raises:
            RunError: If the storage fails, or another process has ended the trial.
        """
        named = create_trial(state=TrialState.RUNNING, constraints=dict(constraints or {}))
        with translated(self.url):
            self._rows.end(
                self._ids.pop(record.slot),
                _state(record, values),
                key=ATTRIBUTE,
                value=record.as_dict(),
                objectives=values or (),
                notes=named.system_attrs,  # where Optuna keeps them
            )

    def is_open(self, slot: int) -> bool:
        """Say whether a slot's trial was begun in this session, and its end is not written."""
        return slot in self._ids

    def close_running(self, *, reason: str, at_s: float) -> list[Record]:
        """Mark the trials that an earlier session left running as interrupted.

        Args:
            reason: Why, for their records.
            at_s: Seconds of searching so far.

        Returns:
            Their closed records.

        Raises:
            RunError: If the storage fails.
        """
        closed = []
        for trial in self._read([TrialState.RUNNING]):
            record = Record.from_dict(trial.user_attrs[ATTRIBUTE])
            self._ids[record.slot] = trial._trial_id
            closed.append(record.ended("interrupted", at_s=at_s, reason=reason))
            self.finish(closed[-1])
        return closed

    def trials(self) -> list[FrozenTrial]:
        """Read every trial that has a record.

        Returns:
            Optuna's trials in the order of their numbers, all attempts included.

        Raises:
            RunError: If the storage fails.
        """
        return self._read(tuple(TrialState))

    def records(self) -> list[Record]:
        """Read the last attempt at every slot.

        Returns:
            Records by slot number.

        Raises:
            RunError: If the storage fails.
        """
        with translated(self.url):
            texts = read_texts(self._storage.engine, self._study_id, key=ATTRIBUTE)
        return last_attempts(texts)

    def last_attempts(self) -> list[FrozenTrial]:
        """Read the Optuna trial of the last attempt at every slot.

        Returns:
            Trials by slot number.

        Raises:
            RunError: If the storage fails.
        """
        last = {trial.user_attrs[ATTRIBUTE]["slot"]: trial for trial in self.trials()}
        return [last[slot] for slot in sorted(last)]

    def note(self, key: str, value: Any) -> None:
        """Write a fact about the study as a whole.

        Args:
            key: Its name; ``autokd_`` is put in front.
            value: JSON types.

        Raises:
            RunError: If the storage fails.
        """
        with translated(self.url):
            self._storage.set_study_user_attr(self._study_id, f"{ATTRIBUTE}_{key}", value)

    def noted(self, key: str) -> Any:
        """Read a fact about the study as a whole.

        Args:
            key: Its name.

        Returns:
            What `note` wrote; None when nothing was.

        Raises:
            RunError: If the storage fails.
        """
        with translated(self.url):
            return self._storage.get_study_user_attrs(self._study_id).get(f"{ATTRIBUTE}_{key}")

    def study(self) -> optuna.Study:
        """Open the study with Optuna's own class.

        Returns:
            The study, for reading.

        Raises:
            RunError: If the storage fails.
        """
        with translated(self.url):
            return optuna.load_study(study_name=self.name, storage=self._storage)

    def close(self) -> None:
        """Give up the connection to the storage."""
        close_storage(self._storage)

    def _read(self, states: Sequence[TrialState]) -> list[FrozenTrial]:
        with translated(self.url):
            trials = read_trials(self._storage.engine, self._study_id, states=states)
        return [trial for trial in trials if ATTRIBUTE in trial.user_attrs]

    def _find(self, objectives: Sequence[Objective] | None) -> int:
        known = {study.study_name: study._study_id for study in self._storage.get_all_studies()}
        if self.name in known:
            return known[self.name]
        if objectives is None:
            raise RunError(f"{without_password(self.url)} holds no study called {self.name!r}")
        directions = [StudyDirection[objective.direction.upper()] for objective in objectives]
        study_id = self._storage.create_new_study(directions, self.name)
        # What `Study.set_metric_names` writes; that method is marked experimental and would warn.
        names = [objective.metric for objective in objectives]
        self._storage.set_study_system_attr(study_id, "study:metric_names", names)
        return study_id


def _state(record: Record, values: Sequence[float] | None) -> TrialState:
    if record.outcome == "repeated":
        return TrialState.PRUNED if values is None else TrialState.COMPLETE
    return _STATES[record.outcome]
