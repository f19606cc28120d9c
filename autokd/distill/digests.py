"""Names for what a cache keeps: hashes of all that decides its content."""

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["module_digest", "tensors_digest"]


def module_digest(module: nn.Module) -> str:
    """Hash a module's weights and buffers.

    Args:
        module: The module, on any device; its class and its code are not looked at.

    Returns:
        SHA-256 over names, types, shapes and numbers, 64 hexadecimal digits.
    """
    return tensors_digest(module.state_dict())


def tensors_digest(named: Mapping[str, Any]) -> str:
    """Hash named tensors.

    Args:
        named: Tensors of any shape, ``(...)``, on any device, or what else a state holds, by name.

    Returns:
        SHA-256 over names, types, shapes and numbers, 64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for name, value in sorted(named.items()):
        if isinstance(value, Tensor):
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
            digest.update(_bytes(value))
        else:
            digest.update(f"{name} {value!r}\n".encode())
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> memoryview:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().data
