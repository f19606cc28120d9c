"""Finds, lists and reads definition files.

A definition is a TOML file: ``studies/NAME.toml`` or ``search_spaces/NAME.toml``. In a checkout
the two folders stand beside the package; in a wheel they are inside it (``autokd/_definitions``).
What a file may say is in `autokd.space` and `autokd.study`; how a mistake becomes a message is in
`autokd.checking`.
"""

import tomllib
from pathlib import Path
from typing import Any, Literal

from autokd.checking import nearest
from autokd.errors import DefinitionError

__all__ = ["Kind", "find", "names", "read", "shown"]

Kind = Literal["studies", "search_spaces"]
"""Which of the two folders."""

_NOUNS: dict[Kind, str] = {"studies": "study", "search_spaces": "search space"}


def names(kind: Kind) -> list[str]:
    """List the shipped definitions.

    Args:
        kind: Which folder.

    Returns:
        Names without ``.toml``, sorted.
    """
    return sorted(path.stem for path in _folder(kind).glob("*.toml"))


def find(kind: Kind, name: str | Path, *, beside: Path | None = None) -> Path:
    """Find a definition by shipped name or by path.

    Args:
        kind: Which folder holds the shipped ones.
        name: ``digits``, or a path that ends in ``.toml``.
        beside: File whose folder a relative path is tried against first; None means the current
            folder only.

    Returns:
        Path of an existing file.

    Raises:
        DefinitionError: If there is no such file; the message names the nearest shipped one.
    """
    name = str(name)
    if not name.endswith(".toml"):
        return _find_shipped(kind, name)
    folders = [beside.parent] if beside else []
    for folder in [*folders, Path()]:
        if (folder / name).is_file():
            return folder / name
    raise DefinitionError(f"{name}: there is no such file")


def read(path: Path) -> dict[str, Any]:
    """Read one TOML file.

    Args:
        path: The file.

    Returns:
        What it says, unchecked.

    Raises:
        DefinitionError: If it cannot be read or is not TOML; the message names file and line.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DefinitionError(f"{shown(path)}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DefinitionError(f"{shown(path)}: is not text in UTF-8 ({error.reason})") from error
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError(f"{shown(path)}: is not TOML: {error}") from error


def shown(path: Path) -> str:
    """Name a file in a message.

    Args:
        path: The file.

    Returns:
        Its path, relative to the current folder where it lies inside.
    """
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _find_shipped(kind: Kind, name: str) -> Path:
    shipped = names(kind)
    if name in shipped:
        return _folder(kind) / f"{name}.toml"
    raise DefinitionError(
        f"no {_NOUNS[kind]} is called {name!r}; shipped are {shipped}{nearest(name, shipped)}; "
        "a file of your own ends in .toml"
    )


def _folder(kind: Kind) -> Path:
    package = Path(__file__).parent
    installed = package / "_definitions" / kind
    return installed if installed.is_dir() else package.parent / kind
