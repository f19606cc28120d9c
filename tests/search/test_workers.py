import os
import signal
import time
from pathlib import Path

import psutil
import pytest
import torch

from autokd.distill import PreparedStudy, save_for_workers
from autokd.errors import RunError, TrialError, WorkerDied
from autokd.parameters import Value
from autokd.runs import RungResult
from autokd.search.crew import InlineCrew, Task
from autokd.search.workers import WorkerCrew, default_workers, make_crew

POINT: dict[str, Value] = {
    "architecture.params_budget": 4e3,
    "architecture.op": "conv3x3",
    "architecture.depth": 1,
    "architecture.shortcuts": True,
    "kd.method": "kd",
    "kd.temperature": 4.0,
    "kd.soft_weight": 0.5,
}


class Handler:
    """Remembers what it hears; can kill the worker that reports a rung."""

    def __init__(self, *, kill_at: int | None = None) -> None:
        self.results: dict[int, list[RungResult]] = {}
        self.ended: dict[int, TrialError | None] = {}
        self.kill_at = kill_at

    def rung(self, slot: int, result: RungResult) -> bool:
        self.results.setdefault(slot, []).append(result)
        if slot == self.kill_at:
            for child in psutil.Process().children():
                child.send_signal(signal.SIGKILL)
        return True

    def finished(self, slot: int) -> None:
        self.ended[slot] = None

    def lost(self, slot: int, error: TrialError) -> None:
        self.ended[slot] = error


def _task(slot: int, folder: Path) -> Task:
    return Task(slot, dict(POINT), 3, folder / f"{slot}.safetensors")


@pytest.fixture
def handed_over(prepared: PreparedStudy, tmp_path: Path) -> Path:
    folder = tmp_path / "prepared"
    folder.mkdir()
    save_for_workers(prepared, folder)
    return folder


@pytest.mark.slow
def test_workers_give_what_training_here_gives(
    prepared: PreparedStudy, handed_over: Path, tmp_path: Path
) -> None:
    here, there = Handler(), Handler()
    inline = InlineCrew(prepared)
    inline.submit(_task(0, tmp_path))
    inline.step(here)
    crew = WorkerCrew(handed_over, n_workers=2, device="cpu", threads=1)
    try:
        crew.submit(_task(1, tmp_path))
        crew.submit(_task(2, tmp_path))
        assert crew.n_free == 0
        while len(there.ended) < 2:
            crew.step(there)
        assert crew.n_free == 2
    finally:
        crew.close()
    wanted = [result.metrics for result in here.results[0]]
    assert torch.get_num_threads() == 1  # as the worker has
    assert [result.metrics for result in there.results[1]] == wanted
    assert [result.metrics for result in there.results[2]] == wanted
    assert there.ended == {1: None, 2: None}
    assert (tmp_path / "1.safetensors").is_file()


@pytest.mark.slow
def test_a_worker_that_dies_loses_its_task_and_is_replaced(
    handed_over: Path, tmp_path: Path
) -> None:
    handler = Handler(kill_at=0)
    crew = WorkerCrew(handed_over, n_workers=1, device="cpu", threads=1)
    try:
        crew.submit(_task(0, tmp_path))
        while 0 not in handler.ended:
            crew.step(handler)
        crew.submit(_task(1, tmp_path))
        while 1 not in handler.ended:
            crew.step(handler)
    finally:
        crew.close()
    assert isinstance(handler.ended[0], WorkerDied)
    assert "SIGKILL, perhaps for want of memory" in str(handler.ended[0])
    assert handler.ended[1] is None


@pytest.mark.slow
def test_paused_workers_do_not_run_and_closed_ones_are_gone(handed_over: Path) -> None:
    crew = WorkerCrew(handed_over, n_workers=2, device="cpu", threads=1)
    children = psutil.Process().children()
    try:
        with crew.paused():
            time.sleep(0.2)
            assert {child.status() for child in children} == {psutil.STATUS_STOPPED}
        time.sleep(0.2)
        assert psutil.STATUS_STOPPED not in {child.status() for child in children}
    finally:
        crew.close()
    assert not any(child.is_running() for child in children)


@pytest.mark.slow
def test_a_worker_that_cannot_start_stops_the_search(tmp_path: Path) -> None:
    crew = WorkerCrew(tmp_path / "nothing here", n_workers=1, device="cpu", threads=1)
    try:
        with pytest.raises(RunError, match=r"a worker could not start \(exit code 1\)"):
            crew.step(Handler())
    finally:
        crew.close()


@pytest.mark.slow
def test_a_bug_in_a_worker_arrives_with_the_workers_traceback(
    handed_over: Path, tmp_path: Path
) -> None:
    crew = WorkerCrew(handed_over, n_workers=1, device="cpu", threads=1)
    try:
        crew.submit(Task(0, {"kd.method": "no such method"}, 3, tmp_path / "w"))
        crew.step(Handler())  # it is ready
        with pytest.raises(Exception, match="params_budget") as caught:
            crew.step(Handler())
    finally:
        crew.close()
    assert "In a worker, slot 0:" in "".join(caught.value.__notes__)


def test_zero_workers_train_in_this_process(prepared: PreparedStudy) -> None:
    with make_crew(prepared, workers=0) as crew:
        assert isinstance(crew, InlineCrew)


def test_the_default_is_one_worker_a_core_at_most_four_and_one_on_a_gpu() -> None:
    assert default_workers("cpu") == min(os.cpu_count() or 1, 4)
    assert default_workers("cuda") == 1
