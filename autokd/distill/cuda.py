"""The few lines that only a CUDA device can run."""

import torch

__all__ = ["count", "has_bfloat16", "seed_generator"]


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
