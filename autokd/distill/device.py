"""Where a study computes and in which precision: one rule each, resolved at the start.

Recorded, and never decided by timing: students of one study that train in different precisions
would not compare.
"""

from collections.abc import Collection
from typing import Literal

import torch

from autokd.distill import cuda
from autokd.domains import contains
from autokd.errors import RunError
from autokd.study import StudySpec, Training

__all__ = ["Precision", "resolve_device", "resolve_precision", "study_precision"]

_SEPARABLE = "sepconv3x3"

Precision = Literal["float32", "bfloat16"]
"""What students train in; scores are always taken in float32."""


def resolve_device(name: str = "auto") -> torch.device:
    """Turn a device's name into the device.

    Args:
        name: ``auto`` for CUDA where there is some, else the CPU; ``cpu``; ``cuda``; ``cuda:1``.

    Returns:
        The device; CUDA devices carry their number.

    Raises:
        RunError: If the name is another, or this machine has no such device.
    """
    if name == "cpu" or (name == "auto" and not cuda.count()):
        return torch.device("cpu")
    kind, _, number = name.partition(":")
    if name != "auto" and (kind != "cuda" or not (number.isdecimal() or name == "cuda")):
        raise RunError(f"device must be 'auto', 'cpu', 'cuda' or 'cuda:N', found {name!r}")
    index = int(number or 0)
    if index >= cuda.count():
        raise RunError(
            f"device {name!r} is not there: this machine has {cuda.count()} CUDA devices"
        )
    return torch.device("cuda", index)


def resolve_precision(
    training: Training, device: torch.device, *, ops: Collection[str] = ()
) -> Precision:
    """Decide the precision of a study's training.

    Args:
        training: Says ``float32``, or ``auto``.
        device: Where the study computes.
        ops: Every operation that its students can have, ``{"conv3x3", "identity"}``.

    Returns:
        ``bfloat16`` if training says ``auto``, the device multiplies in it, and, on a CPU, no
        operation is a separable convolution: depthwise convolutions are slower there in bfloat16.
        Else ``float32``.
    """
    if training.precision != "auto":
        return "float32"
    if device.type == "cuda":
        return "bfloat16" if cuda.has_bfloat16(device) else "float32"
    gains = _cpu_has_bfloat16() and _SEPARABLE not in ops
    return "bfloat16" if gains else "float32"


def study_precision(spec: StudySpec, device: torch.device) -> Precision:
    """Decide the precision in which all students of a study train.

    Args:
        spec: The study; its search space says which operations there can be.
        device: Where the study computes.

    Returns:
        As `resolve_precision`.
    """
    dimensions = spec.search_space.dimensions()
    ops = [_SEPARABLE] if any(contains(d.domain, _SEPARABLE) for d in dimensions) else []
    return resolve_precision(spec.training, device, ops=ops)


def _cpu_has_bfloat16() -> bool:
    # Torch has no public name for this yet; without it a CPU counts as one that has no bfloat16.
    checks = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(bool(getattr(torch.cpu, name, bool)()) for name in checks)
