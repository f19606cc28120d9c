"""Images: where they come from, how they are split, and how a view shows them.

Holds no networks and trains nothing.
"""

from autokd.data.augment import (
    augmented_images,
    check_views,
    to_unit,
    view_images,
    view_labels,
    view_order,
)
from autokd.data.draws import draw_augmentations
from autokd.data.load import load_dataset
from autokd.data.single import view_image
from autokd.data.sources import SOURCES
from autokd.data.tensors import Dataset, Rows, Split

__all__ = [
    "SOURCES",
    "Dataset",
    "Rows",
    "Split",
    "augmented_images",
    "check_views",
    "draw_augmentations",
    "load_dataset",
    "to_unit",
    "view_image",
    "view_images",
    "view_labels",
    "view_order",
]
