import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from autokd.distill.losses.several import soft_losses_of_each
from autokd.distill.losses.virtual_step import (
    LIMITS,
    LastLayer,
    logit_gradients,
    moved_weights,
)
from autokd.errors import ShapeError

BATCH, N_TUNING, CLASSES, TEACHERS = 5, 7, 4, 2
LABELS = torch.arange(BATCH) % CLASSES
TUNING_LABELS = (torch.arange(N_TUNING) + 1) % CLASSES
TEMPERATURE, RATE = 2.0, 0.3


def _network(*, bias: bool = True) -> nn.Sequential:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(9, 6), nn.Tanh(), nn.Linear(6, CLASSES, bias=bias)
    ).double()


def _images(n: int) -> Tensor:
    return torch.rand(n, 1, 3, 3, dtype=torch.float64)


def _several() -> Tensor:
    return 3 * torch.randn(BATCH, TEACHERS, CLASSES, dtype=torch.float64)


def _losses(logits: Tensor, labels: Tensor, several: Tensor) -> Tensor:
    hard = functional.cross_entropy(logits, labels, reduction="none").unsqueeze(1)
    soft = soft_losses_of_each(logits, several, temperature=TEMPERATURE)
    return torch.cat([hard, soft], dim=1)


def _after_a_real_step(
    network: nn.Sequential, images: Tensor, several: Tensor, tuning: Tensor
) -> Callable[[Tensor], float]:
    """Give the tuning loss after the last layer has taken a step on weighted losses."""

    def tuning_loss(weights: Tensor) -> float:
        stepped = copy.deepcopy(network)
        losses = _losses(stepped(images), LABELS, several)
        learned = list(stepped[-1].parameters())
        steps = torch.autograd.grad((weights * losses).sum(dim=1).mean(), learned)
        with torch.no_grad():
            for parameter, step in zip(learned, steps, strict=True):
                parameter.sub_(RATE * step)
            return functional.cross_entropy(stepped(tuning), TUNING_LABELS).item()

    return tuning_loss


def _derivatives(function: Callable[[Tensor], float], weights: Tensor) -> Tensor:
    found = torch.zeros_like(weights)
    for place in range(weights.numel()):
        change = torch.zeros_like(weights).view(-1)
        change[place] = 1e-5
        change = change.view_as(weights)
        rise = function(weights + change) - function(weights - change)
        found.view(-1)[place] = rise / 2e-5
    return found


def _moved(
    network: nn.Sequential,
    weights: Tensor,
    images: Tensor,
    several: Tensor,
    tuning: Tensor,
    *,
    step_size: float,
    n_inner: int,
) -> Tensor:
    look = LastLayer(network, num_classes=CLASSES)
    with torch.no_grad():
        logits, inputs = look(images)
        tuning_logits, tuning_inputs = look(tuning)
    return moved_weights(
        weights,
        gradients=logit_gradients(logits, LABELS, several, temperature=TEMPERATURE),
        inputs=inputs,
        tuning_logits=tuning_logits,
        tuning_inputs=tuning_inputs,
        tuning_labels=TUNING_LABELS,
        rate=RATE,
        step_size=step_size,
        n_inner=n_inner,
    )


@pytest.mark.parametrize("bias", [True, False])
def test_weights_move_down_the_derivative_of_the_tuning_loss_after_a_real_step(
    bias: bool,
) -> None:
    network, images, several, tuning = _network(bias=bias), _images(5), _several(), _images(7)
    weights = 0.5 + torch.rand(BATCH, 1 + TEACHERS, dtype=torch.float64)
    function = _after_a_real_step(network, images, several, tuning)
    found = _moved(network, weights, images, several, tuning, step_size=2.0, n_inner=1)
    slopes = _derivatives(function, weights)
    assert slopes.abs().max() > 1e-3
    torch.testing.assert_close(found, weights - 2.0 * slopes, rtol=0, atol=1e-8)


