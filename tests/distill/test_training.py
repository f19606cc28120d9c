from collections.abc import Iterator
from functools import partial
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from autokd.data import Dataset
from autokd.distill import trainer as trainer_module
from autokd.distill.answers import Answers
from autokd.distill.evaluation import predict, score
from autokd.distill.executors import Executor, GraphExecutor
from autokd.distill.losses import Seen
from autokd.distill.losses.kd import kd
from autokd.distill.losses.none import none
from autokd.distill.schedule import learning_rates
from autokd.distill.source import TrainingSource
from autokd.distill.step import Step
from autokd.distill.training import climb, train
from autokd.errors import Diverged, OutOfMemory, ShapeError
from autokd.study import Schedule, Training, ViewsSpec
from tests.distill.networks import RememberingLoss, small_network
from tests.distill.recording import TapeRecorder

CE = none
BATCH_16 = Training(batch_size=16)
SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)


@pytest.fixture(autouse=True, params=["eager", "replayed"])
def _executor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test with each way of running steps."""

    def replayed(step: Step, *, training: Training, device: torch.device, eager: bool) -> Executor:
        return GraphExecutor(step, TapeRecorder())

    if request.param == "replayed":
        monkeypatch.setattr(trainer_module, "make_executor", replayed)


@pytest.fixture
def source(dataset: Dataset, views: ViewsSpec, teacher_views: Tensor) -> TrainingSource:
    return TrainingSource(dataset.train, views, Answers(teacher_views / 100))


def _weights(module: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


def _go_on(epochs: int) -> bool:
    return True


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers: np.ndarray = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def _hand_written(
    weight: np.ndarray, bias: np.ndarray, source: TrainingSource, training: Training
) -> tuple[np.ndarray, np.ndarray]:
    """Distil a linear network with temperature 4 and soft_weight 0.7, every derivative written
    out."""
    velocity, bias_velocity = np.zeros_like(weight), np.zeros_like(bias)
    batches = list(source.batches(0, training.batch_size))
    rates = learning_rates(len(batches), training)
    for batch, rate in zip(batches, rates, strict=True):
        assert batch.teacher_logits is not None
        inputs = batch.images.flatten(1).double().numpy()
        logits = inputs @ weight.T + bias
        gap = _softmax(logits / 4) - _softmax(batch.teacher_logits.double().numpy() / 4)
        one_hot = np.eye(3)[batch.labels.numpy()]
        slope = (0.7 * 4 * gap + 0.3 * (_softmax(logits) - one_hot)) / len(inputs)
        gradient = slope.T @ inputs + training.weight_decay * weight
        bias_gradient = slope.sum(0)  # one dimension: not decayed
        velocity = training.momentum * velocity + gradient
        bias_velocity = training.momentum * bias_velocity + bias_gradient
        weight = weight - rate * (gradient + training.momentum * velocity)
        bias = bias - rate * (bias_gradient + training.momentum * bias_velocity)
    return weight, bias


@pytest.mark.parametrize("batch_size", [20, 5])
def test_distillation_steps_equal_hand_written_ones(
    batch_size: int, dataset: Dataset, views: ViewsSpec
) -> None:
    table = 5 * torch.randn(1, 48, 3)
    source = TrainingSource(dataset.train, views, Answers(table))
    training = Training(batch_size=batch_size, learning_rate=0.3, weight_decay=0.01)
    linear = nn.Linear(64, 3)
    before = linear.weight.detach().double().numpy(), linear.bias.detach().double().numpy()
    expected = _hand_written(*before, source, training)
    train(
        nn.Sequential(nn.Flatten(), linear),
        source,
        loss=partial(kd, temperature=4.0, soft_weight=0.7),
        training=training,
        rungs=[1],
        seed=0,
        at_rung=_go_on,
    )
    np.testing.assert_allclose(linear.weight.detach().numpy(), expected[0], atol=1e-5)
    np.testing.assert_allclose(linear.bias.detach().numpy(), expected[1], atol=1e-5)
    assert np.abs(expected[0] - before[0]).max() > 0.01


def test_a_network_learns_what_the_views_show(dataset: Dataset, source: TrainingSource) -> None:
    network = small_network()
    train(network, source, loss=CE, training=BATCH_16, rungs=[5], seed=0, at_rung=_go_on)
    logits = predict(network, dataset.validation.images)
    assert score(logits, dataset.validation.labels)["top1"] == 1.0


def test_equal_seeds_give_equal_weights_and_others_do_not(source: TrainingSource) -> None:
    ends = []
    for seed in (1, 1, 2):
        network = small_network(dropout=0.5)
        train(network, source, loss=CE, training=BATCH_16, rungs=[1], seed=seed, at_rung=_go_on)
        ends.append(_weights(network))
    assert torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[0], ends[2])


def test_global_generators_are_left_as_they_were(source: TrainingSource) -> None:
    network = small_network(dropout=0.5)
    before = torch.get_rng_state()
    train(network, source, loss=CE, training=BATCH_16, rungs=[1], seed=0, at_rung=_go_on)
    assert torch.equal(torch.get_rng_state(), before)


def test_what_happens_at_a_rung_changes_nothing(dataset: Dataset, source: TrainingSource) -> None:
    def look(epochs: int) -> bool:
        torch.rand(7)
        predict(network, dataset.validation.images)
        return True

    quiet = small_network(dropout=0.5)
    train(quiet, source, loss=CE, training=BATCH_16, rungs=[1, 2], seed=0, at_rung=_go_on)
    network = small_network(dropout=0.5)
    train(network, source, loss=CE, training=BATCH_16, rungs=[1, 2], seed=0, at_rung=look)
    assert torch.equal(_weights(network), _weights(quiet))


def test_networks_that_climb_side_by_side_end_as_if_alone(source: TrainingSource) -> None:
    climb_16 = partial(climb, source=source, loss=CE, training=BATCH_16, rungs=[1, 3])
    alone = [small_network(dropout=0.5), small_network(dropout=0.5)]
    for seed, network in enumerate(alone):
        assert list(climb_16(network, seed=seed)) == [1, 3]
    together = [small_network(dropout=0.5), small_network(dropout=0.5)]
    climbs = [climb_16(network, seed=seed) for seed, network in enumerate(together)]
    for _ in range(2):
        for climbing in climbs:
            next(climbing)
    for ours, theirs in zip(together, alone, strict=True):
        assert torch.equal(_weights(ours), _weights(theirs))


def test_each_epoch_is_the_next_view_across_rungs(
    dataset: Dataset, views: ViewsSpec, teacher_views: Tensor
) -> None:
    seen: list[float] = []

    def loss(batch: Seen) -> Tensor:
        assert batch.teacher_logits is not None
        seen.append(float(batch.teacher_logits[0, 0]) // 100)
        return CE(batch)

    source = TrainingSource(dataset.train, views, Answers(teacher_views), first_view=1)
    train(
        small_network(),
        source,
        loss=loss,
        training=Training(batch_size=24),
        rungs=[1, 3],
        seed=0,
        at_rung=_go_on,
    )
    assert seen == [1, 1, 2, 2, 3, 3]


def test_a_rung_sees_the_module_in_evaluation_mode_and_can_stop(source: TrainingSource) -> None:
    network, calls = small_network(), []

    def at_rung(epochs: int) -> bool:
        calls.append((epochs, network.training, torch.is_grad_enabled()))
        return epochs < 2

    epochs = train(
        network, source, loss=CE, training=BATCH_16, rungs=[1, 2, 4], seed=0, at_rung=at_rung
    )
    assert epochs == 2
    assert calls == [(1, False, False), (2, False, False)]


def test_every_epoch_is_announced(source: TrainingSource) -> None:
    told: list[int] = []
    train(
        small_network(),
        source,
        loss=CE,
        training=BATCH_16,
        rungs=[1, 3],
        seed=0,
        at_rung=_go_on,
        on_epoch=told.append,
    )
    assert told == [1, 2, 3]


def test_training_that_breaks_off_is_the_beginning_of_the_whole(source: TrainingSource) -> None:
    seen: list[Tensor] = []
    whole, early = small_network(), small_network()
    settings: dict[str, Any] = {"loss": CE, "training": BATCH_16, "rungs": [2, 5], "seed": 1}
    train(
        whole,
        source,
        at_rung=_go_on,
        on_epoch=lambda _: seen.append(_weights(whole)),
        **settings,
    )
    told: list[int] = []
    assert (
        train(
            early,
            source,
            at_rung=_go_on,
            stop_after=3,
            on_epoch=lambda n: told.append(n),
            **settings,
        )
        == 3
    )
    assert told == [1, 2, 3]
    assert not early.training
    assert torch.equal(_weights(early), seen[2])


def test_views_beyond_the_end_of_a_training_that_breaks_off_are_not_needed(
    source: TrainingSource,
) -> None:
    settings: dict[str, Any] = {"loss": CE, "training": BATCH_16, "rungs": [9], "seed": 1}
    climbing = climb(small_network(), source, stop_after=5, **settings)
    assert list(climbing) == [5]
    with pytest.raises(ShapeError, match="6 epochs from view 0 need teacher logits of 6 views"):
        next(climb(small_network(), source, stop_after=6, **settings))


def test_memory_layout_is_handed_back(source: TrainingSource) -> None:
    network = small_network()
    during = []
    climbing = climb(network, source, loss=CE, training=BATCH_16, rungs=[1, 2], seed=0)
    for _ in climbing:
        kernel = network.get_parameter("3.weight")
        during.append(kernel.is_contiguous(memory_format=torch.channels_last))
        climbing.close()
    assert during == [True]
    assert all(parameter.is_contiguous() for parameter in network.parameters())


# Schedules: with a warm-up of nothing, ladders differ in nothing but where they are scored.


def _climbed(
    source: TrainingSource, rungs: list[int], schedule: Schedule
) -> tuple[list[int], list[dict[str, Tensor]]]:
    """Train a network, and give what was scored at each rung."""
    network, loss = small_network(dropout=0.5), RememberingLoss()
    training = Training(batch_size=16, warmup_fraction=0.0, schedule=schedule)
    epochs, scored = [], []
    for rung in climb(network, source, loss=loss, training=training, rungs=rungs, seed=4):
        epochs.append(rung)
        scored.append({name: value.clone() for name, value in network.state_dict().items()})
    return epochs, scored


@pytest.mark.parametrize("schedule", ["branch", "average"])
def test_lower_rungs_leave_no_trace_in_what_is_scored_above(
    schedule: Schedule, source: TrainingSource
) -> None:
    epochs, scored = _climbed(source, [1, 3, 5], schedule)
    assert epochs == [1, 3, 5]
    for rung, found in zip(epochs, scored, strict=True):
        _, (alone,) = _climbed(source, [rung], schedule)
        torch.testing.assert_close(found, alone, rtol=0, atol=0, msg=f"rung {rung}")


def test_lower_rungs_of_one_long_decay_are_scored_on_the_way(source: TrainingSource) -> None:
    epochs, scored = _climbed(source, [1, 3, 5], "long")
    _, (alone,) = _climbed(source, [5], "restart")
    assert epochs == [1, 3, 5]
    torch.testing.assert_close(scored[-1], alone, rtol=0, atol=0)
    _, (below,) = _climbed(source, [3], "restart")
    assert not torch.equal(scored[1]["6.weight"], below["6.weight"])


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_no_schedule_reads_views_beyond_the_top_rung(
    schedule: Schedule, dataset: Dataset, views: ViewsSpec, teacher_views: Tensor
) -> None:
    source = TrainingSource(dataset.train, views, Answers(teacher_views[:4] / 100))
    training = Training(batch_size=16, schedule=schedule)
    told: list[int] = []
    epochs = train(
        small_network(),
        source,
        loss=CE,
        training=training,
        rungs=[2, 4],
        seed=0,
        at_rung=_go_on,
        on_epoch=told.append,
    )
    assert epochs == 4
    # The path of a branch begins before the rung below it.
    assert told == ([1, 2, 2, 3, 4] if schedule == "branch" else [1, 2, 3, 4])


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_what_was_scored_is_what_is_left_where_a_rung_says_stop(
    schedule: Schedule, dataset: Dataset, source: TrainingSource
) -> None:
    network, scored = small_network(), []

    def stop(epochs: int) -> bool:
        scored.append(predict(network, dataset.validation.images))
        return False

    training = Training(batch_size=16, schedule=schedule)
    train(network, source, loss=CE, training=training, rungs=[2, 5], seed=0, at_rung=stop)
    torch.testing.assert_close(predict(network, dataset.validation.images), scored[0])


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("stop_after", [1, 2, 3, 4])
def test_every_schedule_can_break_off(
    schedule: Schedule, stop_after: int, source: TrainingSource
) -> None:
    training = Training(batch_size=16, schedule=schedule)
    climbing = climb(
        small_network(),
        source,
        loss=CE,
        training=training,
        rungs=[2, 5],
        seed=1,
        stop_after=stop_after,
    )
    expected = {1: [1], 2: [2], 3: [2, 3], 4: [2, 4]}
    assert list(climbing) == expected[stop_after]


class _Frugal(nn.Flatten):
    def __init__(self) -> None:
        super().__init__()
        self.recomputes = False


@pytest.mark.parametrize("recompute", [False, True])
def test_parts_that_can_recompute_are_told_whether_to(
    recompute: bool, source: TrainingSource
) -> None:
    frugal = _Frugal()
    frugal.recomputes = not recompute
    train(
        nn.Sequential(frugal, nn.Linear(64, 3)),
        source,
        loss=CE,
        training=Training(recompute=recompute),
        rungs=[1],
        seed=0,
        at_rung=_go_on,
    )
    assert frugal.recomputes is recompute


def test_bfloat16_is_used_inside_and_nowhere_else(source: TrainingSource) -> None:
    network, inside, outside = small_network(), set(), set()
    network.get_submodule("6").register_forward_hook(
        lambda _m, _i, output: inside.add(output.dtype)
    )

    def loss(seen: Seen) -> Tensor:
        outside.add(seen.student_logits.dtype)
        return CE(seen)

    train(
        network,
        source,
        loss=loss,
        training=BATCH_16,
        rungs=[1],
        seed=0,
        at_rung=_go_on,
        precision="bfloat16",
    )
    assert inside == {torch.bfloat16}
    assert outside == {torch.float32}
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def test_a_loss_that_is_not_finite_is_divergence(source: TrainingSource) -> None:
    def loss(seen: Seen) -> Tensor:
        return CE(seen) * torch.inf

    with pytest.raises(Diverged, match="loss is not finite in epoch 1"):
        train(
            small_network(),
            source,
            loss=loss,
            training=BATCH_16,
            rungs=[2],
            seed=0,
            at_rung=_go_on,
        )


def test_a_weight_that_is_not_finite_is_divergence(source: TrainingSource) -> None:
    network = small_network()

    def poison(epochs: int) -> None:
        network.get_buffer("1.running_var").fill_(torch.nan)

    with pytest.raises(Diverged, match="a weight is not finite after epoch 2"):
        train(
            network,
            source,
            loss=CE,
            training=BATCH_16,
            rungs=[2],
            seed=0,
            at_rung=_go_on,
            on_epoch=poison,
        )


class _Greedy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("Tried to allocate 8 GiB. More advice follows")


def test_a_device_without_memory_loses_the_trial(source: TrainingSource) -> None:
    with pytest.raises(OutOfMemory, match=r"^Tried to allocate 8 GiB$"):
        train(_Greedy(), source, loss=CE, training=BATCH_16, rungs=[1], seed=0, at_rung=_go_on)


def test_a_ladder_longer_than_the_views_is_refused_at_once(source: TrainingSource) -> None:
    climbing: Iterator[int] = climb(
        small_network(), source, loss=CE, training=BATCH_16, rungs=[1, 9], seed=0
    )
    with pytest.raises(ShapeError, match="9 epochs from view 0 need teacher logits of 9 views"):
        next(climbing)
