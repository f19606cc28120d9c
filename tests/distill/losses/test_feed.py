import pytest
import torch
from torch import Tensor

from autokd.distill.losses.feed import Feed
from autokd.errors import ShapeError
from tests.distill.losses.mapped import (
    check_gradients,
    check_plain_without_weight,
    check_state_goes_on,
    given_maps,
    make_seen,
    make_setting,
    term,
)


def _make(weight: float = 0.1, **soft: float) -> Feed:
    soft = {"temperature": 4.0, "soft_weight": 0.0, **soft}
    return Feed(make_setting(), weight=weight, **soft).double()


def _convolved(maps: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Multiply each output pixel's neighbourhood with the kernel."""
    images, _, height, width = maps.shape
    found = torch.zeros(images, len(weight), height, width, dtype=maps.dtype)
    for i in range(height):
        for j in range(width):
            found[:, :, i, j] = bias
            for di in (-1, 0, 1):
                for dj in (-1, 0, 1):
                    if 0 <= i + di < height and 0 <= j + dj < width:
                        kernel = weight[:, :, di + 1, dj + 1]
                        found[:, :, i, j] += maps[:, :, i + di, j + dj] @ kernel.T
    return found


@torch.no_grad()
def test_term_is_the_absolute_distance_of_maps_of_length_one() -> None:
    seen, loss = make_seen(), _make(0.1)
    weights = list(loss.parameters())
    maps = seen.student_maps[-1]
    for number in range(3):
        if number:
            maps = torch.where(maps > 0, maps, 0.1 * maps)
        maps = _convolved(maps, weights[2 * number], weights[2 * number + 1])
    total = 0.0
    for student, teacher in zip(maps, seen.teacher_maps[-1], strict=True):
        lengths = [sum(x**2 for x in row.flatten().tolist()) ** 0.5 for row in (student, teacher)]
        total += (student / lengths[0] - teacher / lengths[1]).abs().sum().item()
    assert term(loss, seen).item() == pytest.approx(0.1 * total / 4, rel=1e-9)


def test_a_translation_in_the_teachers_direction_costs_nothing() -> None:
    shapes = ((3, 2, 2),)
    loss = Feed(
        make_setting(shapes, shapes), weight=1.0, temperature=4.0, soft_weight=0.0
    ).double()
    for number in (0, 2, 4):
        layer = loss.translator[number]
        assert isinstance(layer, torch.nn.Conv2d)
        assert layer.bias is not None
        torch.nn.init.dirac_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    maps = torch.rand(4, 3, 2, 2, dtype=torch.float64)
    scales = torch.tensor([1e-4, 1.0, 7.0, 1e6], dtype=torch.float64).view(4, 1, 1, 1)
    assert term(loss, given_maps(maps, scales * maps)).item() == pytest.approx(0, abs=1e-12)


def test_only_the_last_maps_are_compared_at_one_resolution() -> None:
    seen = make_seen(((2, 4, 4), (3, 4, 4)), ((4, 4, 4), (5, 2, 2)))
    _make()(seen).backward()
    assert seen.student_maps[0].grad is None
    assert seen.student_maps[1].grad is not None


def test_derivative_agrees_with_finite_differences() -> None:
    shapes = ((2, 2, 2),)
    loss = Feed(make_setting(shapes, shapes), weight=0.1, temperature=4.0, soft_weight=0.0)
    check_gradients(loss.double(), make_seen(shapes, shapes))


@pytest.mark.parametrize("scale", [0.0, 1e4, 1e18])
def test_dead_and_extreme_maps_give_finite_values_and_gradients(scale: float) -> None:
    seen, loss = make_seen(batch=1, scale=scale, dtype=torch.float32), _make().float()
    value = loss(seen)
    value.backward()
    assert value.isfinite()
    for tensor in (seen.student_maps[-1], *loss.parameters()):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()


def test_without_weight_it_is_plain_distillation() -> None:
    check_plain_without_weight(lambda **soft: _make(0.0, **soft))


def test_state_that_is_loaded_goes_on_as_it_would_have() -> None:
    check_state_goes_on(_make)


def test_a_setting_without_maps_is_refused() -> None:
    with pytest.raises(ShapeError, match="found 0 and 0"):
        Feed(make_setting((), ()), weight=1.0, temperature=4.0, soft_weight=0.0)
