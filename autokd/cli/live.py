"""Live progress: a display that is redrawn on a terminal, plain lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from autokd.cli.tables import written
from autokd.search import Listener, Snapshot

__all__ = [
    "LiveListener",
    "PlainListener",
    "clock",
    "counts",
    "draw",
    "standing",
    "timing",
    "watcher",
]

_SHOWN_FRONT = 12
_PLAIN_EVERY_S = 10.0
_ESTIMATED_FROM = 6
"""Trials. The first ones wait for workers to start, and few of them are stopped."""

_DOING = {
    "data": "reading the images",
    "teacher": "training the teacher",
    "views": "asking the teacher about the views",
    "maps": "asking the teacher for its maps",
    "steps": "timing training steps",
    "retrain": "training the student again",
    "diagnose": "training the student on parts of the images",
}
"""What a listener hears of, in words."""


@contextmanager
def watcher(console: Console) -> Iterator[Listener]:
    """Show a search's progress while the context lasts.

    Args:
        console: Where.

    Yields:
        The listener to give to the search.
    """
    if not console.is_terminal:
        yield PlainListener(console)
        return
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        yield LiveListener(live)


class PlainListener:
    """Prints a line now and then: for logs and pipes.

    Args:
        console: Where.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last_s = 0.0
        self._closed = -1
        self._said: set[str] = set()

    def preparing(self, what: str, done: int, total: int) -> None:
        """Print that a preparation goes on when it is first heard of, and its end.

        Args:
            what: ``data``, ``teacher``, ``views``, ``steps`` or ``retrain``.
            done: Steps done; not every preparation tells of its 0.
            total: Steps in all.
        """
        doing = _DOING.get(what, what)
        self._print_once(f"{doing} ...")
        if done == total:
            self._print_once(f"{doing}: done")

    def changed(self, snapshot: Snapshot) -> None:
        """Print a line when trials have ended, at most every few seconds.

        Args:
            snapshot: How the search stands.
        """
        is_last = snapshot.closed == snapshot.total
        if snapshot.closed == self._closed or (
            not is_last and monotonic() - self._last_s < _PLAIN_EVERY_S
        ):
            return
        self._last_s, self._closed = monotonic(), snapshot.closed
        self._print(f"{counts(snapshot)}, {timing(snapshot)}, {standing(snapshot)}")

    def told(self, message: str) -> None:
        """Print a line of news.

        Args:
            message: The line.
        """
        self._print(message)

    def _print_once(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self._print(line)

    def _print(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


class LiveListener:
    """Redraws one display.

    Args:
        live: The display.
    """

    def __init__(self, live: Live) -> None:
        self._live = live

    def preparing(self, what: str, done: int, total: int) -> None:
        """Show how far a preparation is.

        Args:
            what: ``data``, ``teacher``, ``views``, ``steps`` or ``retrain``.
            done: Steps done.
            total: Steps in all.
        """
        line = Table.grid(padding=(0, 1))
        line.add_row(_DOING.get(what, what), ProgressBar(total=total, completed=done, width=40))
        self._live.update(line, refresh=True)

    def changed(self, snapshot: Snapshot) -> None:
        """Show how the search stands.

        Args:
            snapshot: How it stands.
        """
        self._live.update(draw(snapshot), refresh=True)

    def told(self, message: str) -> None:
        """Print a line of news above the display.

        Args:
            message: The line.
        """
        self._live.console.print(message, highlight=False, markup=False)


def draw(snapshot: Snapshot) -> RenderableType:
    """Draw the display.

    Args:
        snapshot: How the search stands.

    Returns:
        Bar, counts, running trials and the front so far.
    """
    lines = Table.grid()
    lines.add_row(ProgressBar(total=snapshot.total, completed=snapshot.closed, width=60))
    for line in (counts(snapshot), timing(snapshot)):
        lines.add_row(Text(line))
    for slot, what in sorted(snapshot.running.items()):
        lines.add_row(Text(f"trial {slot}: {what}", style="dim"))
    lines.add_row(Text(standing(snapshot), style="bold"))
    return Group(lines, _front(snapshot))


def counts(snapshot: Snapshot) -> str:
    """Say how many trials ended how.

    Args:
        snapshot: How the search stands.

    Returns:
        ``31 of 80 trials: 9 complete, 20 stopped early, 1 infeasible, 1 failed, 2 running``; how
        many are below ``min_top1``, and how many repeated an earlier one, where any is.
    """
    of = f" of {snapshot.total}" if snapshot.total is not None else ""
    below = f" ({snapshot.n_below} below min_top1)" if snapshot.n_below else ""
    repeated = f"{snapshot.repeated} repeated, " if snapshot.repeated else ""
    return (
        f"{snapshot.closed}{of} trials: {snapshot.complete} complete{below}, "
        f"{snapshot.stopped} stopped early, {repeated}{snapshot.infeasible} infeasible, "
        f"{snapshot.failed} failed, {len(snapshot.running)} running"
    )


def timing(snapshot: Snapshot) -> str:
    """Say how long it took and will take.

    Args:
        snapshot: How the search stands.

    Returns:
        ``1:23 elapsed, 2.7 s a trial, about 2:10 to go``; what is to go only after some trials,
        unless seconds limit it.
    """
    parts = [f"{clock(snapshot.elapsed_s)} elapsed"]
    if snapshot.closed:
        parts.append(f"{snapshot.elapsed_s / snapshot.closed:.1f} s a trial")
    is_told = snapshot.seconds_limit is not None or snapshot.closed >= _ESTIMATED_FROM
    if snapshot.remaining_s is not None and is_told:
        parts.append(f"about {clock(snapshot.remaining_s)} to go")
    return ", ".join(parts)


def standing(snapshot: Snapshot) -> str:
    """Say how good the front is.

    Args:
        snapshot: How the search stands.

    Returns:
        ``front of 7, hypervolume 1.532``; with a single objective ``best top1 0.9412``.
    """
    if len(snapshot.objectives) != 1:
        return f"front of {len(snapshot.front)}, hypervolume {snapshot.hypervolume:.3f}"
    (metric,) = snapshot.objectives
    if not snapshot.front:
        return f"no {metric} yet"
    return f"best {metric} {written(metric, snapshot.front[0][1][metric])}"


def clock(seconds: float) -> str:
    """Write a duration.

    Args:
        seconds: Seconds, >= 0.

    Returns:
        ``2:05`` or ``1:02:05``.
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _front(snapshot: Snapshot) -> Table:
    table = Table(box=None)
    for column in ("trial", "params", "top1"):
        table.add_column(column, justify="right")
    members = snapshot.front
    for slot, metrics in members[:_SHOWN_FRONT]:
        table.add_row(str(slot), f"{metrics['params']:,.0f}", f"{metrics.get('top1', 0):.4f}")
    if len(members) > _SHOWN_FRONT:
        table.add_row("", f"and {len(members) - _SHOWN_FRONT} larger", "")
    return table
