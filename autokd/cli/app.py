"""The program: its commands, and how an error ends it."""

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import typer

import autokd
from autokd.cli.definitions import check, copy, list_definitions, show
from autokd.cli.diagnose import diagnose
from autokd.cli.results import export, report, retrain
from autokd.cli.search import search, teacher
from autokd.errors import AutoKDError

__all__ = ["app", "main"]

app = typer.Typer(
    name="autokd",
    help="Find small students for a large teacher: search, look at the front, take one away.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(search)
app.command()(report)
app.command()(export)
app.command()(retrain)
app.command()(diagnose)
app.command()(teacher)
app.command("list")(list_definitions)
app.command()(show)
app.command()(copy)
app.command()(check)


def main() -> None:
    """Run the program; exit code 2 for an error that autokd knows, 130 for Ctrl-C."""
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    sys.path.insert(0, "")  # a "package.module:function" of the user's lives in the current folder
    try:
        with _ended_like_ctrl_c():
            app()
    except AutoKDError as error:
        print(f"autokd: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("autokd: interrupted", file=sys.stderr)
        sys.exit(130)


@contextmanager
def _ended_like_ctrl_c() -> Iterator[None]:
    """Let what a batch system or a closed terminal sends end a search as Ctrl-C does."""
    known = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    signals = [each for each in known if signal.getsignal(each) == signal.SIG_DFL]
    for each in signals:
        signal.signal(each, _interrupt)
    try:
        yield
    finally:
        for each in signals:
            signal.signal(each, signal.SIG_DFL)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _version(wanted: bool) -> None:
    if wanted:
        print(autokd.__version__)
        raise typer.Exit


@app.callback()
def _program(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Find small students for a large teacher: search, look at the front, take one away."""
