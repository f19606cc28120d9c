"""Packs what benchmarks/gpu.py needs on a machine that has a GPU but no network.

    python scripts/gpu_bundle.py [FOLDER] [--data DIR] [--has FILE] [--python 3.12]

FOLDER (build/gpu by default) gets ``wheels/``: every package that autokd and the tests marked
``cuda`` need, in the version installed here, for x86-64 Linux and that Python, but for torch and
torchvision, which the machine must have, with all that they need. What else it has need not be
carried: FILE has its names, such as the output of ``pip list --format=freeze`` there. With
``--data`` the folder also gets the images of ``DIR/cifar10_jpeg`` and their teacher, packed.

There, beside the checkout, with FOLDER in it:

    python -m pip install --no-index --no-deps --target build/site build/gpu/wheels/*.whl
    tar -xJf build/gpu/data.tar.xz -C build
    PYTHONPATH=.:build/site python benchmarks/gpu.py --data build/data --seconds-left 540

Needs an environment with: pip install -e ".[dev]".
"""

import argparse
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOTS = ("autokd", "hypothesis", "pytest", "pytest-timeout", "pytest-xdist")
THERE = ("torch", "torchvision")
DATA = ("cifar10_jpeg", "teachers/cifar10jpeg_resnet56.safetensors")
_GLIBC = (17, 24, 27, 28, 31, 34)
"""Minor versions of glibc 2 that wheels are commonly built for; pip matches them exactly."""


def main() -> None:
    """Fetch the wheels, pack the data, and say how large both are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path("build/gpu"))
    parser.add_argument("--data", type=Path, help="folder with cifar10_jpeg/ and teachers/")
    parser.add_argument("--has", type=Path, help="file with the names of the machine's packages")
    parser.add_argument("--python", default="3.12", help="the machine's version")
    options = parser.parse_args()
    needed = wheels(options.has, python=options.python)
    print(" ".join(needed))
    fetch(needed, options.folder / "wheels", python=options.python)
    if options.data is not None:
        pack(options.data, options.folder / "data.tar.xz")
    files = [path for path in options.folder.rglob("*") if path.is_file()]
    print(f"{options.folder}: {sum(path.stat().st_size for path in files) / 2**20:.0f} MiB")


def wheels(has: Path | None, *, python: str) -> list[str]:
    """List what has to be carried, pinned to the versions installed here."""
    there = set(closure(THERE, python=python)) | names(has)
    needed = set(closure(ROOTS, python=python)) - there - {"autokd"}
    return sorted(f"{name}=={version(name)}" for name in needed)


def names(has: Path | None) -> set[str]:
    """Read names of packages, between spaces, commas or lines, versions cut off."""
    words = re.split(r"[\s,]+", has.read_text(encoding="utf-8")) if has else []
    return {canonicalize_name(word.partition("==")[0]) for word in words if word}


def closure(roots: tuple[str, ...], *, python: str) -> Iterator[str]:
    """Walk through packages and all that they require on Linux, as far as it is installed here."""
    waiting, seen = [canonicalize_name(root) for root in roots], set()
    while waiting:
        name = waiting.pop()
        if name in seen or not is_installed(name):
            continue
        seen.add(name)
        yield name
        for line in requires(name) or ():
            requirement = Requirement(line)
            where = {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
            if requirement.marker is None or requirement.marker.evaluate(where):
                waiting.append(canonicalize_name(requirement.name))


def is_installed(name: str) -> bool:
    """Tell whether a package is installed here."""
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def fetch(needed: list[str], folder: Path, *, python: str) -> None:
    """Fetch wheels, and nothing that would have to be built."""
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in _GLIBC]
    platforms += ["manylinux2014_x86_64", "manylinux1_x86_64"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--implementation", "cp", "--python-version", python]
    command += [part for platform in platforms for part in ("--platform", platform)]
    subprocess.run([*command, "--dest", str(folder), *needed], check=True)


def pack(data: Path, archive: Path) -> None:
    """Pack images and teacher into an archive that unpacks to ``data/``."""
    with tarfile.open(archive, "w:xz") as packed:
        for part in DATA:
            packed.add(data / part, f"data/{part}")


if __name__ == "__main__":
    main()
