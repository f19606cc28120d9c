"""The package's own names: found lazily, listed, and nothing else."""

import math
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import autokd


@pytest.mark.parametrize("name", autokd.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(autokd, name) is not None


def test_dir_lists_the_public_names_for_completion() -> None:
    assert dir(autokd) == sorted(autokd.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'autokd' has no attribute 'serach'$"):
        autokd.serach  # noqa: B018 - the look-up is what is tested


def test_version_is_one_of_semantic_versioning() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", autokd.__version__)


def test_importing_the_package_imports_none_of_its_rooms() -> None:
    code = "import sys, autokd; print([n for n in sys.modules if n.startswith('autokd.')])"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout == "[]\n"


def test_the_readmes_example_of_an_own_study_finds_a_front() -> None:
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n([^`]*AutokdSampler[^`]*)```", text)
    names: dict[str, Any] = {}
    exec(example, names)
    front = names["study"].best_trials
    assert len(names["study"].trials) == 20
    assert len(front) >= 8
    rates = [trial.params["rate"] for trial in names["study"].trials[10:]]
    assert statistics.median(abs(math.log10(rate) + 2) for rate in rates) < 0.2
