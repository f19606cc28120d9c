"""What several tests of a search share: a space, and a crew that trains nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from autokd.errors import TrialError
from autokd.runs import RungResult
from autokd.search.crew import Handler, Task

RUNGS = (1, 2, 4)
FLAT: dict[str, Any] = {
    "title": "Flat graphs",
    "generator": "flat",
    "architecture": {
        "params_budget": {"type": "float", "low": 2e3, "high": 5e4, "log": True},
        "rewiring": {"type": "float", "low": 0.1, "high": 0.9},
        "nodes": {"type": "fixed", "value": 3},
    },
    "kd": {
        "method": {"type": "fixed", "value": "kd"},
        "temperature": {"type": "float", "low": 1.0, "high": 20.0, "log": True},
    },
}


class FakeCrew:
    """Reports a score that follows from the budget, without training anything."""

    def __init__(self, *, lose: dict[int, TrialError] | None = None, stop_at: int = -1) -> None:
        self.tasks: list[Task] = []
        self.seen: list[Task] = []
        self.n_pauses = 0
        self._lose = lose or {}
        self._stop_at = stop_at

    @property
    def n_free(self) -> int:
        return 1 - len(self.tasks)

    def submit(self, task: Task) -> None:
        self.tasks.append(task)
        self.seen.append(task)

    def step(self, handler: Handler) -> None:
        task = self.tasks.pop()
        rungs = [rung for rung in RUNGS if rung > task.after]
        if task.slot == self._stop_at:
            handler.rung(task.slot, RungResult(rungs[0], {"top1": 0.5}))
            raise KeyboardInterrupt
        if task.slot in self._lose:
            handler.lost(task.slot, self._lose[task.slot])
            return
        budget = float(task.point["architecture.params_budget"])
        for rung in rungs:
            top1 = min(0.99, 0.3 + 0.1 * rung + budget / 1e6)
            if rung == RUNGS[-1]:
                task.weights.write_bytes(b"weights")
            if not handler.rung(task.slot, RungResult(rung, {"top1": top1})):
                break
        handler.finished(task.slot)

    @contextmanager
    def paused(self) -> Iterator[None]:
        self.n_pauses += 1
        yield

    def close(self) -> None:
        pass
