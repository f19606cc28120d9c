"""A method of one's own is described by importing it, or the message says what is wrong."""

import math
from pathlib import Path

import pytest

from autokd.errors import DefinitionError
from autokd.methods import Needs, find_method, settle
from autokd.methods.named import imported, named_method

SOURCE = '''
from torch import nn

from autokd.methods import Needs

NUMBER = 3


def gentle(seen, *, temperature=2.0, soft_weight=1, steps=3, slope=0.5, is_wide=False):
    """Teach gently.

    And say more.
    """


def silent(seen):
    pass


class Patient(nn.Module):
    needs = Needs(features=True)
    matches_logits = True

    def __init__(self, setting, *, patience=10):
        super().__init__()


def typeless(seen, *, slope):
    pass


def frozen(seen, *, temperature=0.0):
    pass


def wordy(seen, *, mode="soft"):
    pass


def greedy(seen):
    pass


greedy.needs = "everything"
'''


@pytest.fixture(autouse=True)
def _user_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_losses.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)


def test_function_is_a_method_with_its_keyword_arguments_as_parameters() -> None:
    method = named_method("my_losses:gentle")
    assert (method.name, method.table) == ("my_losses:gentle", "gentle")
    assert method.implementation == "my_losses:gentle"
    assert method.source == "Teach gently."
    assert method.needs == Needs()
    assert [(p.name, p.type, p.default) for p in method.parameters] == [
        ("temperature", "float", 2.0),
        ("soft_weight", "float", 1.0),
        ("steps", "int", 3),
        ("slope", "float", 0.5),
        ("is_wide", "categorical", False),
    ]


def test_numbers_have_any_value_but_for_the_shared_names() -> None:
    by_name = {p.name: p for p in named_method("my_losses:gentle").parameters}
    assert by_name["slope"].accepts(-1e30)
    assert not by_name["slope"].accepts(math.nan)
    assert by_name["steps"].accepts(-5)
    assert not by_name["steps"].accepts(0.5)
    assert not by_name["temperature"].accepts(0)
    assert not by_name["soft_weight"].accepts(1.1)


def test_class_says_what_it_needs_and_is_asked_for_its_own_arguments() -> None:
    method = named_method("my_losses:Patient")
    assert method.needs == Needs(features=True)
    assert method.matches_logits
    assert [p.name for p in method.parameters] == ["patience"]
    assert method.source == "a method of one's own"


def test_method_without_parameters_is_one() -> None:
    assert named_method("my_losses:silent").parameters == ()


def test_point_of_a_named_method_settles() -> None:
    method, settled = settle({"kd.method": "my_losses:gentle", "kd.gentle.steps": 9})
    assert method == find_method("my_losses:gentle")
    assert (settled["steps"], settled["temperature"]) == (9, 2.0)


def test_imported_gives_the_function_itself() -> None:
    assert imported("math:sqrt") is math.sqrt


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my_lossse:gentle", "'my_lossse:gentle' cannot be imported: No module named 'my_lossse'"),
        ("my_losses:gentel", "cannot be imported: module 'my_losses' has no attribute 'gentel'"),
        (":gentle", "':gentle' cannot be imported: Empty module name"),
        (".losses:gentle", "'.losses:gentle' cannot be imported: "),
        ("my_losses:NUMBER", "'my_losses:NUMBER' must be a function or a class, found int"),
        ("my_losses:typeless", "'slope' must have a default that is an int, a float or a bool"),
        (
            "my_losses:frozen",
            r"the default of 'temperature' must be a float in \[0.1, 100\], found 0.0$",
        ),
        ("my_losses:wordy", "'mode' must have a default that is an int, a float or a bool"),
        ("my_losses:greedy", "'my_losses:greedy': needs must be a Needs, found 'everything'"),
        ("builtins:type", "'builtins:type' does not tell its arguments"),
    ],
)
def test_what_is_wrong_is_said(name: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        named_method(name)
