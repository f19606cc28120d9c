"""Trials that would repeat another one, and what becomes of them.

A trial's students and how they are distilled decide what there is to learn from it; weights and
the order of batches differ by slot, and training the same twice would only measure that noise. So
the second trial gets the results of the first: at once, or when the first ends.

Where the first was stopped by the race there is more to learn. A sampler that knows this and asks
for the same students again gets them trained on.
"""

from autokd.runs import Record
from autokd.search.family import repeat_key

__all__ = ["Repeats"]

_TAUGHT = ("complete", "stopped")


class Repeats:
    """Trials by what they train.

    Args:
        takes_up: Whether a stopped trial that is proposed again is trained on.
    """

    def __init__(self, *, takes_up: bool = False) -> None:
        self._takes_up = takes_up
        self._closed: dict[str, Record] = {}
        self._running: dict[str, int] = {}
        self._waiting: dict[int, list[Record]] = {}

    def begin(self, record: Record) -> tuple[Record, Record | None]:
        """Enter a trial that begins.

        Args:
            record: Its record, with its graphs.

        Returns:
            The record that it begins with, which may go on from a stopped trial's; and the closed
            record of the trial that it repeats, None where there is none, or where that one still
            runs: then `is_waiting` is true of it.
        """
        key = _key(record)
        if key in self._running:
            self._waiting.setdefault(self._running[key], []).append(record)
            return record, None
        earlier = self._closed.get(key)
        if earlier and not (self._takes_up and earlier.outcome == "stopped"):
            return record, earlier
        self._running[key] = record.slot
        return (record.continuing(earlier) if earlier else record), None

    def is_waiting(self, record: Record) -> bool:
        """Say whether a trial waits for the end of the one that it repeats."""
        return any(w.slot == record.slot for records in self._waiting.values() for w in records)

    def end(self, record: Record) -> list[Record]:
        """Enter a trial that has ended.

        Args:
            record: Its closed record; one that was lost may be tried again.

        Returns:
            Records of the trials that waited for it.
        """
        key = _key(record)
        if self._running.get(key) == record.slot:
            del self._running[key]
        known = self._closed.get(key)
        if record.outcome in _TAUGHT and (known is None or record.epochs > known.epochs):
            self._closed[key] = record
        return self._waiting.pop(record.slot, [])


def _key(record: Record) -> str:
    return repeat_key(record.graphs, record.point)
