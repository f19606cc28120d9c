"""Weights from a file: safetensors, or a PyTorch file of which nothing but tensors is unpickled.

A pickle can run any code when it is opened. `read_state` opens a PyTorch file with
``weights_only=True``, which builds tensors and plain containers and refuses the rest; there is no
way to switch this off.
"""

import pickle
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from autokd.errors import TeacherError

__all__ = ["fill", "read_state"]

_NESTED = ("state_dict", "model")
_N_NAMED = 3
_DAMAGED = (
    OSError,
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    EOFError,
    struct.error,
    pickle.UnpicklingError,
    safetensors.SafetensorError,
)
"""What opening a damaged file raises: torch promises nothing here, so thousands of files were
damaged at random, and these came."""


def read_state(file: Path, *, key_prefix: str = "") -> dict[str, Tensor]:
    """Read the weights in a file.

    Args:
        file: safetensors if its name ends so, else a PyTorch file: a mapping from names to
            tensors, or a mapping that holds such a one under ``state_dict`` or ``model``.
        key_prefix: Stripped from every name; empty strips nothing.

    Returns:
        Tensors by name, on the CPU.

    Raises:
        TeacherError: If the file is missing, damaged, would run code, or holds no weights, or if a
            name lacks the prefix.
    """
    if not file.is_file():
        raise TeacherError(f"{file}: there is no such file")
    state = _state(_open(file))
    if not state:
        raise TeacherError(f"{file}: holds no weights: no mapping from names to tensors")
    without = [name for name in state if not name.startswith(key_prefix)]
    if without:
        raise TeacherError(
            f"{file}: [teacher.key_prefix] is {key_prefix!r}, but "
            f"{_named(without, 'keys start otherwise')}"
        )
    return {name.removeprefix(key_prefix): tensor for name, tensor in state.items()}


def fill(module: nn.Module, state: Mapping[str, Tensor], *, source: str) -> None:
    """Put weights into a module, all of them or none.

    Args:
        module: Receives the weights.
        state: Tensors by name; counters of batch norms may be missing.
        source: Where they come from, for the message.

    Raises:
        TeacherError: If a name is missing or unexpected, or a shape differs; the first few are
            named.
    """
    expected = module.state_dict()
    missing = [name for name in expected if name not in state and not _is_counter(name)]
    unexpected = [name for name in state if name not in expected]
    misshapen = [
        f"{name} {tuple(state[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in state and state[name].shape != tensor.shape
    ]
    kinds = {"missing": missing, "unexpected": unexpected, "of another shape": misshapen}
    problems = [_named(names, kind) for kind, names in kinds.items() if names]
    if problems:
        found = "; ".join(problems) + _hint(unexpected, missing)
        raise TeacherError(f"{source}: the weights do not fit the model: {found}")
    module.load_state_dict(dict(state), strict=False)


def _open(file: Path) -> Any:
    try:
        if file.suffix == ".safetensors":
            return safetensors.torch.load_file(file)
        return torch.load(file, map_location="cpu", weights_only=True)
    except _DAMAGED as error:
        raise TeacherError(f"{file}: {_explain(error)}") from error


def _explain(error: Exception) -> str:
    code = re.search(r"GLOBAL (\S+)", str(error))
    if code is not None:
        return f"refused, since opening it would run {code[1]}; save its tensors as safetensors"
    first = (str(error).splitlines() or [""])[0]
    return f"not a readable checkpoint, perhaps truncated: {first or type(error).__name__}"


def _state(raw: Any) -> dict[str, Tensor]:
    if not isinstance(raw, Mapping):
        return {}
    if all(isinstance(k, str) and isinstance(v, Tensor) for k, v in raw.items()):
        return dict(raw)
    inner = next((raw[key] for key in _NESTED if isinstance(raw.get(key), Mapping)), None)
    return {} if inner is None else _state(inner)


def _is_counter(name: str) -> bool:
    # Files from before 2018 have none, and with a fixed momentum nothing reads it.
    return name.endswith("num_batches_tracked")


def _named(names: list[str], kind: str) -> str:
    more = ", ..." if len(names) > _N_NAMED else ""
    return f"{len(names)} {kind} ({', '.join(names[:_N_NAMED])}{more})"


def _hint(unexpected: list[str], missing: list[str]) -> str:
    first = unexpected[0] if unexpected else ""
    candidates = [first.removesuffix(name) for name in missing if first.endswith(f".{name}")]
    prefix = min(candidates, key=len, default="")
    if prefix and all(name.startswith(prefix) for name in unexpected):
        return f"; all unexpected keys start with {prefix!r}: set [teacher.key_prefix]"
    return ""
