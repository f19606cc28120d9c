"""The command line: from ``autokd search`` to ``autokd export``.

A command parses its options, calls the room that does the work, and prints what came of it. The
rooms are imported when a command runs, so that ``autokd --help`` is instant. An `AutoKDError`
becomes one line and exit code 2; a traceback is a bug.
"""

from autokd.cli.app import main

__all__ = ["main"]
