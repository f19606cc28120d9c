"""What the runs of a report are called."""

from collections.abc import Sequence
from pathlib import Path

__all__ = ["labels"]


def labels(folders: Sequence[Path]) -> list[str]:
    """Name runs by their folder, and by number too where that does not tell them apart.

    Args:
        folders: Folder of each run; one may stand there twice.

    Returns:
        A label for each, no two of them equal: ``x (1)``, ``x (2)`` and ``y`` for ``a/x``, ``b/x``
        and ``c/y``. A folder that alone is called ``x (1)`` keeps its name, and the run that would
        have got it gets its number once more.
    """
    names = [folder.name or str(folder) for folder in folders]
    alone = {name for name in names if names.count(name) == 1}
    found: list[str] = []
    for position, name in enumerate(names, start=1):
        label = name
        while name not in alone and (label == name or label in alone or label in found):
            label += f" ({position})"
        found.append(label)
    return found
