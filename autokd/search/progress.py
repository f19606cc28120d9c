"""What a search tells whoever watches it."""

from dataclasses import dataclass, field
from typing import Protocol

from autokd.distill import PreparedStudy, TeacherFacts

__all__ = ["Listener", "Silent", "Snapshot", "opening"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How a search stands.

    Attributes:
        complete: Trials that finished the top rung.
        stopped: Trials stopped by the race.
        infeasible: Trials refused before training.
        failed: Trials lost.
        running: For each running slot what it does, ``{17: "17,204 params, 9 of 27 epochs"}``.
        total: Slots of the budget; None when only seconds limit it.
        seconds_limit: Seconds of the budget; None when only slots limit it.
        elapsed_s: Seconds of searching, earlier sessions included.
        remaining_s: Estimated seconds to the end; None before there is an estimate.
        front: Front members as ``(slot, {metric: value})``, smallest first.
        hypervolume: Of the complete trials.
        n_below: Trials that finished the top rung below ``min_top1``; they are among ``complete``.
        objectives: The study's objectives.
        repeated: Trials that repeated an earlier one, so that its results hold.
    """

    complete: int
    stopped: int
    infeasible: int
    failed: int
    running: dict[int, str]
    total: int | None
    seconds_limit: float | None
    elapsed_s: float
    remaining_s: float | None
    hypervolume: float
    front: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    n_below: int = 0
    objectives: tuple[str, ...] = ()
    repeated: int = 0

    @property
    def closed(self) -> int:
        """Slots that have ended."""
        return self.complete + self.stopped + self.repeated + self.infeasible + self.failed


class Listener(Protocol):
    """What a search calls; every method returns at once."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """Hear how far data, teacher and table are.

        Args:
            what: ``data``, ``teacher`` or ``views``.
            done: Steps done; not every preparation tells of its 0.
            total: Steps in all.
        """

    def changed(self, snapshot: Snapshot) -> None:
        """Hear that a trial began, reached a rung or ended.

        Args:
            snapshot: How the search stands.
        """

    def told(self, message: str) -> None:
        """Hear a line of news, such as what is searched for, or a lost trial.

        Args:
            message: One line.
        """


class Silent:
    """A listener that does nothing."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """Ignore it."""

    def changed(self, snapshot: Snapshot) -> None:
        """Ignore it."""

    def told(self, message: str) -> None:
        """Ignore it."""


def opening(prepared: PreparedStudy, *, n_workers: int) -> list[str]:
    """Say what a search is about to do.

    Args:
        prepared: The prepared study.
        n_workers: Worker processes, >= 0.

    Returns:
        Lines of news: study, bounds, images, who teaches, budget, workers.
    """
    spec, dataset, facts = prepared.spec, prepared.dataset, prepared.facts
    limits = {"trials": spec.budget.trials, "seconds": spec.budget.seconds}
    budget = [f"{limit:,.10g} {unit}" for unit, limit in limits.items() if limit is not None]
    return [
        f"study       {spec.title}",
        *([f"bounds      {spec.constraints}"] if str(spec.constraints) else []),
        (
            f"images      {len(dataset.train):,} train, {len(dataset.validation):,} validation, "
            f"{len(dataset.test):,} test"
        ),
        _teaching("teacher", facts),
        *(_teaching("teacher", each) for each in prepared.more_facts),
        *(_teaching("assistant", each) for each in prepared.assistant_facts),
        f"budget      {' or '.join(budget)}",
        f"workers     {n_workers or 'none: students train in this process'}",
    ]


def _teaching(role: str, facts: TeacherFacts) -> str:
    trained = "" if facts.trained_s is None else f", trained in {facts.trained_s:,.0f} s"
    known = f"{facts.name}, {facts.size}, top1 {facts.top1:.4f} on validation"
    return f"{role:<12}{known}{trained}"
