"""The few lines that only a CUDA device can run."""

from collections.abc import Callable

import torch

__all__ = ["GraphRecorder", "count", "has_bfloat16", "seed_generator"]


class GraphRecorder:
    """Records work as a CUDA graph; a `autokd.distill.executors.Recorder`.

    Args:
        device: A CUDA device.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        # Work is recorded on the stream that it was warmed up on: libraries keep their handles
        # and workspaces by stream, and must not set them up while a graph is recorded.
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._graph: torch.cuda.CUDAGraph | None = None

    def warm_up(self, work: Callable[[], None]) -> None:
        """Do the work on the stream that records, in order with what is asked before and after.

        Args:
            work: Reads and writes tensors that stay where they are.
        """
        main = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(main)
        with torch.cuda.stream(self._stream):
            work()
        main.wait_stream(self._stream)

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """Record the work without doing it.

        Args:
            work: As for `warm_up`.

        Returns:
            What does the work, on the current stream.

        Raises:
            RuntimeError: If it cannot be recorded, or memory is short.
        """
        graph = torch.cuda.CUDAGraph()
        main = torch.cuda.current_stream(self._device)
        with (
            torch.cuda.device(self._device),
            torch.cuda.stream(main),  # left again even where the end of a recording fails
            torch.cuda.graph(graph, stream=self._stream),
        ):
            work()
        self._graph = graph
        return graph.replay

    def close(self) -> None:
        """Give the graph's memory back, once the work under way is done."""
        if self._graph is not None:
            torch.cuda.synchronize(self._device)
            self._graph.reset()
            self._graph = None


def count() -> int:
    """Count this machine's CUDA devices.

    Returns:
        The number, 0 where there are none or torch was built without them.
    """
    return torch.cuda.device_count()


def has_bfloat16(device: torch.device) -> bool:
    """Say whether a device multiplies in bfloat16 by itself.

    Args:
        device: A CUDA device.

    Returns:
        True from compute capability 8.0 on.
    """
    return torch.cuda.get_device_capability(device) >= (8, 0)


def seed_generator(device: torch.device, seed: int) -> None:
    """Seed the generator of one CUDA device and of no other.

    Args:
        device: The device; on the CPU nothing happens.
        seed: The seed, >= 0.
    """
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
