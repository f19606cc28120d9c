"""``autokd report``, ``export`` and ``retrain``: what to do with a run."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from autokd.cli.options import (
    DataOption,
    DeviceOption,
    RunArgument,
    RunsArgument,
    parse_count,
    run_folder,
)

__all__ = ["export", "report", "retrain"]

TrialOption = Annotated[int | None, typer.Option(help="This trial, instead of --best.")]
BestOption = Annotated[
    str | None,
    typer.Option(help="knee or top1; by default knee, with --max-params top1."),
]
MaxParamsOption = Annotated[
    str | None, typer.Option(help="Only students of at most so many params: 100k, 1.5M.")
]


def report(
    runs: RunsArgument = None,
    output: Annotated[
        Path | None, typer.Option(help="The HTML file; report.html in the first run folder.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Also write all trials as CSV.")] = None,
    png: Annotated[
        Path | None,
        typer.Option(help="Also write the front as PNG; needs the extra \\[png]."),
    ] = None,
) -> None:
    """Write one self-contained HTML page; several runs overlay their fronts."""
    from autokd.report import write_csv, write_png, write_report
    from autokd.runs import load_run

    loaded = [load_run(folder).findings() for folder in runs or [run_folder(None)]]
    paths = [write_report(loaded, output or loaded[0].folder / "report.html")]
    if csv:
        paths.append(write_csv(loaded, csv))
    if png:
        paths.append(write_png(loaded, png))
    for path in paths:
        print(path)


def export(
    run: RunArgument = None,
    best: BestOption = None,
    trial: TrialOption = None,
    max_params: MaxParamsOption = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder to write; students/RUN-TRIAL by default.")
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", help="Comma-separated: config, safetensors, onnx, pt2.")
    ] = "config,safetensors,onnx,pt2",
    weights: Annotated[
        str, typer.Option(help="auto (retrained where it was), search, same or fresh (retrained).")
    ] = "auto",
    data: DataOption = None,
) -> None:
    """Write a student of the front as a folder that anyone can load."""
    from autokd.export import choose, export_student
    from autokd.runs import load_run

    loaded = load_run(run_folder(run))
    limit = parse_count(max_params) if max_params else None
    slot = choose(loaded, best=best, trial=trial, max_params=limit)
    folder = output or Path("students") / f"{loaded.folder.name}-{slot:04d}"
    names = tuple(name.strip() for name in formats.split(",") if name.strip())
    print(export_student(loaded, slot, folder, formats=names, data_dir=data, weights=weights))


def retrain(
    run: RunArgument = None,
    best: BestOption = None,
    trial: TrialOption = None,
    max_params: MaxParamsOption = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings, each with its own seed.")] = 3,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of each training.")] = None,
    fresh_members: Annotated[
        bool, typer.Option("--fresh-members", help="New members of the family, one a seed.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Give a longer retraining of this trial up.")
    ] = False,
    device: DeviceOption = "auto",
    data: DataOption = None,
) -> None:
    """Train a student at full budget over several seeds, then measure the test set once."""
    from autokd.cli.live import watcher
    from autokd.export import choose
    from autokd.export.retrain import retrain as train_again
    from autokd.runs import load_run

    console = Console()
    loaded = load_run(run_folder(run))
    limit = parse_count(max_params) if max_params else None
    slot = choose(loaded, best=best, trial=trial, max_params=limit)
    with watcher(console) as listener:
        result = train_again(
            loaded,
            slot,
            n_seeds=seeds,
            epochs=epochs,
            members="fresh" if fresh_members else "same",
            replace=replace,
            device=device,
            data_dir=data,
            progress=listener.preparing,
        )
    for line in result.lines():
        console.print(line, highlight=False, markup=False, soft_wrap=True)
