"""The tree of errors: as drawn, built on the fitting builtins, and able to cross processes."""

import inspect
import pickle
import re

import pytest

import autokd.errors
from autokd.errors import AutoKDError, InfeasibleError, RunError, TrialError

CLASSES = [getattr(autokd.errors, name) for name in autokd.errors.__all__]


def drawn_parents() -> dict[str, str]:
    """Read class and parent off the tree in the docstring, the builtin in brackets left out."""
    assert autokd.errors.__doc__ is not None
    parents: dict[str, str] = {}
    above = ["AutoKDError"]
    for indent, name in re.findall(r"^    ([│ ]*)[├└]── (\w+)", autokd.errors.__doc__, re.M):
        depth = len(indent) // 4
        above = [*above[: depth + 1], name]
        parents[name] = above[depth]
    return parents


def test_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    parents = {kind.__name__: kind.__mro__[1].__name__ for kind in CLASSES[1:]}
    assert drawn_parents() == parents


def test_brackets_in_the_docstring_name_the_builtin_that_each_class_also_is() -> None:
    assert autokd.errors.__doc__ is not None
    builtins = dict(re.findall(r"── (\w+) \((\w+)\)", autokd.errors.__doc__))
    for kind in CLASSES[1:]:
        own = [base.__name__ for base in kind.__bases__ if base.__module__ == "builtins"]
        assert own == ([builtins[kind.__name__]] if kind.__name__ in builtins else [])


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_keeps_type_and_message_across_processes(kind: type[AutoKDError]) -> None:
    needs_violation = issubclass(kind, InfeasibleError)
    error = kind("too wide", violation=0.5) if needs_violation else kind("too wide")  # type: ignore[call-arg]
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == "too wide"
    assert getattr(copy, "violation", None) == (0.5 if needs_violation else None)


def test_every_class_of_the_module_is_public() -> None:
    defined = {name for name, value in vars(autokd.errors).items() if inspect.isclass(value)}
    assert defined == set(autokd.errors.__all__)


def test_a_study_survives_no_error_of_its_run() -> None:
    assert not issubclass(RunError, TrialError)
    assert not issubclass(TrialError, RunError)
