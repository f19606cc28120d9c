import logging
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from autokd.data import Dataset
from autokd.distill import cuda
from autokd.distill.answers import Answers
from autokd.distill.device import Precision
from autokd.distill.executors import (
    WARM_UP_STEPS,
    EagerExecutor,
    Executor,
    GraphExecutor,
    make_executor,
)
from autokd.distill.losses import Seen
from autokd.distill.losses.kd import kd
from autokd.distill.source import Batch, TrainingSource
from autokd.distill.step import Step
from autokd.study import Training, ViewsSpec
from tests.distill.networks import small_network
from tests.distill.recording import TapeRecorder

CPU = torch.device("cpu")
CUDA = torch.device("cuda", 0)
TRAINING = Training(batch_size=7, weight_decay=0.01)
RATES = [0.02, 0.1, 0.07, 0.05, 0.03, 0.02, 0.01]
KD = partial(kd, temperature=3.0, soft_weight=0.6)

# Sums in another order, and a rate that is rounded to float32: far below what a step changes.
RTOL, ATOL = 1e-4, 1e-5

Make = Callable[[Step], Executor]


def _replayed(step: Step) -> Executor:
    return GraphExecutor(step, TapeRecorder())


def _graphed(step: Step) -> Executor:
    return GraphExecutor(step, cuda.GraphRecorder(CUDA))


EXECUTORS = [
    pytest.param(EagerExecutor, CPU, id="eager-cpu"),
    pytest.param(_replayed, CPU, id="replayed-cpu"),
    pytest.param(EagerExecutor, CUDA, id="eager-cuda", marks=pytest.mark.cuda),
    pytest.param(_graphed, CUDA, id="graph-cuda", marks=pytest.mark.cuda),
]


@pytest.fixture(autouse=True)
def _exact_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """Convolve in float32 on CUDA, as the references do, not in TF32."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.fixture
def batches(dataset: Dataset, views: ViewsSpec) -> list[Batch]:
    """Give 48 images in six batches of 7 and one of 6."""
    table = torch.randn(1, 48, 3)
    return list(
        TrainingSource(dataset.train, views, Answers(table)).batches(0, TRAINING.batch_size)
    )


def _network(device: torch.device = CPU, *, dropout: float = 0.0) -> nn.Module:
    return small_network(dropout=dropout).to(device).to(memory_format=torch.channels_last)


def _step(network: nn.Module, *, loss: Any = KD, precision: Precision = "float32") -> Step:
    device = next(network.parameters()).device
    return Step(network, loss=loss, training=TRAINING, precision=precision, device=device)


def _run(make: Make, step: Step, batches: list[Batch], device: torch.device = CPU) -> None:
    with closing(make(step)) as executor:
        for batch, rate in zip(batches, RATES, strict=False):
            executor.run(batch.each(lambda tensor: tensor.to(device)), rate)


def _slow_reference(network: nn.Module, batches: list[Batch]) -> float:
    """Train as the books say, with torch's own optimizer; returns the sum of the losses."""
    weights = list(network.parameters())
    groups: list[dict[str, Any]] = [
        {"params": [p for p in weights if p.ndim > 1], "weight_decay": 0.01},
        {"params": [p for p in weights if p.ndim == 1]},
    ]
    optimizer = torch.optim.SGD(
        groups,
        lr=1.0,
        momentum=0.9,
        nesterov=True,
        foreach=False,
    )
    total = 0.0
    for batch, rate in zip(batches, RATES, strict=False):
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        logits = network(batch.images.contiguous())
        assert batch.teacher_logits is not None
        soft = torch.softmax(batch.teacher_logits / 3, 1)
        divergence = soft * (soft.log() - torch.log_softmax(logits / 3, 1))
        hard = -torch.log_softmax(logits, 1)[range(len(logits)), batch.labels]
        value = 0.6 * 9 * divergence.sum(1).mean() + 0.4 * hard.mean()
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += value.item()
    return total


