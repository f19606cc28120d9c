import pytest
import torch
from torch import Tensor, nn

from autokd.distill.optimizer import Sgd
from autokd.study import Training


def _module() -> nn.Module:
    # No bias before a batch norm: its gradient is 0, or what rounding makes of 0.
    convolution = nn.Conv2d(1, 3, 3, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(48, 2))


def _backward(module: nn.Module, seed: int) -> None:
    images = torch.randn(4, 1, 6, 6, generator=torch.Generator().manual_seed(seed))
    module(images).square().mean().backward()


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_steps_are_those_of_torch_with_decay_on_matrices_only(momentum: float) -> None:
    ours, theirs = _module(), _module()
    theirs.load_state_dict(ours.state_dict())
    training = Training(momentum=momentum, weight_decay=0.1)
    optimizer = Sgd(ours.parameters(), training)
    reference = torch.optim.SGD(
        [
            {"params": [p for p in theirs.parameters() if p.ndim > 1], "weight_decay": 0.1},
            {"params": [p for p in theirs.parameters() if p.ndim == 1], "weight_decay": 0.0},
        ],
        lr=1.0,
        momentum=momentum,
        nesterov=momentum > 0,
    )
    for step, rate in enumerate([0.1, 0.2, 0.05]):
        for module in (ours, theirs):
            _backward(module, step)
        optimizer.step(rate)
        for group in reference.param_groups:
            group["lr"] = rate
        reference.step()
        reference.zero_grad()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other)


def test_momenta_put_back_make_the_next_step_what_it_was() -> None:
    module = _module()
    optimizer = Sgd(module.parameters(), Training())
    _backward(module, 0)
    optimizer.step(0.1)
    before = [p.detach().clone() for p in module.parameters()]
    kept = [momentum.clone() for momentum in optimizer.momenta()]
    assert [m.shape for m in kept] == [p.shape for p in sorted(module.parameters(), key=_is_flat)]
    ends = []
    for _ in range(2):
        _backward(module, 1)
        optimizer.step(0.1)
        ends.append([p.detach().clone() for p in module.parameters()])
        with torch.no_grad():
            for place, value in zip(
                [*module.parameters(), *optimizer.momenta()], [*before, *kept], strict=True
            ):
                place.copy_(value)
    for first, second, start in zip(*ends, before, strict=True):
        assert torch.equal(first, second)
        assert not torch.equal(first, start)


def _is_flat(parameter: Tensor) -> bool:
    return parameter.ndim <= 1


def test_gradients_are_dropped() -> None:
    module = _module()
    _backward(module, 0)
    Sgd(module.parameters(), Training()).step(0.1)
    assert all(parameter.grad is None for parameter in module.parameters())


def test_frozen_and_unused_parameters_stay() -> None:
    frozen = nn.Parameter(torch.ones(2, 2), requires_grad=False)
    unused, used = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2, 2))
    optimizer = Sgd([frozen, unused, used], Training())
    used.sum().backward()  # type: ignore[no-untyped-call]
    optimizer.step(0.1)
    assert torch.equal(frozen, torch.ones(2, 2))
    assert torch.equal(unused, torch.ones(2, 2))
    assert not torch.equal(used, torch.ones(2, 2))


def test_a_parameter_that_joins_late_starts_without_momentum() -> None:
    early, late = nn.Parameter(torch.ones(1, 1)), nn.Parameter(torch.ones(1, 1))
    optimizer = Sgd([early, late], Training(momentum=0.5, weight_decay=0.0))
    early.sum().backward()  # type: ignore[no-untyped-call]
    optimizer.step(0.1)
    (early + late).sum().backward()  # type: ignore[no-untyped-call]
    optimizer.step(0.1)
    assert late.item() == pytest.approx(1 - 0.1 * 1.5)
    assert early.item() == pytest.approx(1 - 0.1 * 1.5 - 0.1 * (1 + 0.5 * 1.5))
