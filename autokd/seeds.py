"""Seeds for everything that draws random numbers, derived from the few that a user writes.

Adding one to a seed gives streams that meet again elsewhere: trial 3 of seed 0 would be trial 2 of
seed 1. Here each use has a path of its own, and its seed is a hash of both, the same on every
platform and Python version.
"""

import hashlib
import json

__all__ = ["derive_seed"]

_LIMIT = 2**31


def derive_seed(seed: int, *path: int | str) -> int:
    """Derive the seed of one use from a seed and the path that names the use.

    Args:
        seed: Where it starts, any int.
        *path: Name of the use, such as ``"bottom", 2, 0``; the int 1 and the text ``"1"`` differ.

    Returns:
        An int in [0, 2**31), which every random generator here accepts.
    """
    text = json.dumps([seed, *path], separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % _LIMIT
