"""Options and arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from autokd.errors import DefinitionError

__all__ = [
    "DataOption",
    "DeviceOption",
    "RunArgument",
    "RunsArgument",
    "StudyArgument",
    "WarmStartOption",
    "parse_count",
    "run_folder",
]

StudyArgument = Annotated[
    str, typer.Argument(help="A shipped study (see `autokd list`) or a path that ends in .toml.")
]
RunArgument = Annotated[
    Path | None, typer.Argument(help="Run folder; the latest run by default.", show_default=False)
]
RunsArgument = Annotated[
    list[Path] | None,
    typer.Argument(help="Run folders; the latest run by default.", show_default=False),
]
DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="Folder that the study's data and checkpoints are in."),
]
WarmStartOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--warm-start",
        metavar="RUN",
        help="An earlier run to begin from, of any data, teacher or budget; repeatable. The "
        "points of its front are tried first. Sampler autokd also learns from its other trials, "
        "as far as new ones bear them out; other samplers take the front alone.",
        show_default=False,
    ),
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")]

_UNITS = {"k": 1_000, "m": 1_000_000, "g": 1_000_000_000}


def run_folder(run: Path | None) -> Path:
    """Choose the run that a command is about.

    Args:
        run: What the user gave.

    Returns:
        That, or the latest run.

    Raises:
        RunError: If none was given and there is none.
    """
    from autokd.runs import latest_run  # heavy; only when a command runs

    return run or latest_run()


def parse_count(text: str) -> int:
    """Read a number of weights.

    Args:
        text: ``100000``, ``100k`` or ``1.5M``.

    Returns:
        The number, rounded to a whole one.

    Raises:
        DefinitionError: If it is no positive number.
    """
    factor = _UNITS.get(text[-1:].lower(), 1)
    digits = text[:-1] if factor > 1 else text
    try:
        # To the nearest: 4.1 million as floating point is a little less.
        count = round(float(digits.replace(",", "").replace("_", "")) * factor)
    except (ValueError, OverflowError) as error:
        raise DefinitionError(f"{text!r} is not a number such as 100000, 100k or 1.5M") from error
    if count < 1:
        raise DefinitionError(f"{text!r} must be at least 1")
    return count
