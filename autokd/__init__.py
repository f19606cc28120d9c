"""Searches families of small image classifiers together with how to distil a teacher into them.

The public names are imported when they are first asked for (PEP 562): ``import autokd`` is light.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = [
    "AutokdSampler",
    "Earlier",
    "Preview",
    "__version__",
    "load_run",
    "load_student",
    "load_study",
    "note_rung",
    "search",
]

if TYPE_CHECKING:
    from autokd.export.folder import load_student
    from autokd.runs.run import load_run
    from autokd.sampler import AutokdSampler, Earlier, Preview, note_rung
    from autokd.search.api import search
    from autokd.study import load_study

_HOMES = {
    "AutokdSampler": "autokd.sampler",
    "Earlier": "autokd.sampler",
    "Preview": "autokd.sampler",
    "load_run": "autokd.runs.run",
    "load_student": "autokd.export.folder",
    "load_study": "autokd.study",
    "note_rung": "autokd.sampler",
    "search": "autokd.search.api",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'autokd' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names, imported or not, for completion."""
    return list(__all__)
