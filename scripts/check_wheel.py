"""Builds a wheel and uses it away from the checkout: does it hold all that the package needs?

Run by ``scripts/check wheel``. The wheel is unpacked rather than installed, and put before the
checkout on the path of a fresh interpreter, so that nothing is fetched or changed.
"""

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
KINDS = ("studies", "search_spaces")
LICENCES_AND_TYPING = ("autokd/py.typed", ".dist-info/licenses/LICENSE")

# Runs from a foreign folder with the unpacked wheel on the path.
LOAD_ALL = """
from pathlib import Path
import sys
import autokd
from autokd.definitions import names
from autokd.study import load_study
assert Path(autokd.__file__).is_relative_to(sys.argv[1]), f"{autokd.__file__} is not the wheel's"
for study in names("studies"):
    load_study(study)
print(*names("studies"), "|", *names("search_spaces"))
"""


def main() -> int:
    """Build, look inside, load every shipped study.

    Returns:
        0 if the wheel holds what it should, else 1.
    """
    with tempfile.TemporaryDirectory() as folder:
        wheel = _build(Path(folder))
        unpacked = Path(folder) / "unpacked"
        with zipfile.ZipFile(wheel) as archive:
            missing = _missing(archive.namelist())
            archive.extractall(unpacked)
        if missing:
            print(f"{wheel.name} lacks {missing}")
            return 1
        found = _load_all(unpacked)
    expected = " ".join([*_stems("studies"), "|", *_stems("search_spaces")])
    print(f"{wheel.name} ships: {found}")
    return int(found != expected)


def _build(folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"]
    subprocess.run([*pip, str(folder), str(REPOSITORY)], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def _missing(inside: list[str]) -> list[str]:
    """List the files of the package, tests and caches apart, that the wheel lacks."""
    package = [path for path in (REPOSITORY / "autokd").rglob("*") if path.is_file()]
    expected = [str(path.relative_to(REPOSITORY)) for path in package]
    expected = [path for path in expected if "__pycache__" not in path]
    expected += LICENCES_AND_TYPING
    return sorted(path for path in expected if not any(name.endswith(path) for name in inside))


def _load_all(unpacked: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    answer = subprocess.run(
        [sys.executable, "-c", LOAD_ALL, str(unpacked)],
        cwd=unpacked.parent,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return answer.stdout.strip()


def _stems(kind: str) -> list[str]:
    return sorted(path.stem for path in (REPOSITORY / kind).glob("*.toml"))


if __name__ == "__main__":
    sys.exit(main())
