"""Where images and tables of answers are kept while a study computes on a device.

On the CPU they stay where they are, in memory or mapped from the cache. On a GPU they move there
whole, a few hundred megabytes as a rule; images that would crowd the GPU stay behind, and go there
batch by batch. Pixels are the same either way, and so it is with each table.
"""

import logging

import torch
from torch import Tensor

from autokd.data import Dataset

__all__ = ["place", "place_table"]

_SHARE = 0.5
"""Share of a GPU's free memory that images may take; the rest is for students and teacher."""

_TABLE_SHARE = 0.1
"""The same for each table of answers, of which every worker on the GPU has a copy."""

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


def place_table(table: Tensor, device: torch.device) -> Tensor:
    """Move a table of a network's answers to a device, if it fits.

    Args:
        table: Logits, ``(parts, n, classes)``, on the CPU.
        device: Where the study computes.

    Returns:
        The table on the device; as it is on a CPU, or where it would take more than a tenth of the
        device's free memory: then its logits go there with every few batches.
    """
    if device.type == "cpu":
        return table
    return table.to(device) if table.nbytes <= _TABLE_SHARE * _free_bytes(device) else table


def _free_bytes(device: torch.device) -> int:
    free, _ = torch.cuda.mem_get_info(device)
    return free
