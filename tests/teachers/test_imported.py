"""A user's function is imported by name, or the message says what is wrong with the name."""

from pathlib import Path

import pytest
import torch
from torch import nn

from autokd.errors import TeacherError
from autokd.teachers.imported import imported_model, is_import_name

SOURCE = """
from torch import nn
NUMBER = 3
def make():
    return nn.Linear(2, 5)
def needy(depth):
    return nn.Linear(2, depth)
def wrong():
    return "a network"
class Nets:
    make = staticmethod(make)
"""


@pytest.fixture(autouse=True)
def _user_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_nets.py").write_text(SOURCE)
    (tmp_path / "my_broken.py").write_text("import a_module_that_is_not_there")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize("name", ["my_nets:make", "my_nets:Nets.make"])
def test_function_is_imported_and_called(name: str) -> None:
    module = imported_model(name)
    assert isinstance(module, nn.Linear)
    assert module(torch.zeros(1, 2)).shape == (1, 5)


def test_class_works_as_well() -> None:
    assert isinstance(imported_model("torch.nn:Flatten"), nn.Flatten)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my_ntes:make", "'my_ntes:make' cannot be imported: No module named 'my_ntes'"),
        ("my_broken:make", "cannot be imported: No module named 'a_module_that_is_not_there'"),
        ("my_nets:mkae", "'my_nets:mkae' cannot be imported: module 'my_nets' has no attribute"),
        (":make", "':make' cannot be imported: Empty module name"),
        ("my_nets:NUMBER", "'my_nets:NUMBER' must be a function, found int"),
        ("my_nets:needy", "is called without arguments: missing a required argument: 'depth'"),
        ("my_nets:wrong", "must return a torch.nn.Module, found str"),
    ],
)
def test_what_is_wrong_is_said(name: str, message: str) -> None:
    with pytest.raises(TeacherError, match=message):
        imported_model(name)


@pytest.mark.parametrize(("name", "is_name"), [("a.b:c", True), ("resnet20", False)])
def test_functions_are_told_from_models_by_the_colon(name: str, is_name: bool) -> None:
    assert is_import_name(name) == is_name
