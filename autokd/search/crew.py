"""The crew: who trains the students, in this process or in workers beside it.

The loop knows this protocol only. `InlineCrew` trains in the process of the search;
`autokd.search.workers` trains in processes of their own.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from autokd.distill import PreparedStudy
from autokd.errors import TrialError
from autokd.parameters import Value
from autokd.runs import RungResult
from autokd.search.trial import run_trial

__all__ = ["Crew", "Handler", "InlineCrew", "Task"]


@dataclass(frozen=True, slots=True)
class Task:
    """One slot to train.

    Attributes:
        slot: Slot number.
        point: Its point.
        seed: Its seed.
        weights: Where the first student's weights go when the top rung is reached.
        after: Epochs up to which its rungs are known, 0 for none.
    """

    slot: int
    point: dict[str, Value]
    seed: int
    weights: Path
    after: int = 0


class Handler(Protocol):
    """Who hears what becomes of tasks."""

    def rung(self, slot: int, result: RungResult) -> bool:
        """Take a rung's result.

        Args:
            slot: Slot number.
            result: Metrics measured on images, and seconds.

        Returns:
            Whether to train on.
        """
        ...

    def finished(self, slot: int) -> None:
        """Hear that a task ended, at the top rung or where it was stopped.

        Args:
            slot: Slot number.
        """
        ...

    def lost(self, slot: int, error: TrialError) -> None:
        """Hear that a task is lost.

        Args:
            slot: Slot number.
            error: Why.
        """
        ...


class Crew(Protocol):
    """Who trains."""

    @property
    def n_free(self) -> int:
        """Tasks that can be submitted now."""
        ...

    def submit(self, task: Task) -> None:
        """Hand over a task.

        Args:
            task: The task; there must be a free place.
        """
        ...

    def step(self, handler: Handler) -> None:
        """Wait for news, and pass it on.

        Args:
            handler: Who hears it.

        Raises:
            RunError: If workers cannot be started.
        """
        ...

    def paused(self) -> AbstractContextManager[None]:
        """Let nobody train while the context lasts.

        Returns:
            A context manager.
        """
        ...

    def close(self) -> None:
        """Stop at once; running tasks are given up."""
        ...


class InlineCrew:
    """Trains in this process, one task at a time: for tests, debuggers and systems without pipes.

    Args:
        study: The prepared study.
    """

    def __init__(self, study: PreparedStudy) -> None:
        self._study = study
        self._task: Task | None = None

    @property
    def n_free(self) -> int:
        """One, unless a task waits for `step`."""
        return 0 if self._task else 1

    def submit(self, task: Task) -> None:
        """Keep a task for `step`.

        Args:
            task: The task.
        """
        self._task = task

    def step(self, handler: Handler) -> None:
        """Train the task from beginning to end.

        Args:
            handler: Who hears of its rungs and its end.
        """
        assert self._task is not None
        task, self._task = self._task, None
        try:
            run_trial(
                self._study,
                task.point,
                seed=task.seed,
                report=lambda result: handler.rung(task.slot, result),
                weights=task.weights,
                after=task.after,
            )
        except TrialError as error:
            handler.lost(task.slot, error)
        else:
            handler.finished(task.slot)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Do nothing: nobody trains between steps."""
        yield

    def close(self) -> None:
        """Do nothing: there is nobody to stop."""
