from pathlib import Path
from typing import Any

import pytest

from autokd.definitions import find, names
from autokd.methods import METHODS
from autokd.methods.words import described, needed


def test_list_names_every_shipped_definition_with_its_title(run_cli: Any) -> None:
    said = run_cli("list")
    for name in (*names("studies"), *names("search_spaces")):
        assert f"  {name} " in said.out
    assert "Handwritten digits" in said.out


def test_list_names_every_method_with_what_it_needs_and_costs(run_cli: Any) -> None:
    lines = run_cli("list").out.splitlines()
    for name, method in METHODS.items():
        (line,) = [found for found in lines if found.startswith(f"  {name} ")]
        assert line.endswith(f" {needed(method.needs)}; {method.cost}")


def test_show_describes_a_method(run_cli: Any) -> None:
    assert run_cli("show", "ctkd").out.splitlines() == described(METHODS["ctkd"])


def test_show_prints_the_file_to_the_letter(run_cli: Any) -> None:
    assert run_cli("show", "digits").out == find("studies", "digits").read_text()
    assert run_cli("show", "chain").out == find("search_spaces", "chain").read_text()


def test_copy_writes_a_file_to_edit_and_overwrites_nothing(run_cli: Any) -> None:
    said = run_cli("copy", "cifar10")
    assert Path(said.out.strip()).read_text() == find("studies", "cifar10").read_text()
    again = run_cli("copy", "cifar10")
    assert (again.code, again.err) == (2, "autokd: cifar10.toml exists already\n")
    assert run_cli("copy", "cifar10", "mine.toml").out.strip() == "mine.toml"
    assert Path("mine.toml").is_file()


def test_every_search_space_can_be_shown_and_copied_even_one_named_like_a_study(
    run_cli: Any,
) -> None:
    assert {"digits", "digits_methods"} <= {*names("studies")} & {*names("search_spaces")}
    for name in names("search_spaces"):
        text = find("search_spaces", name).read_text()
        assert run_cli("show", name, "--space").out == text
        said = run_cli("copy", "--space", name, f"my_{name}.toml")
        assert Path(said.out.strip()).read_text() == text


@pytest.mark.parametrize("name", ["cifar10", "ctkd", "chains"])
def test_what_is_no_search_space_is_none(run_cli: Any, name: str) -> None:
    for command in ("show", "copy"):
        said = run_cli(command, name, "--space")
        assert said.code == 2
        assert f"no shipped search space is called {name!r}; legal: ['chain'," in said.err
        assert ("did you mean 'chain'?" in said.err) == (name == "chains")


@pytest.mark.parametrize("target", ["nonex/", "mine", "mine.tom"])
def test_copy_writes_no_file_that_could_not_be_searched(run_cli: Any, target: str) -> None:
    said = run_cli("copy", "digits", target)
    told = f"{Path(target)} is no folder, and a file of definitions ends in .toml"
    assert (said.code, said.err) == (2, f"autokd: {told}\n")
    assert not Path(target).exists()
    Path("nonex").mkdir()
    assert Path(run_cli("copy", "digits", "nonex/").out.strip()) == Path("nonex/digits.toml")


def test_copy_to_where_nothing_can_be_written_is_refused(run_cli: Any) -> None:
    said = run_cli("copy", "cifar10", "no/such/folder/mine.toml")
    assert said.code == 2
    assert "cannot be written: No such file or directory" in said.err


def test_an_unknown_definition_is_refused_with_the_nearest_name(run_cli: Any) -> None:
    said = run_cli("show", "cifar01")
    assert said.code == 2
    assert "nothing shipped is called 'cifar01'" in said.err
    assert "did you mean 'cifar10'?" in said.err
    assert "did you mean 'ctkd'?" in run_cli("show", "ctdk").err


def test_a_method_is_nothing_to_copy(run_cli: Any) -> None:
    said = run_cli("copy", "ctkd")
    assert said.code == 2
    assert "nothing shipped is called 'ctkd'" in said.err
    assert not Path("ctkd.toml").exists()


def test_check_validates_and_estimates(run_cli: Any) -> None:
    said = run_cli("check", "digits")
    assert said.code == 0
    assert "digits: the definitions are valid" in said.out
    assert "params" in said.out
    assert "search" in said.out


def test_check_refuses_a_misspelt_key_with_file_and_key(run_cli: Any) -> None:
    text = find("studies", "digits").read_text().replace("batch_size", "batchsize")
    Path("mine.toml").write_text(text)
    said = run_cli("check", "mine.toml")
    assert said.code == 2
    assert "mine.toml: [training.batchsize] is not one of" in said.err
    assert "did you mean 'batch_size'?" in said.err
