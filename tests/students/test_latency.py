"""Latency is a median over timed batches, and measuring leaves no trace."""

import time
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from autokd.graphs import InputShape
from autokd.students.latency import measure_latency

SHAPE = InputShape(3, 8, 10)


class Slow(nn.Module):
    """Takes as long as it is told; what copies of it see is kept in one place."""

    seen: list[tuple[tuple[int, ...], bool, bool, int]]

    def __init__(self, *, seconds: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.seconds = seconds

    def forward(self, images: Tensor) -> Tensor:
        threads = torch.get_num_threads()
        self.seen.append((tuple(images.shape), self.training, torch.is_grad_enabled(), threads))
        time.sleep(self.seconds)
        return images * self.weight


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Slow, "seen", [], raising=False)


@pytest.fixture
def _two_threads() -> Iterator[None]:
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def measure(module: nn.Module, *, repeats: int = 3) -> float:
    return measure_latency(module, SHAPE, batch_size=4, threads=1, repeats=repeats)


def test_latency_is_seconds_per_batch() -> None:
    assert 0.01 < measure(Slow(seconds=0.01)) < 0.1


def test_latency_is_the_median_after_the_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    warm_up = [1000, 0] * 5
    ticks = iter([*warm_up, 10, 12, 20, 99, 30, 33])
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(ticks)))
    assert measure(Slow(), repeats=3) == 3


def test_batches_are_of_the_stated_shape_without_gradients_in_eval_mode() -> None:
    measure(Slow(), repeats=3)
    assert Slow.seen == [((4, 3, 8, 8), False, False, 1)] * 8


@pytest.mark.usefixtures("_two_threads")
def test_module_and_threads_are_left_as_they_were() -> None:
    module = Slow().train()
    measure(module)
    assert {threads for *_, threads in Slow.seen} == {1}
    assert torch.get_num_threads() == 2
    assert module.training
    assert torch.is_grad_enabled()


@pytest.mark.usefixtures("_two_threads")
def test_threads_are_restored_after_an_error() -> None:
    with pytest.raises(ValueError, match="sleep"):
        measure(Slow(seconds=-1))
    assert torch.get_num_threads() == 2
