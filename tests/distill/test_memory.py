import pytest
import torch

from autokd.distill.memory import memory_errors
from autokd.errors import OutOfMemory


def test_a_device_without_memory_is_said_in_one_sentence() -> None:
    with pytest.raises(OutOfMemory, match=r"^Tried to allocate 8 GiB$"), memory_errors():
        raise torch.OutOfMemoryError("Tried to allocate 8 GiB. More advice follows")


def test_a_cpu_without_memory_is_the_same_error() -> None:
    with pytest.raises(OutOfMemory, match="can't allocate memory"), memory_errors():
        torch.empty(2**60, dtype=torch.uint8)


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="must match the size"), memory_errors():
        torch.zeros(2) + torch.zeros(3)
