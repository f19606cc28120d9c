"""``autokd diagnose``: what the theory of distillation would look at."""

from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from autokd.cli.options import DataOption, DeviceOption, RunArgument, run_folder
from autokd.errors import DefinitionError

__all__ = ["diagnose", "parse_fractions"]


def diagnose(
    run: RunArgument = None,
    best: Annotated[str, typer.Option(help="knee or top1.")] = "knee",
    trial: Annotated[int | None, typer.Option(help="This trial, instead of --best.")] = None,
    parts: Annotated[
        str,
        typer.Option(help="Comma-separated: transfer (trains students), geometry, angles."),
    ] = "transfer,geometry,angles",
    fractions: Annotated[
        str, typer.Option(help="Shares of the training images, ascending.")
    ] = "1/8,1/4,1/2,1",
    seeds: Annotated[int, typer.Option(min=1, help="Trainings a share and method.")] = 3,
    device: DeviceOption = "auto",
    data: DataOption = None,
    output: Annotated[
        Path | None,
        typer.Option(help="The HTML file; diagnosis.html in the run folder. A .json goes beside."),
    ] = None,
) -> None:
    """Measure risk over the number of images, the classes' separation, and the teacher's angles.

    Students are trained anew, as long as in the search; `--seeds 1 --fractions 1/4,1` is quick.
    """
    from autokd.cli.live import watcher
    from autokd.diagnose import check_page_path, write_diagnosis
    from autokd.diagnose import diagnose as diagnose_run
    from autokd.diagnose.tables import terminal_text
    from autokd.export import choose
    from autokd.runs import load_run

    console = Console()
    loaded = load_run(run_folder(run))
    page = output or loaded.folder / "diagnosis.html"
    check_page_path(page)
    with watcher(console) as listener:
        found = diagnose_run(
            loaded,
            choose(loaded, best=best, trial=trial),
            parts=[name.strip() for name in parts.split(",") if name.strip()],
            fractions=parse_fractions(fractions),
            n_seeds=seeds,
            device=device,
            data_dir=data,
            progress=listener.preparing,
        )
    paths = write_diagnosis(found, page)
    print(terminal_text(found))
    print()
    for path in paths:
        print(path)


def parse_fractions(text: str) -> tuple[float, ...]:
    """Read shares.

    Args:
        text: ``1/8,1/4,1/2,1`` or ``0.125, 0.5``.

    Returns:
        The shares as they are written; which are legal is not checked.

    Raises:
        DefinitionError: If one is no number.
    """
    found = []
    for word in text.split(","):
        try:
            found.append(float(Fraction(word.strip())))
        except (ValueError, ZeroDivisionError, OverflowError) as error:
            raise DefinitionError(
                f"--fractions: {word.strip()!r} is not a number such as 1/8 or 0.125"
            ) from error
    return tuple(found)
