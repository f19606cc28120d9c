"""The outer loop: propose, refuse or train, race at every rung, record, until the budget is spent.

The loop is the only writer of ledger and run folder. It knows metrics, points and graphs, never
pixels: what trains behind the crew could be anything that reports metrics by rung.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from autokd.errors import InfeasibleError, TrialError
from autokd.graphs import ArchGraph
from autokd.runs import Ledger, Record, RunFolder, RungResult
from autokd.search.board import Board
from autokd.search.crew import Crew, Task
from autokd.search.family import Draw, Family, check_constraints, slot_seed
from autokd.search.latency import Measure
from autokd.search.progress import Listener
from autokd.search.proposer import Proposal, Proposer
from autokd.search.repeats import Repeats
from autokd.search.warm import WarmStart
from autokd.study import StudySpec

__all__ = ["Loop", "Measure"]

_MOST_REPEATS = 100
"""Repeats in a row after which a search ends: what it can find, it has found."""


class Loop:
    """Runs one session of a study.

    Args:
        spec: The study.
        draw: Draws a point's family.
        folder: Run folder.
        ledger: Where trials are recorded.
        crew: Who trains.
        listener: Who watches.
        measure: Measures latency where the study needs it; None where not.
        taught_s: Seconds that training the assistants took; the search begins with them spent.
        warm: What the search begins with; None for nothing.
        clock: Gives the time, seconds.
    """

    def __init__(
        self,
        spec: StudySpec,
        draw: Draw,
        *,
        folder: RunFolder,
        ledger: Ledger,
        crew: Crew,
        listener: Listener,
        measure: Measure | None = None,
        taught_s: float = 0.0,
        warm: WarmStart | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spec = spec
        self._draw = draw
        self._folder = folder
        self._ledger = ledger
        self._crew = crew
        self._listener = listener
        self._measure = measure
        self._proposer = Proposer(spec, draw, warm=warm)
        self._board = Board(spec)
        self._repeats = Repeats(takes_up=spec.sampler.revisits)
        self._n_repeats = 0
        self._retries: list[tuple[Record, Proposal]] = []
        self._ahead: Proposal | None = None
        self._clock = clock
        self._before_s = taught_s
        self._began = clock()

    @property
    def elapsed_s(self) -> float:
        """Seconds of searching, earlier sessions and the training of assistants included."""
        return self._before_s + self._clock() - self._began

    def restore(self) -> None:
        """Take over what earlier sessions recorded.

        Slots that they left unfinished are retried first.

        Raises:
            RunError: If the storage fails.
        """
        trials = self._ledger.last_attempts()
        records = [Record.from_dict(trial.user_attrs["autokd"]) for trial in trials]
        ends = [record.ended_s or 0.0 for record in records]
        self._before_s = max([self._before_s, *ends])
        closed = self._ledger.close_running(reason="killed", at_s=self._before_s)
        killed = {(record.slot, record.attempt): record for record in closed}
        ended: list[Record] = []  # trained: the next point was proposed while it ran
        for trial, found in zip(trials, records, strict=True):
            record = killed.get((found.slot, found.attempt), found)
            proposal = self._proposer.restore(trial, record)
            while ended:
                self._proposer.learn(ended.pop())
            if record.outcome == "interrupted":
                self._retries.append((record, proposal))
                continue
            self._board.keep(record)
            self._repeats.end(record)
            if record.outcome == "repeated" or _was_trained(record):
                self._n_repeats = self._n_repeats + 1 if record.outcome == "repeated" else 0
            if self._spec.sampler.asks_ahead and _was_trained(record):
                ended.append(record)
            else:
                violation = sum(trial.constraints.values()) if trial.constraints else None
                self._proposer.learn(record, violation=violation)
        if ended:
            self._propose_ahead()
            self._proposer.learn(ended.pop())
        self._folder.keep_weights([member.slot for member in self._board.front])

    def run(self) -> None:
        """Search until the budget is spent.

        Raises:
            RunError: If storage or folder fail.
        """
        self._began = self._clock()
        try:
            while True:
                while self._crew.n_free and self._may_begin():
                    self._begin_next()
                if not self._board.running:
                    break
                self._propose_ahead()
                self._crew.step(self)
        except KeyboardInterrupt:
            self._interrupt()
            raise
        if self._n_repeats >= _MOST_REPEATS:
            self._listener.told(f"the last {_MOST_REPEATS} trials repeated earlier ones")

    def rung(self, slot: int, result: RungResult) -> bool:
        """Record a rung's result and let the race decide.

        Args:
            slot: Slot number.
            result: Metrics measured on images, and seconds.

        Returns:
            Whether the trial trains on.
        """
        record = self._board[slot]
        metrics = {**result.metrics, **record.cost}
        trains_on, reason = self._race(result.epochs, metrics)
        verdict = "; ".join(filter(None, [result.verdict, reason]))
        told = replace(result, metrics=metrics, goes_on=trains_on, verdict=verdict)
        longer = record.with_rung(replace(told, arrival=self._board.n_arrived + 1))
        self._proposer.note(longer)
        if trains_on:  # else the trial's end follows at once, and is written with this rung
            self._ledger.update(longer)
        self._keep(longer)
        return trains_on

    def finished(self, slot: int) -> None:
        """Record the end of a trial that reached the top rung, or that the race stopped.

        Args:
            slot: Slot number.
        """
        record = self._board[slot]
        if self._is_final(record):
            before = {member.slot for member in self._board.front}
            self._close(record.ended("complete", at_s=self.elapsed_s))
            after = {member.slot for member in self._board.front}
            self._folder.drop_weights((before | {slot}) - after)
        else:
            reason = record.rungs[-1].verdict
            self._close(record.ended("stopped", at_s=self.elapsed_s, reason=reason))

    def lost(self, slot: int, error: TrialError) -> None:
        """Record a trial that was lost.

        Args:
            slot: Slot number.
            error: Why.
        """
        reason = f"{type(error).__name__}: {error}"
        self._listener.told(f"trial {slot} failed: {reason}")
        self._folder.drop_weights([slot])
        self._close(self._board[slot].ended("failed", at_s=self.elapsed_s, reason=reason))

    def _may_begin(self) -> bool:
        budget = self._spec.budget
        is_late = budget.seconds is not None and self.elapsed_s >= budget.seconds
        if is_late or self._n_repeats >= _MOST_REPEATS:
            return False
        return bool(self._retries) or budget.trials is None or len(self._board) < budget.trials

    def _begin_next(self) -> None:
        if self._retries:
            earlier, proposal = self._retries.pop(0)
            slot, attempt, seed = earlier.slot, earlier.attempt + 1, earlier.seed
        else:
            slot, attempt = self._next_slot(), 0
            proposal, self._ahead = self._ahead or self._proposer.propose(slot), None
            seed = slot_seed(self._spec.seed, slot)
        record = proposal.record(slot, attempt, seed=seed, at_s=self.elapsed_s)
        try:
            family = self._draw(proposal.point, seed)
            record = record.costing(family.cost, graphs=family.digests)
            costs = self._costs(family)
        except InfeasibleError as error:
            self._refuse(record, proposal, error)
        else:
            self._begin(record.costing(costs, graphs=family.digests), proposal, family.graphs)

    def _propose_ahead(self) -> None:
        """Propose the next point while everybody trains, if that takes the sampler long."""
        is_wanted = self._spec.sampler.asks_ahead and self._ahead is None
        if is_wanted and self._may_begin() and not self._retries:
            self._ahead = self._proposer.propose(self._next_slot())

    def _next_slot(self) -> int:
        last_retry = max((record.slot for record, _ in self._retries), default=-1)
        return max(self._board.last_slot, last_retry) + 1

    def _costs(self, family: Family) -> dict[str, float]:
        costs = dict(family.cost)
        if self._measure is not None:
            with self._crew.paused():
                costs["latency_s"] = self._measure(family.graphs)
            check_constraints(self._spec.constraints, costs)
        return costs

    def _refuse(self, record: Record, proposal: Proposal, error: InfeasibleError) -> None:
        reason = f"{type(error).__name__}: {error}"
        closed = record.ended("infeasible", at_s=self.elapsed_s, reason=reason)
        self._ledger.refuse(
            closed,
            params=proposal.params,
            distributions=proposal.distributions,
            violation=error.violation,
        )
        self._proposer.learn(closed, violation=error.violation)
        self._keep(closed)

    def _begin(self, record: Record, proposal: Proposal, graphs: Sequence[ArchGraph]) -> None:
        self._folder.write_graphs(record.slot, graphs)
        record, earlier = self._repeats.begin(record)
        self._ledger.begin(
            record,
            params=proposal.params,
            distributions=proposal.distributions,
            notes=proposal.notes,
        )
        self._keep(record)
        is_waiting = self._repeats.is_waiting(record)
        self._n_repeats = self._n_repeats + 1 if earlier or is_waiting else 0
        if earlier:
            self._close(record.repeating(earlier, at_s=self.elapsed_s))
        elif not is_waiting:
            weights = self._folder.weights(record.slot)
            self._crew.submit(Task(record.slot, record.point, record.seed, weights, record.epochs))

    def _is_final(self, record: Record) -> bool:
        return record.epochs == self._spec.fidelity.max_epochs

    def _race(self, epochs: int, metrics: Mapping[str, float]) -> tuple[bool, str]:
        if epochs == self._spec.fidelity.max_epochs:
            return False, "reached the top rung"
        verdict = self._board.race(epochs, metrics)
        return verdict.goes_on, verdict.reason

    def _close(self, record: Record) -> None:
        values, constraints = None, None
        if record.outcome in ("complete", "repeated") and self._is_final(record):
            values = [record.metrics[objective.metric] for objective in self._spec.objectives]
            constraints = self._spec.constraints.shortfalls(record.metrics)
        self._ledger.finish(record, values=values, constraints=constraints)
        self._proposer.learn(record)
        self._keep(record)
        for waiting in self._repeats.end(record):
            if record.outcome == "failed":
                reason = f"trial {record.slot}, which it would have repeated, failed"
                self._close(waiting.ended("failed", at_s=self.elapsed_s, reason=reason))
            else:
                self._close(waiting.repeating(record, at_s=self.elapsed_s))

    def _interrupt(self) -> None:
        """Close what is running so that a later session retries it."""
        for record in self._board.running:
            closed = record.ended("interrupted", at_s=self.elapsed_s, reason="interrupted")
            if self._ledger.is_open(record.slot):  # else its end was just being written
                self._ledger.finish(closed)

    def _keep(self, record: Record) -> None:
        self._board.keep(record)
        self._listener.changed(self._board.snapshot(self.elapsed_s))


def _was_trained(record: Record) -> bool:
    return record.outcome in ("complete", "stopped", "failed")
