import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest
import torch

from autokd.distill import PreparedStudy, prepare, save_for_workers
from autokd.errors import RunError, TrialError, WorkerDied
from autokd.parameters import Value
from autokd.runs import RungResult
from autokd.search import mps, workers
from autokd.search.crew import InlineCrew, Task
from autokd.search.workers import WorkerCrew, default_workers, make_crew
from autokd.study import StudySpec

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


@pytest.mark.parametrize(
    ("device", "has_mps", "n_workers"), [("cpu", False, 4), ("cuda", True, 4), ("cuda", False, 1)]
)
def test_the_default_is_one_worker_a_core_at_most_four_and_one_on_a_gpu_without_mps(
    device: str, has_mps: bool, n_workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mps, "is_offered", lambda: has_mps)
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    assert default_workers(device) == n_workers
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert default_workers(device) == min(n_workers, 3)


class _Crew:
    """A crew that remembers how it was made."""

    made: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, folder: Path, **arguments: Any) -> None:
        self.made.append(arguments)

    def close(self) -> None:
        self.made.append({"closed": True})


@pytest.mark.parametrize(
    ("device", "n_workers", "variables"),
    [("cuda:0", 2, {"A": "1"}), ("cuda:0", 1, {}), ("cpu", 2, {})],
)
def test_several_workers_on_one_gpu_are_served_by_mps_until_they_are_gone(
    device: str,
    n_workers: int,
    variables: dict[str, str],
    prepared: PreparedStudy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @contextmanager
    def served(where: torch.device) -> Iterator[dict[str, str]]:
        assert str(where) == device
        yield {"A": "1"}
        assert _Crew.made[-1] == {"closed": True}

    monkeypatch.setattr(mps, "served", served)
    monkeypatch.setattr(workers, "WorkerCrew", _Crew)
    with make_crew(replace(prepared, device=torch.device(device)), workers=n_workers):
        made = _Crew.made[-1]
    assert made["variables"] == variables
    assert (made["device"], made["n_workers"]) == (device, n_workers)
    assert _Crew.made[-1] == {"closed": True}


@pytest.mark.slow
def test_workers_have_the_variables_they_are_given(
    handed_over: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = WorkerCrew(
        handed_over, n_workers=1, device="cpu", threads=1, variables={"AUTOKD_TEST": "yes"}
    )
    try:
        (child,) = psutil.Process().children()
        assert child.environ()["AUTOKD_TEST"] == "yes"
        assert child.environ()["OMP_NUM_THREADS"] == "1"
    finally:
        crew.close()


@pytest.mark.slow
@pytest.mark.cuda
def test_workers_share_a_gpu(cache_dir: Path, spec: StudySpec, tmp_path: Path) -> None:
    handler = Handler()
    prepared = prepare(spec, device="cuda", cache_dir=cache_dir)
    with make_crew(prepared, workers=2) as crew:
        crew.submit(_task(0, tmp_path))
        crew.submit(_task(1, tmp_path))
        while len(handler.ended) < 2:
            crew.step(handler)
    assert handler.ended == {0: None, 1: None}
    nll = [results[-1].metrics["nll"] for results in handler.results.values()]
    assert nll[0] == pytest.approx(nll[1], rel=0.02)


def test_a_process_ends_soon_after_the_one_that_started_it_was_killed() -> None:
    child = (
        "import os, time; from autokd.search.worker import end_with; "
        "end_with(os.getppid()); print(os.getpid(), flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    process = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    process.wait(20)
    parent.stdout.close()
