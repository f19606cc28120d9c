"""The search: samplers, trials, workers, the outer loop, and what checks a study beforehand.

This room and the function that it is for have one name, `autokd.search`. Importing the room puts
it where the function is looked for, so the room can be called like the function.
"""

import sys
from types import ModuleType

from autokd.search.api import search
from autokd.search.progress import Listener, Silent, Snapshot

__all__ = ["Listener", "Silent", "Snapshot", "search"]


class _Room(ModuleType):
    __call__ = staticmethod(search)


sys.modules[__name__].__class__ = _Room
