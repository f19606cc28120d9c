"""How many threads a proposal takes."""

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController

__all__ = ["one_thread"]


def one_thread() -> AbstractContextManager[object]:
    """Let matrix products and factorisations take one thread, within a ``with`` block.

    Matrices of some hundred rows gain little from more; and while trials train on all cores,
    threads that wait for each other take several times as long as one.
    """
    limited: AbstractContextManager[object] = _controller().limit(limits=1, user_api="blas")
    return limited


@cache
def _controller() -> ThreadpoolController:
    # Finding the libraries takes milliseconds; numpy and scipy have loaded theirs by now.
    return ThreadpoolController()
