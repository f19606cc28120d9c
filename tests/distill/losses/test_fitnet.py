import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from autokd.distill.losses.fitnet import Fitnet
from autokd.distill.losses.map_layers import Standardised
from autokd.errors import ShapeError
from tests.distill.losses.mapped import (
    check_gradients,
    check_plain_without_weight,
    check_state_goes_on,
    make_seen,
    make_setting,
    term,
)


def _make(weight: float = 100.0, **soft: float) -> Fitnet:
    soft = {"temperature": 4.0, "soft_weight": 0.0, **soft}
    return Fitnet(make_setting(), weight=weight, **soft).double()


def _distance(regressor: torch.nn.Module, student: Tensor, teacher: Tensor) -> float:
    """Go through channels, images and pixels one by one."""
    kernel, scale, shift = (weight.flatten(1).tolist() for weight in regressor.parameters())
    pixels = student.movedim(1, -1).flatten(0, 2).tolist()
    targets = teacher.movedim(1, -1).flatten(0, 2).tolist()
    total = 0.0
    for c in range(teacher.shape[1]):
        values = [sum(k * x for k, x in zip(kernel[c], pixel, strict=True)) for pixel in pixels]
        mean = sum(values) / len(values)
        variance = sum((value - mean) ** 2 for value in values) / len(values)
        for value, target in zip(values, targets, strict=True):
            guess = (value - mean) / math.sqrt(variance + 1e-5) * scale[c][0] + shift[c][0]
            total += (guess - target[c]) ** 2
    return total / teacher.numel()


def test_term_is_the_mean_squared_distance_averaged_over_places() -> None:
    seen, loss = make_seen(), _make(100.0)
    places = zip(loss.regressors, seen.student_maps, seen.teacher_maps, strict=True)
    distances = [_distance(*place) for place in places]
    assert term(loss, seen).item() == pytest.approx(100 * sum(distances) / 2, rel=1e-10)


def test_a_standardised_copy_of_the_teacher_costs_nothing_where_the_regressor_passes_it_on() -> (
    None
):
    shapes = ((3, 4, 4), (5, 2, 2))
    seen = make_seen(shapes, shapes)
    loss = Fitnet(make_setting(shapes, shapes), weight=100.0, temperature=4.0, soft_weight=0.0)
    for regressor in loss.double().regressors:
        kernel, *_ = regressor.parameters()
        torch.nn.init.dirac_(kernel)
    taught = tuple(Standardised(len(maps[0])).double()(maps) for maps in seen.student_maps)
    seen = replace(seen, teacher_maps=taught)
    assert term(loss, seen).item() == pytest.approx(0.0, abs=1e-12)


def test_derivative_agrees_with_finite_differences() -> None:
    check_gradients(_make(10.0), make_seen())


@pytest.mark.parametrize("scale", [0.0, 1e4])
def test_dead_and_extreme_maps_of_one_image_give_finite_values_and_gradients(scale: float) -> None:
    loss, seen = _make().float(), make_seen(batch=1, scale=scale, dtype=torch.float32)
    value = loss(seen)
    value.backward()
    assert value.isfinite()
    for tensor in (*seen.student_maps, *loss.parameters()):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()


def test_without_weight_it_is_plain_distillation() -> None:
    check_plain_without_weight(lambda **soft: _make(0.0, **soft))


def test_state_that_is_loaded_goes_on_as_it_would_have() -> None:
    check_state_goes_on(_make)


def test_a_setting_without_maps_is_refused() -> None:
    with pytest.raises(ShapeError, match="found 0 and 0"):
        Fitnet(make_setting((), ()), weight=1.0, temperature=4.0, soft_weight=0.0)
