import subprocess
import sys
from pathlib import Path

import pytest

from autokd.methods import METHODS

REPOSITORY = Path(__file__).parents[1]
SCRIPT = REPOSITORY / "scripts" / "write_methods_page.py"
PAGE = REPOSITORY / "docs" / "methods.md"


def test_the_page_of_methods_is_what_its_script_writes() -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_its_line_on_the_page(name: str) -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{name}` |")]
    assert len(rows) == 1
