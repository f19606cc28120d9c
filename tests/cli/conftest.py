import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from autokd.cli import main


@dataclass(frozen=True)
class Said:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str


RunCli = Callable[..., Said]

STUDY = """
title = "Tiny"
search_space = "chain_digits"
[data]
source = "digits"
train_limit = 200
[teacher]
source = "zoo"
model = "resnet8"
epochs = 1
[training]
[fidelity]
min_epochs = 1
max_epochs = 2
eta = 2
[[objectives]]
metric = "top1"
direction = "maximize"
reference = 0.0
[[objectives]]
metric = "params"
direction = "minimize"
reference = 1e6
[budget]
trials = 2
"""


@pytest.fixture(scope="session")
def cache_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def run_cli(
    tmp_path: Path,
    cache_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> RunCli:
    """Run a command in an empty folder, as the console script does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache_home))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["autokd", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return Said(int(ended.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture
def tiny_study(run_cli: RunCli) -> Path:
    """A study file in the folder that commands run in."""
    path = Path("tiny.toml")
    path.write_text(STUDY)
    return path


@pytest.fixture
def tiny_run(run_cli: RunCli, tiny_study: Path) -> Path:
    """A finished run of two trials in ``runs/tiny``."""
    said = run_cli("search", "tiny.toml", "--workers", "0")
    assert said.code == 0, said.err
    return Path("runs/tiny")
