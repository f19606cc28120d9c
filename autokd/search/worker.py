"""A worker process, started by `autokd.search.workers`.

``python -m autokd.search.worker PIPE FOLDER DEVICE THREADS``: not a command for people.
"""

import os
import signal
import sys
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from typing import Any

import torch

from autokd.distill import PreparedStudy, open_for_worker
from autokd.errors import TrialError
from autokd.runs import RungResult
from autokd.search.trial import run_trial

__all__ = ["end_with", "main", "serve"]

_WATCHED_EVERY_S = 1.0


def main(arguments: list[str]) -> None:
    """Open the study once, then train what the pipe brings until it closes.

    Args:
        arguments: File descriptor of the pipe, folder of the prepared study, device, CPU threads.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with(os.getppid())
    descriptor, folder, device, threads = arguments
    torch.set_num_threads(int(threads))
    connection: Connection[Any, Any] = Connection(int(descriptor))
    study = open_for_worker(Path(folder), torch.device(device))
    try:
        connection.send(("ready", None))
        while True:
            serve(study, connection)
    except (EOFError, ConnectionError):
        return  # the search has ended, or was killed


def end_with(parent: int) -> None:
    """End this process soon after another one, even one that was killed and can tell nobody.

    The pipe says so too, but is only read at the next rung.

    Args:
        parent: Process that started this one.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCHED_EVERY_S)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def serve(study: PreparedStudy, connection: "Connection[Any, Any]") -> None:
    """Train one task.

    Args:
        study: The prepared study.
        connection: Pipe to the search: a task comes, ``("rung", result)``, and one of
            ``("finished", None)``, ``("lost", error)`` and ``("crashed", exception)`` go back;
            each rung is answered by whether to train on.
    """
    task = connection.recv()

    def report(result: RungResult) -> bool:
        connection.send(("rung", result))
        goes_on: bool = connection.recv()
        return goes_on

    try:
        run_trial(
            study,
            task.point,
            seed=task.seed,
            report=report,
            weights=task.weights,
            after=task.after,
        )
    except TrialError as error:
        connection.send(("lost", error))
    except (EOFError, ConnectionError):
        raise
    except BaseException as error:
        # A bug in a worker stops the search with the worker's traceback, which does not travel
        # with the exception.
        error.add_note(f"In a worker, slot {task.slot}:\n{traceback.format_exc()}")
        connection.send(("crashed", error))
        raise
    else:
        connection.send(("finished", None))


if __name__ == "__main__":
    main(sys.argv[1:])
