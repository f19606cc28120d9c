"""Where a device that has no memory left becomes an error of ours."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from autokd.errors import OutOfMemory

__all__ = ["memory_errors"]

_CPU_ALLOCATOR = "DefaultCPUAllocator"
"""Names the allocator in torch's message; on a CPU it has no class of its own for this."""


@contextmanager
def memory_errors() -> Iterator[None]:
    """Translate torch's complaints about memory.

    Yields:
        Nothing.

    Raises:
        OutOfMemory: If the device has no memory left.
    """
    try:
        yield
    except RuntimeError as error:
        before, allocator, after = str(error).partition(_CPU_ALLOCATOR)
        if not allocator and not isinstance(error, torch.OutOfMemoryError):
            raise
        reason = allocator + after or before
        raise OutOfMemory(reason.partition(". ")[0]) from error
