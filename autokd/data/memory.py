"""How much memory there is for images."""

from pathlib import Path

import psutil

__all__ = ["free_memory_bytes"]

_GROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def free_memory_bytes() -> int:
    """Ask how much memory could be taken without swapping.

    Returns:
        What the system calls available, or what the process's control group may have in all where
        that is less, as in a container; bytes.
    """
    available = int(psutil.virtual_memory().available)
    return min(available, _group_limit_bytes() or available)


def _group_limit_bytes() -> int | None:
    try:
        return int(_GROUP_LIMIT.read_text(encoding="ascii"))
    except (OSError, ValueError):  # no such groups, or the word "max"
        return None
