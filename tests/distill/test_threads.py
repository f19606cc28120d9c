import os

import pytest
import torch

from autokd.distill import threads
from autokd.distill.threads import preparing_threads


@pytest.mark.parametrize(("size", "n_threads"), [(8, 1), (15, 1), (16, 2), (32, 2)])
def test_small_maps_get_one_thread_and_larger_ones_all(
    size: int, n_threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "_n_cores", lambda: 2)
    torch.set_num_threads(3)
    with preparing_threads(size):
        assert torch.get_num_threads() == n_threads
    assert torch.get_num_threads() == 3


def _fail_inside() -> None:
    with preparing_threads(32):
        raise ZeroDivisionError


def test_threads_come_back_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_n_cores", lambda: 2)
    with pytest.raises(ZeroDivisionError):
        _fail_inside()
    assert torch.get_num_threads() == 1


def test_cores_are_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    assert threads._n_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert threads._n_cores() == 7