def test_every_inner_step_starts_from_the_moved_weights() -> None:
    network, images, several, tuning = _network(), _images(5), _several(), _images(7)
    weights = 0.5 + torch.rand(BATCH, 1 + TEACHERS, dtype=torch.float64)
    function = _after_a_real_step(network, images, several, tuning)
    found = _moved(network, weights, images, several, tuning, step_size=2.0, n_inner=3)
    for _ in range(3):
        weights = weights - 2.0 * _derivatives(function, weights)
    torch.testing.assert_close(found, weights, rtol=0, atol=1e-7)


def test_moving_the_weights_lowers_the_tuning_loss() -> None:
    network, images, several, tuning = _network(), _images(5), _several(), _images(7)
    weights = torch.ones(BATCH, 1 + TEACHERS, dtype=torch.float64)
    function = _after_a_real_step(network, images, several, tuning)
    found = _moved(network, weights, images, several, tuning, step_size=5.0, n_inner=5)
    assert function(found) < function(weights) - 1e-3


def test_weights_stay_in_their_limits() -> None:
    network, images, several, tuning = _network(), _images(5), _several(), _images(7)
    weights = torch.ones(BATCH, 1 + TEACHERS, dtype=torch.float64)
    found = _moved(network, weights, images, several, tuning, step_size=1e6, n_inner=2)
    assert found.min().item() == LIMITS[0] == 1e-7
    assert found.max().item() == LIMITS[1] == 2 - 1e-7


def test_gradients_are_those_of_each_loss_alone() -> None:
    logits = (3 * torch.randn(BATCH, CLASSES, dtype=torch.float64)).requires_grad_()
    several = _several()
    found = logit_gradients(logits.detach(), LABELS, several, temperature=TEMPERATURE)
    losses = _losses(logits, LABELS, several)
    for k in range(1 + TEACHERS):
        (wanted,) = torch.autograd.grad(losses[:, k].sum(), logits, retain_graph=True)
        torch.testing.assert_close(found[:, k], wanted)


def test_labels_may_be_probabilities() -> None:
    logits, several = torch.randn(BATCH, CLASSES, dtype=torch.float64), _several()
    given = functional.one_hot(LABELS, CLASSES)
    found = logit_gradients(logits, given.float(), several, temperature=TEMPERATURE)
    wanted = logit_gradients(logits, LABELS, several, temperature=TEMPERATURE)
    assert torch.equal(found, wanted)


def test_looking_leaves_the_network_as_it_was() -> None:
    network = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Dropout(0.5), nn.Flatten(), nn.Linear(3, CLASSES)
    )
    before = {name: each.clone() for name, each in network.state_dict().items()}
    images = torch.rand(2, 1, 3, 3)
    logits, inputs = LastLayer(network, num_classes=CLASSES)(images)
    assert network.training
    assert all(torch.equal(each, before[name]) for name, each in network.state_dict().items())
    assert not network[-1]._forward_pre_hooks
    assert torch.equal(logits, network.eval()(images))
    layer = network[-1]
    assert isinstance(layer, nn.Linear)
    joined = torch.cat([layer.weight, layer.bias.unsqueeze(1)], dim=1)
    torch.testing.assert_close(inputs @ joined.T, logits)


def test_a_network_that_fails_is_left_without_a_hook_and_in_training() -> None:
    network = _network()
    look = LastLayer(network, num_classes=CLASSES)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        look(_images(2)[:, :, :2])
    assert network.training
    assert not network[-1]._forward_pre_hooks


def test_a_network_without_a_fitting_last_layer_is_refused() -> None:
    with pytest.raises(ShapeError, match="linear layer of 5 outputs, found 4 outputs"):
        LastLayer(_network(), num_classes=5)
    with pytest.raises(ShapeError, match="found no such layer"):
        LastLayer(nn.Conv2d(1, 4, 3), num_classes=4)


def test_a_layer_that_reads_more_than_a_row_an_image_is_refused() -> None:
    look = LastLayer(nn.Linear(3, CLASSES), num_classes=CLASSES)
    with pytest.raises(ShapeError, match=r"must read \(batch, width\), found \(2, 1, 3, 3\)"):
        look(torch.rand(2, 1, 3, 3))
