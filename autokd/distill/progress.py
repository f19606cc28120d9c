"""How the long preparations of a study tell how far they are."""

from collections.abc import Callable

__all__ = ["Progress", "silent"]

Progress = Callable[[str, int, int], None]
"""``progress(what, done, total)``: ``data``, ``teacher`` (epochs), ``views`` or ``maps`` (of
views)."""


def silent(what: str, done: int, total: int) -> None:
    """Tell nobody.

    Args:
        what: What is being prepared.
        done: How much of it is.
        total: How much there is.
    """
