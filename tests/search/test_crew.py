from pathlib import Path

from autokd.distill import PreparedStudy
from autokd.errors import Diverged, TrialError
from autokd.parameters import Value
from autokd.runs import RungResult
from autokd.search.crew import InlineCrew, Task

POINT: dict[str, Value] = {
    "architecture.params_budget": 4e3,
    "architecture.op": "conv3x3",
    "architecture.depth": 1,
    "architecture.shortcuts": True,
    "kd.method": "none",
}


class Remembering:
    def __init__(self) -> None:
        self.heard: list[tuple[str, int]] = []
        self.errors: list[TrialError] = []

    def rung(self, slot: int, result: RungResult) -> bool:
        self.heard.append((f"rung {result.epochs}", slot))
        return result.epochs < 2

    def finished(self, slot: int) -> None:
        self.heard.append(("finished", slot))

    def lost(self, slot: int, error: TrialError) -> None:
        self.heard.append(("lost", slot))
        self.errors.append(error)


def test_inline_trains_one_task_from_beginning_to_end(
    prepared: PreparedStudy, tmp_path: Path
) -> None:
    crew, handler = InlineCrew(prepared), Remembering()
    assert crew.n_free == 1
    crew.submit(Task(7, dict(POINT), 3, tmp_path / "w"))
    assert crew.n_free == 0
    with crew.paused():
        assert handler.heard == []
    crew.step(handler)
    crew.close()
    assert handler.heard == [("rung 1", 7), ("rung 2", 7), ("finished", 7)]
    assert crew.n_free == 1


def test_inline_passes_a_lost_trial_on(prepared: PreparedStudy, tmp_path: Path) -> None:
    class Losing(Remembering):
        def rung(self, slot: int, result: RungResult) -> bool:
            raise Diverged("as told")

    crew, handler = InlineCrew(prepared), Losing()
    crew.submit(Task(7, dict(POINT), 3, tmp_path / "w"))
    crew.step(handler)
    assert handler.heard == [("lost", 7)]
    assert str(handler.errors[0]) == "as told"
