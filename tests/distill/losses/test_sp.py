from functools import partial

import pytest
import torch
from torch import Tensor

from autokd.distill.losses.sp import similarities, sp
from tests.distill.losses.mapped import (
    check_gradients,
    check_plain_without_weight,
    given_maps,
    make_seen,
    rotation,
    term,
)

LOSS = partial(sp, weight=3000.0, temperature=4.0, soft_weight=0.0)


def _similarities(maps: Tensor) -> list[list[float]]:
    """Multiply image by image, number by number."""
    rows = [image.flatten().tolist() for image in maps]
    found = []
    for one in rows:
        products = [sum(a * b for a, b in zip(one, two, strict=True)) for two in rows]
        length = sum(product**2 for product in products) ** 0.5
        found.append([product / length for product in products])
    return found


def test_term_is_the_mean_squared_difference_of_similarities() -> None:
    seen = make_seen()
    pairs = zip(
        _similarities(seen.student_maps[-1]), _similarities(seen.teacher_maps[-1]), strict=True
    )
    squares = [(a - b) ** 2 for one, two in pairs for a, b in zip(one, two, strict=True)]
    assert term(LOSS, seen).item() == pytest.approx(3000 * sum(squares) / 16, rel=1e-9)


def test_similarities_ignore_the_scale_and_rotation_of_all_maps() -> None:
    maps = torch.randn(4, 3, 2, 2, dtype=torch.float64)
    turned = (maps.flatten(1) @ rotation(12)).view_as(maps)
    for changed in (1e-4 * maps, 1e6 * maps, turned):
        torch.testing.assert_close(similarities(changed), similarities(maps))


def test_a_turned_teacher_of_another_resolution_costs_nothing() -> None:
    student = torch.randn(4, 3, 2, 2, dtype=torch.float64)
    teacher = 7 * (student.flatten(1) @ rotation(12)).view(4, 12, 1, 1)
    assert term(LOSS, given_maps(student, teacher)).item() == pytest.approx(0)


def test_images_at_right_angles_are_like_themselves_alone() -> None:
    maps = torch.eye(3, dtype=torch.float64).view(3, 3, 1, 1)
    assert torch.equal(similarities(maps), torch.eye(3, dtype=torch.float64))
    alike = torch.ones(3, 2, 1, 1, dtype=torch.float64)
    expected = 3000 * (3 * (1 - 3**-0.5) ** 2 + 6 / 3) / 9
    assert term(LOSS, given_maps(alike, maps)).item() == pytest.approx(expected)


def test_derivative_agrees_with_finite_differences() -> None:
    check_gradients(LOSS, make_seen())


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e4, 1e18])
def test_dead_and_extreme_maps_give_finite_values_and_gradients(scale: float, batch: int) -> None:
    seen = make_seen(batch=batch, scale=scale, dtype=torch.float32)
    loss = LOSS(seen)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.isfinite()
    gradient = seen.student_maps[-1].grad
    assert gradient is not None
    assert gradient.isfinite().all()
    if batch == 4:
        assert bool(gradient.any()) == (scale > 1e-6)
    elif scale > 1e-6:  # one image is like itself, and no gradient changes that
        assert gradient.abs().max() < 1e-3
        assert term(LOSS, seen).item() == pytest.approx(0, abs=1e-3)


def test_one_dead_image_among_others_gets_no_gradient() -> None:
    maps = torch.randn(3, 2, 2, 2, dtype=torch.float64)
    maps[1] = 0.0
    student = maps.requires_grad_()
    LOSS(given_maps(student, torch.randn(3, 2, 2, 2))).backward()  # type: ignore[no-untyped-call]
    assert student.grad is not None
    assert student.grad.isfinite().all()
    assert student.grad[0].any()


def test_without_weight_it_is_plain_distillation() -> None:
    check_plain_without_weight(lambda **soft: partial(sp, weight=0.0, **soft))
