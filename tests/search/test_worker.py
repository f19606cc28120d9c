from dataclasses import replace
from multiprocessing import Pipe
from pathlib import Path
from threading import Thread

import pytest

from autokd.distill import PreparedStudy
from autokd.errors import Diverged
from autokd.parameters import Value
from autokd.runs import RungResult
from autokd.search.crew import Task
from autokd.search.worker import serve

POINT: dict[str, Value] = {
    "architecture.params_budget": 4e3,
    "architecture.op": "conv3x3",
    "architecture.depth": 1,
    "architecture.shortcuts": True,
    "kd.method": "none",
}


def _served(study: PreparedStudy, task: Task, answers: list[bool]) -> list[tuple[str, object]]:
    """Serve one task in a thread and play the search's part."""
    ours, theirs = Pipe()
    thread = Thread(target=serve, args=(study, theirs))
    thread.start()
    ours.send(task)
    heard: list[tuple[str, object]] = [ours.recv()]
    for answer in answers:
        ours.send(answer)
        heard.append(ours.recv())
    thread.join()
    return heard


def test_a_task_reports_rungs_and_its_end(prepared: PreparedStudy, tmp_path: Path) -> None:
    task = Task(4, dict(POINT), 3, tmp_path / "w.safetensors")
    heard = _served(prepared, task, [True, True, False])
    assert [kind for kind, _ in heard] == ["rung", "rung", "rung", "finished"]


def test_a_task_that_goes_on_reports_what_is_not_known(
    prepared: PreparedStudy, tmp_path: Path
) -> None:
    task = Task(4, dict(POINT), 3, tmp_path / "w.safetensors", after=2)
    heard = _served(prepared, task, [False])
    assert [kind for kind, _ in heard] == ["rung", "finished"]
    result = heard[0][1]
    assert isinstance(result, RungResult)
    assert result.epochs == 4


def test_a_refused_rung_ends_the_task(prepared: PreparedStudy, tmp_path: Path) -> None:
    heard = _served(prepared, Task(4, dict(POINT), 3, tmp_path / "w"), [False])
    assert [kind for kind, _ in heard] == ["rung", "finished"]


def test_a_lost_trial_is_said_not_raised(prepared: PreparedStudy, tmp_path: Path) -> None:
    training = prepared.spec.training.model_copy(update={"learning_rate": 1e12})
    wild = replace(prepared, spec=prepared.spec.model_copy(update={"training": training}))
    ((kind, error),) = _served(wild, Task(4, dict(POINT), 3, tmp_path / "w"), [])
    assert kind == "lost"
    assert isinstance(error, Diverged)


def test_a_closed_pipe_ends_the_worker(prepared: PreparedStudy) -> None:
    ours, theirs = Pipe()
    ours.close()
    with pytest.raises(EOFError):
        serve(prepared, theirs)
