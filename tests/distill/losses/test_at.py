from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Tensor

from autokd.distill.losses.at import at, attention
from tests.distill.losses.mapped import (
    check_gradients,
    check_plain_without_weight,
    given_maps,
    make_seen,
    term,
)

LOSS = partial(at, weight=1000.0, power=2.0, temperature=4.0, soft_weight=0.0)


def _attention(maps: Tensor, power: float) -> list[list[float]]:
    """Go through images, pixels and channels one by one."""
    found = []
    for image in maps:
        channels, height, width = image.shape
        pixels = [
            sum(abs(image[c, i, j].item()) ** power for c in range(channels)) / channels
            for i in range(height)
            for j in range(width)
        ]
        length = sum(pixel**2 for pixel in pixels) ** 0.5
        found.append([pixel / length for pixel in pixels])
    return found


@pytest.mark.parametrize("power", [1.0, 2.0, 3.5])
def test_term_is_the_sum_over_places_of_mean_squared_differences(power: float) -> None:
    seen = make_seen()
    expected = 0.0
    for student, teacher in zip(seen.student_maps, seen.teacher_maps, strict=True):
        rows = zip(_attention(student, power), _attention(teacher, power), strict=True)
        squares = [(a - b) ** 2 for one, two in rows for a, b in zip(one, two, strict=True)]
        expected += sum(squares) / len(squares)
    assert term(partial(LOSS, power=power), seen).item() == pytest.approx(
        1000 * expected, rel=1e-9
    )


def test_attention_ignores_an_images_scale_signs_and_the_order_of_channels() -> None:
    maps = torch.randn(4, 3, 2, 2, dtype=torch.float64)
    scales = torch.tensor([1e-4, 0.3, 7.0, 1e6], dtype=torch.float64).view(4, 1, 1, 1)
    for changed in (scales * maps, -maps, maps.flip(1)):
        torch.testing.assert_close(attention(changed, power=2.0), attention(maps, power=2.0))


def test_the_same_attention_costs_nothing_whatever_the_width() -> None:
    maps = torch.randn(4, 3, 2, 2, dtype=torch.float64)
    assert term(LOSS, given_maps(5 * torch.cat([maps, maps], 1), maps)).item() == pytest.approx(0)


def test_opposite_attention_of_one_pixel_costs_half_of_the_weight() -> None:
    student, teacher = torch.zeros(2, 1, 1, 1, 4, dtype=torch.float64)
    student[..., 0] = 3.0
    teacher[..., 1] = 5.0
    assert term(LOSS, given_maps(student, teacher)).item() == pytest.approx(1000 * 2 / 4)


@pytest.mark.parametrize("power", [1.0, 2.0, 3.5])
def test_derivative_agrees_with_finite_differences(power: float) -> None:
    check_gradients(partial(LOSS, power=power), make_seen())


@pytest.mark.parametrize("power", [1.0, 8.0])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e4, 1e18])
def test_dead_and_extreme_maps_give_finite_values_and_gradients(
    scale: float, power: float
) -> None:
    seen = make_seen(batch=1, scale=scale, dtype=torch.float32)
    loss = LOSS(seen, power=power)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.isfinite()
    for maps in seen.student_maps:
        assert maps.grad is not None
        assert maps.grad.isfinite().all()
        assert bool(maps.grad.any()) == (scale > 1e-6)


def test_constant_maps_attend_evenly() -> None:
    maps = torch.full((2, 3, 2, 2), 4.0)
    torch.testing.assert_close(attention(maps, power=2.0), torch.full((2, 4), 0.5))


def test_without_weight_it_is_plain_distillation() -> None:
    check_plain_without_weight(lambda **soft: partial(at, weight=0.0, power=2.0, **soft))


def test_only_matching_places_are_compared() -> None:
    seen = make_seen()
    swapped = replace(seen, teacher_maps=seen.teacher_maps[::-1])
    assert term(LOSS, swapped).item() != pytest.approx(term(LOSS, seen).item())
