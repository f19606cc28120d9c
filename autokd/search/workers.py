"""Worker processes.

Workers are started as ``python -m autokd.search.worker`` rather than forked or spawned by
`multiprocessing`: a user's script needs no ``if __name__ == "__main__"`` guard, a notebook works,
and no CUDA context is inherited. A worker opens the prepared study once (memory-mapped, so workers
share its pages), then trains one task after another; it asks over a pipe at each rung whether to
train on. Workers ignore Ctrl-C, which is the search's business, and end when the pipe does.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import psutil
import torch

from autokd.distill import PreparedStudy, save_for_workers
from autokd.errors import RunError, WorkerDied
from autokd.search import mps
from autokd.search.crew import Crew, Handler, InlineCrew, Task

__all__ = ["WorkerCrew", "default_workers", "make_crew"]

_PATIENCE_S = 5.0
_MOST_WORKERS = 4


class WorkerCrew:
    """Trains in worker processes; one that dies loses its task and is replaced.

    Args:
        folder: Where `autokd.distill.save_for_workers` put the study.
        n_workers: Processes, >= 1.
        device: Device of every worker, ``cpu`` or ``cuda:0``.
        threads: CPU threads of each worker, >= 1.
        variables: Environment variables that workers have beside those of this process.
    """

    def __init__(
        self,
        folder: Path,
        *,
        n_workers: int,
        device: str,
        threads: int,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self._arguments = (str(folder), device, str(threads))
        self._variables = {**(variables or {}), "OMP_NUM_THREADS": str(threads)}
        self._workers = [self._start() for _ in range(n_workers)]

    @property
    def n_free(self) -> int:
        """Workers without a task."""
        return sum(worker.task is None for worker in self._workers)

    def submit(self, task: Task) -> None:
        """Send a task to a free worker.

        Args:
            task: The task.
        """
        worker = next(worker for worker in self._workers if worker.task is None)
        worker.task = task
        worker.send(task)

    def step(self, handler: Handler) -> None:
        """Wait until a worker says something or dies, and pass it on.

        Args:
            handler: Who hears it.

        Raises:
            RunError: If a worker dies before it is ready.
        """
        for connection in wait([worker.connection for worker in self._workers]):
            worker = next(w for w in self._workers if w.connection is connection)
            try:
                message = worker.connection.recv()
            except (EOFError, ConnectionError):
                self._bury(worker, handler)
            else:
                _pass_on(worker, message, handler)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Suspend every worker, so that something can be measured."""
        processes = [psutil.Process(worker.process.pid) for worker in self._workers]
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                process.resume()

    def close(self) -> None:
        """Kill the workers."""
        for worker in self._workers:
            worker.connection.close()
            worker.process.terminate()
        for worker in self._workers:
            _wait_or_kill(worker.process)

    def _start(self) -> "_Worker":
        ours, theirs = Pipe()
        process = subprocess.Popen(
            [sys.executable, "-m", "autokd.search.worker", str(theirs.fileno()), *self._arguments],
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # Ctrl-C in the terminal reaches this process only
            stdin=subprocess.DEVNULL,
            env={
                **os.environ,
                **self._variables,
                "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
            },
        )
        theirs.close()
        return _Worker(process, ours)

    def _bury(self, worker: "_Worker", handler: Handler) -> None:
        code = _wait_or_kill(worker.process)
        worker.connection.close()
        if not worker.is_ready:
            raise RunError(
                f"a worker could not start ({_how_it_ended(code)}); its output is above"
            )
        self._workers[self._workers.index(worker)] = self._start()
        if worker.task is not None:
            error = WorkerDied(f"the worker died ({_how_it_ended(code)})")
            handler.lost(worker.task.slot, error)


def default_workers(device_type: str) -> int:
    """Choose the number of workers.

    Args:
        device_type: ``cpu`` or ``cuda``.

    Returns:
        On a CPU one a core, at most four: a worker trains fastest on one thread. The same on a
        GPU with MPS: a small student's kernels leave most of a GPU idle, each worker keeps one
        core busy launching them, and a worker's context takes half a gigabyte. On a GPU without
        MPS one: processes would take turns. The numbers for GPUs are reasoned, not measured.
    """
    if device_type == "cuda" and not mps.is_offered():
        return 1
    return min(os.cpu_count() or 1, _MOST_WORKERS)


@contextmanager
def make_crew(prepared: PreparedStudy, *, workers: int) -> Iterator[Crew]:
    """Make the crew, and stop it at the end.

    Args:
        prepared: The prepared study.
        workers: Worker processes, >= 0; 0 trains in this process. Several on one GPU share it
            through MPS where they can; each has images and table there once.

    Yields:
        The crew.
    """
    if workers == 0:
        yield InlineCrew(prepared)
        return
    with (
        tempfile.TemporaryDirectory(prefix="autokd-") as folder,
        _sharing(prepared.device, workers) as variables,
    ):
        save_for_workers(prepared, Path(folder))
        threads = max(1, (os.cpu_count() or 1) // workers)
        crew = WorkerCrew(
            Path(folder),
            n_workers=workers,
            device=str(prepared.device),
            threads=threads,
            variables=variables,
        )
        try:
            yield crew
        finally:
            crew.close()


def _sharing(device: torch.device, n_workers: int) -> AbstractContextManager[Mapping[str, str]]:
    if device.type == "cuda" and n_workers > 1:
        return mps.served(device)
    return nullcontext({})


@dataclass(slots=True, eq=False)
class _Worker:
    process: subprocess.Popen[bytes]
    connection: "Connection[Any, Any]"
    task: Task | None = None
    is_ready: bool = False

    def send(self, message: object) -> None:
        with suppress(ConnectionError):  # it has died; `step` finds out when it reads
            self.connection.send(message)


def _pass_on(worker: _Worker, message: Sequence[Any], handler: Handler) -> None:
    kind, content = message
    if kind == "ready":
        worker.is_ready = True
        return
    assert worker.task is not None
    slot = worker.task.slot
    if kind == "rung":
        worker.send(handler.rung(slot, content))
        return
    worker.task = None
    match kind:
        case "finished":
            handler.finished(slot)
        case "lost":
            handler.lost(slot, content)
        case _:
            raise content


def _wait_or_kill(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name
    hint = ", perhaps for want of memory" if name == "SIGKILL" else ""
    return f"{name}{hint}"
