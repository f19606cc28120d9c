"""``python -m autokd`` is the command line."""

import runpy
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "run_name", "expected"),
    [
        ("autokd", "__main__", ["main"]),
        # a worker process imports the module that started its parent, and must not start over
        ("autokd.__main__", "__mp_main__", []),
    ],
)
def test_module_runs_the_command_line_only_as_the_program(
    module: str, run_name: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    # runpy warns of a module that another test has imported before
    monkeypatch.delitem(sys.modules, "autokd.__main__", raising=False)
    monkeypatch.setattr("autokd.cli.main", lambda: calls.append("main"))
    runpy.run_module(module, run_name=run_name)
    assert calls == expected
