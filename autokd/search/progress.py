"""What a search tells whoever watches it."""

from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Listener", "Silent", "Snapshot"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How a search stands.

    Attributes:
        complete: Trials that finished the top rung.
        stopped: Trials stopped by the race.
        infeasible: Trials refused before training.
        failed: Trials lost.
        running: For each running slot what it does, ``{17: "17,204 params, 9 of 27 epochs, top1
            0.942"}``.
        total: Slots of the budget; None when only seconds limit it.
        seconds_limit: Seconds of the budget; None when only slots limit it.
        elapsed_s: Seconds of searching, earlier sessions included.
        remaining_s: Estimated seconds to the end; None before there is an estimate.
        front: Front members as ``(slot, {metric: value})``, smallest first.
        hypervolume: Of the complete trials.
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

    @property
    def closed(self) -> int:
        """Slots that have ended."""
        return self.complete + self.stopped + self.infeasible + self.failed


class Listener(Protocol):
    """What a search calls; every method returns at once."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """Hear how far data, teacher and table are.

        Args:
            what: ``data``, ``teacher`` or ``views``.
            done: Steps done.
            total: Steps in all.
        """

    def changed(self, snapshot: Snapshot) -> None:
        """Hear that a trial began, reached a rung or ended.

        Args:
            snapshot: How the search stands.
        """

    def told(self, message: str) -> None:
        """Hear a line of news, such as a lost trial.

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
