"""How many CPU threads prepare a study, where no worker is running yet."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["preparing_threads"]

_SMALLEST_SHARED = 16
"""Pixels a side from which threads share the work of a layer.

Maps of 8 x 8 are done before all threads have begun: a busy core among two made training ten times
slower there, and a free one helped little. One thread also gives the same weights on every CPU,
however many cores it has."""


@contextmanager
def preparing_threads(size: int) -> Iterator[None]:
    """Let torch use every core that this process may run on, where that pays, else one.

    Args:
        size: Height and width of the images, pixels, >= 1.

    Yields:
        Nothing; afterwards torch has as many threads as before.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(_n_cores() if size >= _SMALLEST_SHARED else 1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _n_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
