"""Hashes just the code that a figure depends on, so that the others need not be measured again.

`measuring.code_digest` covers whole rooms; where many figures differ in one file each, such as the
methods, this one follows the imports instead. Docstrings and comments do not count.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import autokd

_ROOMS = ("data", "distill", "graphs", "seeds", "students", "teachers")
"""Rooms that compute; what a definition may say is hashed by its values."""

_ROOT = Path(autokd.__file__).parents[1]


def imported_digest(modules: Iterable[str]) -> str:
    """Hash modules with all that they import from the rooms that compute."""
    digest = hashlib.sha256()
    for name in sorted(_closure(modules)):
        digest.update(f"{name}\n{_code(name)}\n".encode())
    return digest.hexdigest()[:12]


def modules_digest(modules: Iterable[str]) -> str:
    """Hash modules alone, without what they import."""
    code = [f"{name}\n{_code(name)}\n" for name in sorted(modules)]
    return hashlib.sha256("".join(code).encode()).hexdigest()[:12]


def _closure(modules: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = [*modules]
    while waiting:
        name = waiting.pop()
        if name not in found and name.split(".")[1] in _ROOMS:
            found.add(name)
            waiting += _imports(name)
    return found


@cache
def _imports(name: str) -> tuple[str, ...]:
    return tuple(_imported(ast.parse(_file(name).read_text(encoding="utf-8"))))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("autokd."):
            assert node.module is not None
            yield node.module
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name for name in inner if _file(name).exists())


@cache
def _code(name: str) -> str:
    tree = ast.parse(_file(name).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = [each for each in node.body if not _is_text(each)]
    return ast.unparse(tree)


def _is_text(node: ast.stmt) -> bool:
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
        return False
    return isinstance(node.value.value, str)


def _file(name: str) -> Path:
    path = _ROOT.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
