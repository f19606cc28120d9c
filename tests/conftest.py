"""What every test may count on: fixed seeds, one thread, and real data where it is given."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--data", type=Path, default=None, help="folder of the unpacked data sets, for slow tests"
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("cuda") and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")


@pytest.fixture(scope="session")
def data_dir(request: pytest.FixtureRequest) -> Path:
    folder: Path | None = request.config.getoption("--data")
    if folder is None:
        pytest.skip("needs real data: pytest --data DIR")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Begin with one thread: fixtures of a module are made before any test's own fixtures."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _fixed_seeds() -> None:
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - the global generator is what is being fixed
    torch.manual_seed(0)
    torch.set_num_threads(1)
