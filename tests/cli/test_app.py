import signal
import subprocess
import sys
from typing import Any

import pytest

import autokd
from autokd.cli import app as cli_app


def test_help_names_every_command(run_cli: Any) -> None:
    said = run_cli("--help")
    for command in (
        "search",
        "report",
        "export",
        "retrain",
        "teacher",
        "list",
        "show",
        "copy",
        "check",
    ):
        assert f" {command} " in said.out


def test_version_is_the_packages(run_cli: Any) -> None:
    assert run_cli("--version").out.strip() == autokd.__version__


def test_an_error_of_ours_is_one_line_and_exit_code_two(run_cli: Any) -> None:
    said = run_cli("search", "digit")
    assert said.code == 2
    (line,) = said.err.splitlines()
    assert line.startswith("autokd: no study is called 'digit'")
    assert "did you mean 'digits'?" in line


def test_any_other_error_is_a_bug_with_its_traceback(
    run_cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(cli_app, "app", broken)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        run_cli("list")


def test_ctrl_c_outside_a_search_ends_with_130(
    run_cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli_app, "app", interrupted)
    assert run_cli("list").code == 130


def test_the_module_is_the_program() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "autokd", "--version"], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == autokd.__version__


def test_it_starts_where_a_system_has_no_hang_up(
    run_cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(signal, "SIGHUP")
    assert run_cli("list").code == 0
