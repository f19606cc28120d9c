"""Where images are kept while a study computes on a device.

On the CPU they stay where they are, in memory or mapped from the cache. On a GPU they move there
whole, a few hundred megabytes as a rule; images that would crowd the GPU stay behind, and go there
batch by batch. Pixels are the same either way.
"""

import logging

import torch

from autokd.data import Dataset

__all__ = ["place"]

_SHARE = 0.5
"""Share of a GPU's free memory that images may take; the rest is for students and teacher."""

_LOG = logging.getLogger(__name__)


def place(dataset: Dataset, device: torch.device) -> Dataset:
    """Move images to a device, if they fit.

    Args:
        dataset: The images, on the CPU.
        device: Where the study computes.

    Returns:
        The data set on the device; or as it is where its images would take more than half of the
        device's free memory, which is logged.
    """
    if device.type == "cpu":
        return dataset
    free = _free_bytes(device)
    if dataset.n_bytes <= _SHARE * free:
        return dataset.to(device)
    _LOG.warning(
        "images take %.1f GB and %.1f GB are free on %s: they stay in the computer's memory and "
        "go there batch by batch",
        dataset.n_bytes / 1e9,
        free / 1e9,
        device,
    )
    return dataset


def _free_bytes(device: torch.device) -> int:
    free, _ = torch.cuda.mem_get_info(device)
    return free
