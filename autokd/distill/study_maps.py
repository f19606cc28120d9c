"""Chooses a study's hints and how their maps are kept, and fills the table of maps once.

The table stands beside the teacher's logits, under the same key and in the same parts, and like
them is extended, checked and worked out anew where it is damaged. Maps are large: a part is as
many numbers as all of a view's images have at the hints, and what would not fit into
``features.table_gb`` is not kept at all; then the teacher runs along with every step.
"""

import hashlib
import logging
from pathlib import Path

import torch
from torch import Tensor, nn

from autokd.data import Dataset, augmented_images, to_unit, view_images
from autokd.data.store.table import Table
from autokd.distill.hints import clustered_names, stage_names
from autokd.distill.maps import Hint, LiveMaps, MapTable, hints_at
from autokd.distill.placement import place_table
from autokd.distill.progress import Progress, silent
from autokd.errors import TeacherError
from autokd.teaching import Features
from autokd.views import TableKind, ViewsSpec

__all__ = ["study_maps"]

_MOST_IMAGES = 512
_MOST_NUMBERS = 2**21
"""Numbers of a batch of images, as for the teacher's logits."""

_LOG = logging.getLogger(__name__)


def study_maps(
    teacher: nn.Module,
    dataset: Dataset,
    *,
    features: Features,
    views: ViewsSpec,
    kind: TableKind,
    n_views: int,
    folder: Path,
    device: torch.device,
    progress: Progress = silent,
) -> LiveMaps | MapTable:
    """Choose hints, and read or work out their maps where there is room for these.

    Args:
        teacher: The teacher, frozen, on the device.
        dataset: The images.
        features: How hints are chosen, and how much room there is.
        views: What a view is.
        kind: How views are kept: as the teacher's logits are.
        n_views: Views that are needed, >= 1.
        folder: Where the teacher's logits are kept.
        device: Where students are trained.
        progress: Told after each part that was worked out.

    Returns:
        What knows the maps of all those views.

    Raises:
        RunError: If the folder cannot be written, or the disk is too small.
        TeacherError: If the teacher has too few layers with maps, or a map does not fit into
            float16.
    """
    names = _names(teacher, dataset, features, device)
    hints = hints_at(teacher, names, dataset.shape, device=device)
    n_parts = views.n_augmentations if kind == "exhaustive" else n_views
    n_bytes = n_parts * len(dataset.train) * _width(hints) * torch.float16.itemsize
    live = LiveMaps(teacher, hints, n_bytes)
    if n_bytes > features.table_gb * 1e9:
        _LOG.warning(
            "the teacher's maps at %s would take %.3g GB, and [features.table_gb] is %g: the "
            "teacher runs along with every step instead",
            ", ".join(names),
            n_bytes / 1e9,
            features.table_gb,
        )
        return live
    file = folder / f"maps-{hashlib.sha256(repr(hints).encode()).hexdigest()[:16]}.npy"
    table = _filled(
        live,
        dataset,
        views=views,
        kind=kind,
        n_parts=n_parts,
        file=file,
        device=device,
        progress=progress,
    )
    return MapTable(place_table(table, device), hints, views, kind, file)


def _names(
    teacher: nn.Module, dataset: Dataset, features: Features, device: torch.device
) -> tuple[str, ...]:
    if features.hints == "clustered":
        images = dataset.train.images
        return clustered_names(teacher, images, k=features.clusters, device=device)
    return stage_names(teacher, dataset.shape, device=device)


def _filled(
    live: LiveMaps,
    dataset: Dataset,
    *,
    views: ViewsSpec,
    kind: TableKind,
    n_parts: int,
    file: Path,
    device: torch.device,
    progress: Progress,
) -> Tensor:
    images = dataset.train.images
    piece = min(max(_MOST_NUMBERS // images[0].numel(), 1), _MOST_IMAGES)

    def compute(part: int) -> Tensor:
        rows = torch.empty(len(images), _width(live.hints), dtype=torch.float16)
        for indices in torch.split(torch.arange(len(images)), piece):
            if kind == "exhaustive":
                shown = augmented_images(images, indices, number=part, spec=views)
            else:
                shown = view_images(images, indices, view=part, spec=views)
            maps = live.at(to_unit(shown.to(device)), indices, part)
            rows[indices] = torch.cat([each.flatten(1) for each in maps], dim=1).half().cpu()
        progress("maps", part + 1, n_parts)
        return _finite(rows, live.hints)

    shape = (len(images), _width(live.hints))
    table = Table(file, f"{file.parent.name} {live.hints}", shape, "float16")
    return table.read_or_fill(n_parts, compute)


def _width(hints: tuple[Hint, ...]) -> int:
    return sum(hint.n_numbers for hint in hints)


def _finite(rows: Tensor, hints: tuple[Hint, ...]) -> Tensor:
    parts = torch.split(rows, [hint.n_numbers for hint in hints], dim=1)
    for hint, maps in zip(hints, parts, strict=True):
        if not bool(maps.isfinite().all()):
            raise TeacherError(
                f"the teacher's maps at {hint.name} are not finite, or beyond 65504"
            )
    return rows
