from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from autokd.data import Dataset
from autokd.distill.losses import Loss, Seen
from autokd.distill.losses.none import none
from autokd.distill.schedule import Stretch, plan
from autokd.distill.source import TrainingSource
from autokd.distill.trainer import Trainer
from autokd.errors import OutOfMemory
from autokd.study import Schedule, Training, ViewsSpec
from tests.distill.networks import RememberingLoss, small_network

N_STEPS = 3


@pytest.fixture
def source(dataset: Dataset, views: ViewsSpec) -> TrainingSource:
    return TrainingSource(dataset.train, views)


@contextmanager
def _trainer(
    network: nn.Module, source: TrainingSource, schedule: Schedule, *, loss: Loss = none
) -> Iterator[Trainer]:
    training = Training(batch_size=16, schedule=schedule)
    trainer = Trainer(network, source, loss=loss, training=training, n_epochs=5, seed=0)
    with closing(trainer):
        yield trainer


def _stretches(schedule: Schedule, *rungs: int) -> tuple[Stretch, ...]:
    return plan(rungs, steps=N_STEPS, training=Training(schedule=schedule))


def _state(*modules: nn.Module) -> dict[str, Tensor]:
    return {
        f"{number}.{name}": value.clone()
        for number, module in enumerate(modules)
        for name, value in module.state_dict().items()
    }


def _train(trainer: Trainer, stretch: Stretch, on_epoch: Callable[[int], Any] = id) -> int:
    return trainer.train(stretch, stop_after=5, on_epoch=on_epoch)


@pytest.mark.parametrize("schedule", ["branch", "average"])
def test_going_back_undoes_network_loss_and_optimizer(
    schedule: Schedule, source: TrainingSource
) -> None:
    network, loss = small_network(dropout=0.5), RememberingLoss()
    first, *_ = (s for s in _stretches(schedule, 2, 5) if s.is_undone)
    with _trainer(network, source, schedule, loss=loss) as trainer:
        before = _state(network, loss)
        ends = []
        for _ in range(2):
            _train(trainer, first)
            ends.append(_state(network, loss))
            trainer.go_back()
            if schedule == "branch":
                torch.testing.assert_close(_state(network, loss), before, rtol=0, atol=0)
        if schedule == "branch":
            # From the same weights, norms, momenta and what the loss remembers.
            torch.testing.assert_close(ends[0], ends[1], rtol=0, atol=0)
        assert not torch.equal(ends[0]["0.6.weight"], before["0.6.weight"])


def test_after_an_average_training_goes_on_from_the_weights_themselves(
    source: TrainingSource,
) -> None:
    network, seen = small_network(), []
    low, _ = _stretches("average", 2, 5)
    with _trainer(network, source, "average") as trainer:
        _train(trainer, low, on_epoch=lambda _: seen.append(_state(network)))
        scored = _state(network)
        trainer.go_back()
    torch.testing.assert_close(_state(network), seen[-1], rtol=0, atol=0)
    assert low.n_averaged == 1
    # A mean of one step is that step, on norms that were worked out anew.
    assert torch.equal(scored["0.6.weight"], seen[-1]["0.6.weight"])
    assert not torch.equal(scored["0.1.running_mean"], seen[-1]["0.1.running_mean"])


def test_an_average_is_the_mean_over_the_last_steps_also_of_earlier_epochs(
    source: TrainingSource,
) -> None:
    network, steps = small_network(), []

    def loss(seen: Seen) -> Tensor:
        steps.append(network.get_parameter("6.weight").detach().clone())
        return none(seen)

    (stretch,) = _stretches("average", 5)
    stretch = Stretch(0, stretch.rates[:3], n_averaged=5)
    with _trainer(network, source, "average", loss=loss) as trainer:
        ends: list[Tensor] = []
        _train(trainer, stretch, lambda _: ends.append(network.get_parameter("6.weight").clone()))
    # What a step begins with is what the one before it left.
    left = torch.stack([*steps[5:], ends[-1]])
    assert len(left) == 5
    torch.testing.assert_close(network.get_parameter("6.weight"), left.mean(0))


def test_norms_of_an_average_belong_to_the_averaged_weights(
    source: TrainingSource,
) -> None:
    network = small_network()
    (stretch,) = _stretches("average", 5)
    with _trainer(network, source, "average") as trainer:
        _train(trainer, stretch)
    conv, norm = network.get_submodule("0"), network.get_submodule("1")
    assert isinstance(norm, nn.BatchNorm2d)
    with torch.no_grad():
        means = [conv(images).mean((0, 2, 3)) for images in source.images(4, 16)]
    torch.testing.assert_close(norm.running_mean, torch.stack(means).mean(0))


def test_a_stretch_that_breaks_off_is_not_averaged(source: TrainingSource) -> None:
    network, seen = small_network(), []
    (stretch,) = _stretches("average", 5)
    with _trainer(network, source, "average") as trainer:
        epochs = trainer.train(
            stretch, stop_after=4, on_epoch=lambda _: seen.append(_state(network))
        )
    assert epochs == 4
    torch.testing.assert_close(_state(network), seen[-1], rtol=0, atol=0)


class _Hoarding(nn.Module):
    """Has weights that no device can hold twice."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, 3))

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1).mean(1, keepdim=True) * self.weight


def test_keeping_what_is_undone_can_run_out_of_memory(
    source: TrainingSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("Tried to allocate 8 GiB. More advice follows")

    first, *_ = _stretches("branch", 1, 5)
    with _trainer(_Hoarding(), source, "branch") as trainer:
        monkeypatch.setattr(Tensor, "clone", refuse)
        with pytest.raises(OutOfMemory, match=r"^Tried to allocate 8 GiB$"):
            _train(trainer, first)
