import math
from functools import partial

import pytest
import torch
from torch import Tensor

from autokd.distill.losses.rkd import relations, rkd
from tests.distill.losses.mapped import (
    check_gradients,
    check_plain_without_weight,
    given_maps,
    make_seen,
    rotation,
    term,
)

LOSS = partial(rkd, distance_weight=25.0, angle_weight=50.0, temperature=4.0, soft_weight=0.0)


def _distances(points: list[list[float]]) -> list[list[float]]:
    """Measure point by point."""
    found = [[math.dist(one, two) for two in points] for one in points]
    apart = [each for row in found for each in row if each > 0]
    return [[each * len(apart) / sum(apart) for each in row] for row in found]


def _angle(corner: list[float], one: list[float], two: list[float]) -> float:
    a = [x - c for x, c in zip(one, corner, strict=True)]
    b = [x - c for x, c in zip(two, corner, strict=True)]
    lengths = math.hypot(*a) * math.hypot(*b)
    return sum(x * y for x, y in zip(a, b, strict=True)) / lengths if lengths else 0.0


def _angles(points: list[list[float]]) -> list[float]:
    return [_angle(c, one, two) for c in points for one in points for two in points]


def _smooth(one: list[float], two: list[float]) -> float:
    gaps = [abs(a - b) for a, b in zip(one, two, strict=True)]
    return sum(gap**2 / 2 if gap < 1 else gap - 0.5 for gap in gaps) / len(gaps)


def _embeddings(maps: Tensor) -> list[list[float]]:
    return [[channel.mean().item() for channel in image] for image in maps]


@pytest.mark.parametrize(("distance_weight", "angle_weight"), [(25.0, 0.0), (0.0, 50.0), (2, 3)])
def test_term_is_the_smooth_distance_of_distances_and_angles(
    distance_weight: float, angle_weight: float
) -> None:
    seen = make_seen(batch=5)
    student, teacher = _embeddings(seen.student_maps[-1]), _embeddings(seen.teacher_maps[-1])
    flat = [[each for row in _distances(p) for each in row] for p in (student, teacher)]
    expected = distance_weight * _smooth(*flat)
    expected += angle_weight * _smooth(_angles(student), _angles(teacher))
    loss = partial(LOSS, distance_weight=distance_weight, angle_weight=angle_weight)
    assert term(loss, seen).item() == pytest.approx(expected, rel=1e-9)


def test_relations_ignore_moving_turning_and_scaling() -> None:
    points = torch.randn(5, 3, dtype=torch.float64)
    for changed in (points + 5.0, points @ rotation(3), 1e-3 * points, 1e6 * points):
        for found, expected in zip(relations(changed), relations(points), strict=True):
            torch.testing.assert_close(found, expected)


def test_a_teacher_that_lies_alike_costs_nothing() -> None:
    student = torch.randn(5, 3, 1, 1, dtype=torch.float64)
    teacher = 7 * (student.flatten(1) @ rotation(3)).view(5, 3, 1, 1) - 2
    assert term(LOSS, given_maps(student, teacher)).item() == pytest.approx(0)


def test_an_even_triangle_has_equal_distances_and_angles_of_sixty_degrees() -> None:
    distances, angles = relations(torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(distances, 1 - torch.eye(3, dtype=torch.float64))
    assert angles[0, 1, 2].item() == pytest.approx(math.cos(math.pi / 3))
    assert angles[0, 1, 1].item() == pytest.approx(1.0)
    assert angles[0, 0, 1].item() == 0.0


def test_derivative_agrees_with_finite_differences() -> None:
    check_gradients(LOSS, make_seen())


@pytest.mark.parametrize("batch", [1, 2, 4])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e4, 1e18])
def test_dead_and_extreme_maps_give_finite_values_and_gradients(scale: float, batch: int) -> None:
    seen = make_seen(batch=batch, scale=scale, dtype=torch.float32)
    loss = LOSS(seen)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.isfinite()
    gradient = seen.student_maps[-1].grad
    assert gradient is not None
    assert gradient.isfinite().all()
    # Two points are at their mean distance wherever they are; only rounding says otherwise.
    assert bool((scale * gradient).abs().amax() > 1e-6) == (scale > 1e-6 and batch == 4)


def test_a_batch_of_one_has_no_relations() -> None:
    assert term(LOSS, make_seen(batch=1)).item() == 0.0


@pytest.mark.parametrize("gap", [0.0, 1e-9])
def test_points_that_fall_together_give_finite_gradients_and_leave_the_others_theirs(
    gap: float,
) -> None:
    points = torch.randn(4, 3, 1, 1, dtype=torch.float64)
    points[1] = points[0] + gap
    student = points.requires_grad_()
    LOSS(given_maps(student, torch.randn(4, 3, 1, 1))).backward()  # type: ignore[no-untyped-call]
    assert student.grad is not None
    assert student.grad.abs().max() < 1e3
    assert student.grad[2].any()


def test_equal_points_are_at_no_distance_and_at_no_angle() -> None:
    student = torch.full((4, 3), 2.0, requires_grad=True)
    distances, angles = relations(student)
    (distances.sum() + angles.sum()).backward()  # type: ignore[no-untyped-call]
    assert not distances.any()
    assert not angles.any()
    assert student.grad is not None
    assert not student.grad.any()


def test_what_is_not_finite_is_not_taken_for_one_point() -> None:
    distances, angles = relations(torch.tensor([[math.nan], [1.0], [2.0]]))
    assert distances.isnan().any()
    assert angles.isnan().any()


def test_without_weights_it_is_plain_distillation() -> None:
    check_plain_without_weight(
        lambda **soft: partial(rkd, distance_weight=0.0, angle_weight=0.0, **soft)
    )