def check_alike(ours: nn.Module, theirs: nn.Module) -> None:
    expected = theirs.state_dict()
    for name, tensor in ours.state_dict().items():
        torch.testing.assert_close(
            tensor.cpu(), expected[name].cpu(), rtol=RTOL, atol=ATOL, msg=name
        )


@pytest.mark.parametrize("n_batches", [1, WARM_UP_STEPS + 1, 7])
@pytest.mark.parametrize(("make", "device"), EXECUTORS)
def test_every_executor_equals_a_slow_reference(
    make: Make, device: torch.device, n_batches: int, batches: list[Batch]
) -> None:
    reference = _network().to(memory_format=torch.contiguous_format)
    total = _slow_reference(reference, batches[:n_batches])
    network = _network(device)
    step = _step(network)
    _run(make, step, batches[:n_batches], device)
    check_alike(network, reference)
    assert float(step.total) == pytest.approx(total, rel=1e-5)
    moved = network.get_parameter("6.weight").cpu() - _network().get_parameter("6.weight")
    assert float(moved.detach().abs().max()) > 100 * ATOL


@pytest.mark.parametrize(
    ("make", "device"),
    [
        pytest.param(_replayed, CPU, id="replayed-cpu"),
        pytest.param(_graphed, CUDA, id="graph-cuda", marks=pytest.mark.cuda),
    ],
)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_replayed_steps_are_the_eager_ones_in_every_precision_with_dropout(
    make: Make, device: torch.device, precision: Precision, batches: list[Batch]
) -> None:
    ends = []
    for each in (EagerExecutor, make):
        network = _network(device, dropout=0.5)
        torch.manual_seed(8)
        _run(each, _step(network, precision=precision), batches, device)
        ends.append(network)
    check_alike(*ends)


def test_first_steps_are_done_as_they_come_and_a_smaller_batch_without_the_graph(
    batches: list[Batch],
) -> None:
    recorder = TapeRecorder()
    _run(lambda step: GraphExecutor(step, recorder), _step(_network()), batches)
    warm, replayed = ["warm up"] * WARM_UP_STEPS, ["replay"] * (6 - WARM_UP_STEPS)
    assert recorder.calls == [*warm, "record", *replayed, "close"]


def _nosy(seen: Seen) -> Tensor:
    value: Tensor = KD(seen)
    assert value.item() > 0
    return value


def test_a_step_that_cannot_be_recorded_is_said_once_and_training_goes_on_unharmed(
    batches: list[Batch], caplog: pytest.LogCaptureFixture
) -> None:
    recorder = TapeRecorder()
    network, eager = _network(), _network()
    _run(lambda step: GraphExecutor(step, recorder), _step(network, loss=_nosy), batches)
    _run(EagerExecutor, _step(eager), batches)
    assert "replay" not in recorder.calls
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        "training goes on without a CUDA graph, more slowly: a value was asked for while recording"
    )
    # Weights only: the stand-in, unlike CUDA, counted the broken attempt in the batch norm.
    for name in ("0.weight", "6.weight"):
        ours, theirs = network.get_parameter(name), eager.get_parameter(name)
        torch.testing.assert_close(ours, theirs, rtol=RTOL, atol=ATOL)


def test_graphs_are_for_cuda_and_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "GraphRecorder", lambda _device: TapeRecorder())
    step = _step(_network())
    off = Training(cuda_graph="off")
    assert isinstance(make_executor(step, training=TRAINING, device=CPU), EagerExecutor)
    assert isinstance(make_executor(step, training=TRAINING, device=CUDA), GraphExecutor)
    undecided = make_executor(step, training=TRAINING, device=CUDA, eager=True)
    assert isinstance(undecided, EagerExecutor)
    assert isinstance(make_executor(step, training=off, device=CUDA), EagerExecutor)


@pytest.mark.cuda
def test_a_closed_graph_gives_its_memory_back(batches: list[Batch]) -> None:
    taken = []
    for _ in range(3):
        _run(_graphed, _step(_network(CUDA)), batches, CUDA)
        torch.cuda.empty_cache()
        taken.append((torch.cuda.memory_allocated(CUDA), torch.cuda.memory_reserved(CUDA)))
    assert taken[1] == taken[2]
