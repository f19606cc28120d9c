import pytest
import torch
from torch import Tensor, nn

from autokd.distill.losses.none import none
from autokd.distill.source import Batch
from autokd.distill.step import Step
from autokd.study import Training
from tests.distill.networks import RememberingLoss, small_network

BATCH = Batch(torch.rand(6, 1, 2, 2), None, torch.tensor([0, 1, 2, 0, 1, 2]))


@pytest.fixture
def network() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 3))


def _step(network: nn.Module) -> Step:
    return Step(
        network,
        loss=none,
        training=Training(weight_decay=0.0),
        precision="float32",
        device=torch.device("cpu"),
    )


def _loss(network: nn.Module) -> Tensor:
    return nn.functional.cross_entropy(network(BATCH.images), BATCH.labels)


def test_losses_add_up_in_a_tensor_until_it_is_emptied(network: nn.Module) -> None:
    step, losses = _step(network), []
    for _ in range(2):
        losses.append(_loss(network).item())
        step(BATCH, 0.1)
    assert float(step.total) == pytest.approx(sum(losses), rel=1e-6)
    step.total.zero_()
    last = _loss(network).item()
    step(BATCH, 0.1)
    assert float(step.total) == pytest.approx(last, rel=1e-6)


def test_a_first_step_goes_down_the_gradient(network: nn.Module) -> None:
    weight = network.get_parameter("1.weight")
    (slope,) = torch.autograd.grad(_loss(network), [weight])
    before = weight.detach().clone()
    _step(network)(BATCH, 0.1)
    # Nesterov's first step from rest: the gradient, and momentum times it.
    torch.testing.assert_close(weight.detach(), before - 0.1 * 1.9 * slope)


def test_a_rate_in_a_tensor_is_the_rate(network: nn.Module) -> None:
    other = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    other.load_state_dict(network.state_dict())
    _step(network)(BATCH, 0.3)
    _step(other)(BATCH, torch.tensor(0.3))
    torch.testing.assert_close(network.state_dict(), other.state_dict())


def test_the_state_is_all_that_a_step_changes() -> None:
    network, loss = small_network(), RememberingLoss()
    step = Step(
        network, loss=loss, training=Training(), precision="float32", device=torch.device("cpu")
    )
    batch = Batch(torch.rand(6, 1, 8, 8), None, BATCH.labels)
    start = [tensor.clone() for tensor in step.state()]
    ends = []
    for _ in range(2):
        step(batch, 0.1)
        ends.append([tensor.clone() for tensor in step.state()])
        with torch.no_grad():
            for place, value in zip(step.state(), start, strict=True):
                place.copy_(value)
    weights = len([*network.parameters(), *loss.parameters()])
    buffers = len([*network.buffers(), *loss.buffers()])
    assert len(start) == 2 * weights + buffers
    for first, second, before in zip(*ends, start, strict=True):
        assert torch.equal(first, second)
        assert not torch.equal(first, before)


def test_gradients_of_a_step_that_broke_off_are_dropped(network: nn.Module) -> None:
    torch.autograd.backward(_loss(network))
    _step(network).drop_gradients()
    assert all(parameter.grad is None for parameter in network.parameters())
