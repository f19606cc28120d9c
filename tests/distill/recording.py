"""A stand-in for CUDA graphs on any device, for tests of what records and replays steps."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["TapeRecorder"]


class TapeRecorder:
    """Records the tensor operations of some work, and replays them on the very same tensors.

    As with a CUDA graph, nothing of Python runs again: numbers are those that were recorded, and
    tensors are read where they lay. A question for a tensor's value cannot be recorded. Unlike a
    graph, recording does the work, so the first replay does nothing.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []

    def warm_up(self, work: Callable[[], None]) -> None:
        self.calls.append("warm up")
        work()

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        self.calls.append("record")
        tape = _Tape()
        with tape:
            work()
        return lambda: self._replay(tape)

    def close(self) -> None:
        self.calls.append("close")

    def _replay(self, tape: "_Tape") -> None:
        self.calls.append("replay")
        if self.calls.count("replay") > 1:
            tape.play()


class _Tape(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._operations: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("a value was asked for while recording")
        result = func(*args, **(kwargs or {}))
        self._operations.append((func, args, kwargs or {}, result))
        return result

    @torch.no_grad()
    def play(self) -> None:
        for function, args, kwargs, before in self._operations:
            result = function(*args, **kwargs)
            for place, value in zip(tree_leaves(before), tree_leaves(result), strict=True):
                if isinstance(place, Tensor) and place.data_ptr() != value.data_ptr():
                    place.copy_(value)
