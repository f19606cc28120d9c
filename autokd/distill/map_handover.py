"""Hands a teacher's maps to worker processes: their table, or what makes the teacher again.

Part of `autokd.distill.handover`. A table is linked, and mapped like those of the logits. Of a
live teacher the weights are written, and each worker makes its network again as the study's
``[teacher]`` says: nothing is pickled. A module that was given in Python has no name there, and
cannot go.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from autokd.data import Dataset
from autokd.data.store.arrays import link_or_save, open_array
from autokd.distill.maps import Hint, LiveMaps, MapTable
from autokd.distill.placement import place_table
from autokd.errors import TeacherError
from autokd.study import StudySpec
from autokd.teachers import rebuilt_teacher

__all__ = ["open_maps", "save_maps"]

_TABLE = "maps.npy"
_WEIGHTS = "teacher.safetensors"


def save_maps(
    maps: LiveMaps | MapTable | None, folder: Path, *, spec: StudySpec
) -> dict[str, Any] | None:
    """Write what workers need to know a teacher's maps.

    Args:
        maps: The maps, or None where no method reads them.
        folder: An existing folder, for as long as workers live.
        spec: The study.

    Returns:
        What `open_maps` needs to be told, as JSON can hold it.

    Raises:
        OSError: If the folder cannot be written.
        TeacherError: If the teacher itself is needed, and was given in Python.
    """
    match maps:
        case None:
            return None
        case MapTable():
            link_or_save(folder / _TABLE, maps.table, cached=maps.file)
            return {"hints": maps.hints, "n_parts": len(maps.table), "kind": maps.kind}
        case LiveMaps():
            _check_named(maps, spec)
            content = safetensors.torch.save(_state(maps.teacher))
            (folder / _WEIGHTS).write_bytes(content)
            return {"hints": maps.hints, "table_bytes": maps.table_bytes}


def open_maps(
    folder: Path,
    description: Mapping[str, Any] | None,
    *,
    spec: StudySpec,
    dataset: Dataset,
    device: torch.device,
) -> LiveMaps | MapTable | None:
    """Open what `save_maps` wrote.

    Args:
        folder: The folder.
        description: What `save_maps` returned.
        spec: The study.
        dataset: Its images.
        device: Where the worker computes.

    Returns:
        The maps.

    Raises:
        KeyError: If the description is incomplete.
        OSError: If the table is missing.
        TeacherError: If the teacher cannot be made again.
        ValueError: If the table is damaged.
    """
    if description is None:
        return None
    hints = tuple(Hint(*each) for each in description["hints"])
    if "n_parts" in description:
        table = open_array(folder / _TABLE)[: description["n_parts"]]
        placed = place_table(table, device)
        return MapTable(placed, hints, spec.views, description["kind"], folder / _TABLE)
    teacher = rebuilt_teacher(
        spec.teacher,
        dataset.shape,
        mean=dataset.mean,
        std=dataset.std,
        file=folder / _WEIGHTS,
        device=device,
    )
    return LiveMaps(teacher, hints, description["table_bytes"])


def _check_named(maps: LiveMaps, spec: StudySpec) -> None:
    if spec.teacher.source == "module" and spec.teacher.model is None:
        raise TeacherError(
            f"the maps of the teacher given in Python would take {maps.table_bytes / 1e9:.3g} GB, "
            f"and [features.table_gb] is {spec.features.table_gb:g}: it cannot go to worker "
            "processes itself, so raise [features.table_gb], or train with 0 workers"
        )


def _state(teacher: nn.Module) -> dict[str, Tensor]:
    # Cloned, since safetensors refuses weights that share memory.
    return {
        name: weight.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, weight in teacher.state_dict().items()
    }
