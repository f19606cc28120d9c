"""Images: where they come from, how they are split, and how a view shows them.

Holds no networks and trains nothing.
"""

from autokd.data.augment import to_unit, view_images, view_order
from autokd.data.load import load_dataset
from autokd.data.sources import SOURCES
from autokd.data.tensors import Dataset, Split

__all__ = [
    "SOURCES",
    "Dataset",
    "Split",
    "load_dataset",
    "to_unit",
    "view_images",
    "view_order",
]
