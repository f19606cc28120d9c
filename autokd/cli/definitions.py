"""``autokd list``, ``show``, ``copy`` and ``check``: definitions before they are run."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from autokd.cli.options import DataOption, DeviceOption, StudyArgument
from autokd.errors import DefinitionError

__all__ = ["check", "copy", "list_definitions", "show"]

if TYPE_CHECKING:
    from autokd.definitions import Kind

NameArgument = Annotated[str, typer.Argument(help="A shipped study or search space.")]
SpaceOption = Annotated[
    bool, typer.Option("--space", help="The search space where a study has the same name.")
]
ShownArgument = Annotated[str, typer.Argument(help="A study, a search space or a method.")]


def list_definitions() -> None:
    """List the shipped studies and search spaces, and the distillation methods."""
    from autokd.definitions import find, names, read
    from autokd.methods import METHODS
    from autokd.methods.words import needed

    titles: dict[Kind, str] = {"studies": "Studies", "search_spaces": "Search spaces"}
    for kind, title in titles.items():
        print(title)
        for name in names(kind):
            print(f"  {name:<20} {read(find(kind, name)).get('title', '')}")
    print("Methods, with what they need and what they cost")
    for method in METHODS.values():
        print(f"  {method.name:<20} {needed(method.needs)}; {method.cost}")


def show(name: ShownArgument, space: SpaceOption = False) -> None:
    """Print a shipped definition, or describe a distillation method."""
    from autokd.methods import METHODS
    from autokd.methods.words import described

    methods = {} if space else METHODS
    if name in methods:
        print("\n".join(described(methods[name])))
    else:
        found = _shipped(name, only_spaces=space, also=methods)
        print(found.read_text(encoding="utf-8"), end="")


def copy(
    name: NameArgument,
    to: Annotated[
        Path | None,
        typer.Argument(help="A file that ends in .toml, or a folder; the current folder."),
    ] = None,
    space: SpaceOption = False,
) -> None:
    """Copy a shipped definition to edit it; nothing is overwritten."""
    source = _shipped(name, only_spaces=space)
    target = to or Path()
    target = target / source.name if target.is_dir() else target
    if target.suffix != ".toml":
        raise DefinitionError(f"{target} is no folder, and a file of definitions ends in .toml")
    if target.exists():
        raise DefinitionError(f"{target} exists already")
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        raise DefinitionError(f"{target} cannot be written: {error.strerror}") from error
    print(target)


def check(
    study: StudyArgument = "digits", device: DeviceOption = "auto", data: DataOption = None
) -> None:
    """Validate a study, and estimate its cost before any training."""
    from autokd.cli.live import watcher
    from autokd.runs import quiet_optuna
    from autokd.search.check import check_study
    from autokd.study import load_study

    quiet_optuna()
    console = Console()
    spec = load_study(study)
    console.print(f"{study}: the definitions are valid", highlight=False, markup=False)
    with watcher(console) as listener:
        estimate = check_study(spec, device=device, data_dir=data, progress=listener.preparing)
    for line in estimate.lines():
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _shipped(name: str, *, only_spaces: bool, also: Iterable[str] = ()) -> Path:
    """Find a definition of either kind; a study wins over a search space of the same name."""
    from autokd.checking import nearest
    from autokd.definitions import find, names

    kinds: tuple[Kind, ...] = ("search_spaces",) if only_spaces else ("studies", "search_spaces")
    for kind in kinds:
        if name in names(kind):
            return find(kind, name)
    legal = sorted({*also, *(each for kind in kinds for each in names(kind))})
    what = "no shipped search space" if only_spaces else "nothing shipped"
    raise DefinitionError(f"{what} is called {name!r}; legal: {legal}{nearest(name, legal)}")
