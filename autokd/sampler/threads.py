"""How many threads a proposal takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

__all__ = ["one_thread"]


class _Limit:
    """Of blocks that overlap in time the first sets the limit, and the last one lifts it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._n_inside = 0
        self._set: Any = None

    def enter(self) -> None:
        with self._lock:
            if not self._n_inside:
                self._set = _controller().limit(limits=1, user_api="blas")
            self._n_inside += 1

    def leave(self) -> None:
        with self._lock:
            self._n_inside -= 1
            if not self._n_inside:
                self._set.restore_original_limits()


_limit = _Limit()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let matrix products and factorisations take one thread, within a ``with`` block.

    Matrices of some hundred rows gain little from more; and while trials train on all cores,
    threads that wait for each other take several times as long as one. The limit is the process's,
    so that proposals in several of its threads share it.
    """
    _limit.enter()
    try:
        yield
    finally:
        _limit.leave()


@cache
def _controller() -> ThreadpoolController:
    # Finding the libraries takes milliseconds; numpy and scipy have loaded theirs by now.
    return ThreadpoolController()
