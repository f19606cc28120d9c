"""``autokd search`` and ``autokd teacher``."""

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from autokd.cli.options import DataOption, DeviceOption, StudyArgument, WarmStartOption

if TYPE_CHECKING:
    from autokd.runs import Run

__all__ = ["search", "teacher"]


def search(
    study: StudyArgument = "digits",
    trials: Annotated[int | None, typer.Option(help="Trials, instead of the study's.")] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Seconds of searching, instead of the study's budget.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Worker processes; by default one a core but at most 4, on a GPU without MPS "
            "one. 0 for none."
        ),
    ] = None,
    device: DeviceOption = "auto",
    storage: Annotated[
        str | None,
        typer.Option(help="An Optuna storage URL, instead of a file in the run folder."),
    ] = None,
    run_dir: Annotated[
        Path | None, typer.Option(help="Run folder; runs/STUDY by default.")
    ] = None,
    data: DataOption = None,
    warm_start: WarmStartOption = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete an earlier run first.")] = False,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Shrink the study to seconds, to try it out.")
    ] = False,
) -> None:
    """Run a study, or resume it; ends with the front and a report."""
    console = Console()
    console.print(f"[bold]autokd[/] searches [bold]{escape(study)}[/]")
    from autokd.cli.live import watcher
    from autokd.search import search as run_search

    with watcher(console) as listener:
        run = run_search(
            study,
            n_trials=trials,
            seconds=seconds,
            workers=workers,
            device=device,
            storage=storage,
            run_dir=run_dir,
            data_dir=data,
            warm_start=warm_start or (),
            fresh=fresh,
            smoke=smoke,
            listener=listener,
        )
    command = f"autokd search {quote(study)}{' --smoke' if smoke else ''}"
    budget = "".join(
        f" --{name} {number}"
        for name, number in (("trials", trials), ("seconds", seconds))
        if number is not None
    )
    _conclude(console, run, command=command, budget=budget)


def teacher(
    study: StudyArgument = "digits", device: DeviceOption = "auto", data: DataOption = None
) -> None:
    """Train or load a study's teacher, measure it and keep it."""
    from autokd.cli.live import watcher
    from autokd.distill import prepare
    from autokd.study import load_study

    console = Console()
    with watcher(console) as listener:
        prepared = prepare(
            load_study(study), device=device, data_dir=data, progress=listener.preparing
        )
    facts = prepared.facts
    console.print(
        f"{facts.name}: {facts.size}, top1 {facts.top1:.4f} on validation "
        f"({len(prepared.dataset.validation):,} images), {facts.test_top1:.4f} on test "
        f"({len(prepared.dataset.test):,} images)",
        markup=False,
    )
    if facts.saw_validation:
        console.print("It was trained on the images that validation is cut from.")


def _conclude(console: Console, run: "Run", *, command: str, budget: str) -> None:
    """Print the front, and what to do next."""
    from autokd.cli.tables import front_table
    from autokd.report import front_text, write_report

    path = write_report([run], run.folder / "report.html")
    front, folder = run.front(), quote(str(run.folder))
    if front.empty:
        console.print(front_text(run), highlight=False, markup=False, soft_wrap=True)
    else:
        console.print(front_table(run))
    said = [f"Report:   {path} (open it in a browser)"]
    if run.info["interrupted"]:
        said.append(f"Resume:   {command} --run-dir {folder}{budget}")
    else:
        if not front.empty:
            said += [f"Export:   autokd export {folder}", f"Retrain:  autokd retrain {folder}"]
        said.append(f"Continue: {command} --run-dir {folder} --trials N")
    for line in said:
        console.print(line, markup=False, soft_wrap=True)
