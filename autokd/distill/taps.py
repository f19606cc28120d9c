"""Maps from inside a network, taken while it runs as it is.

Forward hooks collect what named parts give out; the network's own code, weights and gradients stay
untouched. A tap keeps maps only while it runs the network itself, so that other forward passes,
such as those of an evaluation, cost nothing. Nothing here waits for a device: a tap works while a
CUDA graph is recorded, and in any precision.
"""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self, TypeVar

from torch import Tensor, nn

from autokd.errors import ShapeError
from autokd.graphs import ArchGraph

__all__ = ["Tap", "paired", "student_taps"]

_S = TypeVar("_S")
_T = TypeVar("_T")
_Hook = Callable[[nn.Module, tuple[object, ...], object], None]


class Tap:
    """Runs a network, and collects the outputs of some of its parts on the way.

    A context manager, for `close`. Of a part that runs several times in a forward pass the last
    output counts; one that a later part overwrites in place counts as overwritten.

    Args:
        module: The network.
        names: Names of its parts, as `torch.nn.Module.named_modules` has them: ``nodes.7``.

    Raises:
        ShapeError: If the network has no such part.
    """

    def __init__(self, module: nn.Module, names: Sequence[str]) -> None:
        parts = dict(module.named_modules(remove_duplicate=False))
        missing = [name for name in names if name not in parts]
        if missing:
            raise ShapeError(f"the network has no parts {missing}")
        self._module = module
        self._names = tuple(names)
        self._maps: dict[str, Tensor] | None = None
        self._handles = [parts[name].register_forward_hook(self._keeper(name)) for name in names]

    def __call__(self, images: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Run the network.

        Args:
            images: On the [0, 1] scale, ``(batch, channels, size, size)``.

        Returns:
            What the network gives, ``(batch, classes)``, and for each name, in their order, the
            maps, float32, ``(batch, channels, height, width)``; both with gradients, where those
            are on.

        Raises:
            ShapeError: If a part does not run, or gives something else than maps.
        """
        maps: dict[str, Tensor] = {}
        self._maps = maps
        try:
            output: Tensor = self._module(images)
        finally:
            self._maps = None
        missing = [name for name in self._names if name not in maps]
        if missing:
            raise ShapeError(f"the network's parts {missing} give no maps")
        return output, tuple(maps[name].float() for name in self._names)

    def close(self) -> None:
        """Leave the network as it was; may be called again."""
        for handle in self._handles:
            handle.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _keeper(self, name: str) -> _Hook:
        def keep(module: nn.Module, inputs: tuple[object, ...], output: object) -> None:
            if self._maps is not None and isinstance(output, Tensor) and output.ndim == 4:
                self._maps[name] = output

        return keep


def student_taps(graph: ArchGraph) -> tuple[str, ...]:
    """Name the parts of a student whose outputs end its stages.

    Args:
        graph: What the student was built from.

    Returns:
        For each resolution the last node that has it, ``nodes.7``, highest resolution first.
    """
    last = {node.stride: index for index, node in enumerate(graph.nodes)}
    return tuple(f"nodes.{last[stride]}" for stride in sorted(last))


def paired(student: Sequence[_S], teacher: Sequence[_T]) -> tuple[tuple[_S, ...], tuple[_T, ...]]:
    """Bring a student's stages and a teacher's hints to the same number.

    Args:
        student: One thing for each stage, highest resolution first: names, channels or maps.
        teacher: One thing for each hint, in the same order.

    Returns:
        Of each the last, as many as the shorter one has: networks differ most in where they
        begin, and the deepest maps say most about the classes.
    """
    n = min(len(student), len(teacher))
    return tuple(student[len(student) - n :]), tuple(teacher[len(teacher) - n :])
