"""Names for what a cache keeps: hashes of all that decides its content."""

import hashlib

import torch
from torch import Tensor, nn

__all__ = ["module_digest"]


def module_digest(module: nn.Module) -> str:
    """Hash a module's weights and buffers.

    Args:
        module: The module, on any device; its class and its code are not looked at.

    Returns:
        SHA-256 over names, types, shapes and numbers, 64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        if isinstance(value, Tensor):
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
            digest.update(_bytes(value))
        else:
            digest.update(f"{name} {value!r}\n".encode())
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> memoryview:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().data
