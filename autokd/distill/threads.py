"""All CPU threads for a while, where no worker is running yet."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["all_threads"]


@contextmanager
def all_threads() -> Iterator[None]:
    """Let torch use every core that this process may run on, and restore its number of threads.

    Yields:
        Nothing.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(_n_cores())
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _n_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
