"""The outer loop: propose, refuse or train, race at every rung, record, until the budget is spent.

The loop is the only writer of ledger and run folder. It knows metrics, points and graphs, never
pixels: what trains behind the crew could be anything that reports metrics by rung.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from autokd.errors import InfeasibleError, TrialError
from autokd.graphs import ArchGraph, InputShape
from autokd.runs import Ledger, Record, RunFolder, RungResult
from autokd.search.board import Board
from autokd.search.crew import Crew, Task
from autokd.search.family import check_constraints, draw_family, family_cost, slot_seed
from autokd.search.progress import Listener
from autokd.search.proposer import Proposal, Proposer
from autokd.study import StudySpec

__all__ = ["Loop", "Measure"]

Measure = Callable[[Sequence[ArchGraph]], float]
"""Latency of a family, seconds per batch."""


class Loop:
    """Runs one session of a study.

    Args:
        spec: The study.
        shape: What a student reads and answers.
        folder: Run folder.
        ledger: Where trials are recorded.
        crew: Who trains.
        listener: Who watches.
        measure: Measures latency where the study needs it; None where not.
        taught_s: Seconds that training the assistants took; the search begins with them spent.
    """

    def __init__(
        self,
        spec: StudySpec,
        shape: InputShape,
        *,
        folder: RunFolder,
        ledger: Ledger,
        crew: Crew,
        listener: Listener,
        measure: Measure | None = None,
        taught_s: float = 0.0,
    ) -> None:
        self._spec = spec
        self._shape = shape
        self._folder = folder
        self._ledger = ledger
        self._crew = crew
        self._listener = listener
        self._measure = measure
        self._proposer = Proposer(spec)
        self._board = Board(spec)
        self._retries: list[tuple[Record, Proposal]] = []
        self._before_s = taught_s
        self._began = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds of searching, earlier sessions and the training of assistants included."""
        return self._before_s + time.monotonic() - self._began

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
        for trial, found in zip(trials, records, strict=True):
            record = killed.get((found.slot, found.attempt), found)
            proposal = self._proposer.restore(trial, record)
            if record.outcome == "interrupted":
                self._retries.append((record, proposal))
            else:
                self._board.keep(record)
                violation = sum(trial.constraints.values()) if trial.constraints else None
                self._proposer.learn(record, violation=violation)
        self._folder.keep_weights([member.slot for member in self._board.front])

    def run(self) -> None:
        """Search until the budget is spent.

        Raises:
            RunError: If storage or folder fail.
        """
        self._began = time.monotonic()
        try:
            while True:
                while self._crew.n_free and self._may_begin():
                    self._begin_next()
                if not self._board.running:
                    return
                self._crew.step(self)
        except KeyboardInterrupt:
            self._interrupt()
            raise

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
        kept = replace(result, metrics=metrics, goes_on=trains_on, verdict=verdict)
        longer = record.with_rung(kept)
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
        if record.epochs == self._spec.fidelity.max_epochs:
            before = {member.slot for member in self._board.front}
            closed = record.ended("complete", at_s=self.elapsed_s)
            values = [closed.metrics[objective.metric] for objective in self._spec.objectives]
            self._close(closed, values=values)
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
        if budget.seconds is not None and self.elapsed_s >= budget.seconds:
            return False
        return bool(self._retries) or budget.trials is None or len(self._board) < budget.trials

    def _begin_next(self) -> None:
        if self._retries:
            earlier, proposal = self._retries.pop(0)
            slot, attempt = earlier.slot, earlier.attempt + 1
        else:
            slot, attempt = self._next_slot(), 0
            proposal = self._proposer.propose(slot)
        seed = slot_seed(self._spec.seed, slot)
        record = Record(slot, attempt, seed, proposal.point, began_s=self.elapsed_s)
        try:
            graphs = draw_family(self._spec, proposal.point, seed=seed, shape=self._shape)
            costs = self._costs(graphs)
        except InfeasibleError as error:
            self._refuse(record, proposal, error)
        else:
            self._begin(record, proposal, graphs, costs)

    def _next_slot(self) -> int:
        last_retry = max((record.slot for record, _ in self._retries), default=-1)
        return max(self._board.last_slot, last_retry) + 1

    def _costs(self, graphs: Sequence[ArchGraph]) -> dict[str, float]:
        costs = family_cost(graphs, self._shape)
        check_constraints(self._spec.constraints, costs)
        if self._measure is not None:
            with self._crew.paused():
                costs["latency_s"] = self._measure(graphs)
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

    def _begin(
        self,
        record: Record,
        proposal: Proposal,
        graphs: Sequence[ArchGraph],
        costs: Mapping[str, float],
    ) -> None:
        begun = record.costing(costs, graphs=[graph.digest for graph in graphs])
        self._folder.write_graphs(begun.slot, graphs)
        self._ledger.begin(
            begun,
            params=proposal.params,
            distributions=proposal.distributions,
            notes=proposal.notes,
        )
        self._keep(begun)
        weights = self._folder.weights(begun.slot)
        self._crew.submit(Task(begun.slot, begun.point, begun.seed, weights))

    def _race(self, epochs: int, metrics: Mapping[str, float]) -> tuple[bool, str]:
        if epochs == self._spec.fidelity.max_epochs:
            return False, "reached the top rung"
        verdict = self._board.race(epochs, metrics)
        return verdict.goes_on, verdict.reason

    def _close(self, record: Record, *, values: Sequence[float] | None = None) -> None:
        self._ledger.finish(record, values=values)
        self._proposer.learn(record)
        self._keep(record)

    def _interrupt(self) -> None:
        """Close what is running so that a later session retries it."""
        for record in self._board.running:
            closed = record.ended("interrupted", at_s=self.elapsed_s, reason="interrupted")
            self._ledger.finish(closed)

    def _keep(self, record: Record) -> None:
        self._board.keep(record)
        self._listener.changed(self._board.snapshot(self.elapsed_s))
