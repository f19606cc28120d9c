import math
from functools import partial

import pytest
import torch
from torch import Tensor

from autokd.distill.losses.pkt import neighbours, pkt
from tests.distill.losses.mapped import (
    check_gradients,
    check_plain_without_weight,
    given_maps,
    make_seen,
    rotation,
    term,
)

LOSS = partial(pkt, weight=30000.0, temperature=4.0, soft_weight=0.0)


def _neighbours(maps: Tensor) -> list[list[float]]:
    """Compare image by image, number by number."""
    rows = [[channel.mean().item() for channel in image] for image in maps]
    found = []
    for one in rows:
        kernel = [
            (
                sum(a * b for a, b in zip(one, two, strict=True))
                / math.hypot(*one)
                / math.hypot(*two)
            )
            / 2
            + 0.5
            for two in rows
        ]
        found.append([each / sum(kernel) for each in kernel])
    return found


def test_term_is_the_divergence_averaged_over_pairs() -> None:
    seen = make_seen()
    pairs = zip(
        _neighbours(seen.teacher_maps[-1]), _neighbours(seen.student_maps[-1]), strict=True
    )
    total = sum(
        p * math.log((p + 1e-7) / (q + 1e-7))
        for one, two in pairs
        for p, q in zip(one, two, strict=True)
    )
    assert term(LOSS, seen).item() == pytest.approx(30000 * total / 16, rel=1e-7)


def test_neighbours_are_probabilities_that_ignore_lengths_and_rotation() -> None:
    rows = torch.randn(4, 3, dtype=torch.float64)
    lengths = torch.tensor([1e-4, 0.3, 7.0, 1e6], dtype=torch.float64).unsqueeze(1)
    torch.testing.assert_close(neighbours(rows).sum(1), torch.ones(4, dtype=torch.float64))
    for changed in (lengths * rows, rows @ rotation(3)):
        torch.testing.assert_close(neighbours(changed), neighbours(rows))


def test_a_turned_teacher_costs_nothing_and_another_something() -> None:
    student = torch.randn(4, 3, 1, 1, dtype=torch.float64)
    teacher = 7 * (student.flatten(1) @ rotation(3)).view(4, 3, 1, 1)
    assert term(LOSS, given_maps(student, teacher)).item() == pytest.approx(0, abs=1e-7)
    other = torch.randn(4, 3, 1, 1, dtype=torch.float64)
    assert term(LOSS, given_maps(student, other)).item() > 1e-3


def test_opposite_images_are_no_neighbours_and_right_angles_are_half() -> None:
    rows = torch.tensor([[2.0, 0.0], [-3.0, 0.0], [0.0, 1.0]])
    expected = torch.tensor([[2, 0, 1], [0, 2, 1], [1, 1, 2]]) / torch.tensor([[3], [3], [4]])
    torch.testing.assert_close(neighbours(rows), expected)


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
    assert bool(gradient.any()) == (scale > 1e-6 and batch == 4)


def test_a_batch_of_one_has_no_neighbours() -> None:
    assert term(LOSS, make_seen(batch=1)).item() == pytest.approx(0, abs=1e-12)


def test_opposite_embeddings_never_take_the_logarithm_of_less_than_nothing() -> None:
    rows = torch.randn(64, 129)
    student = torch.cat([rows, -rows])[:, :, None, None].requires_grad_()
    loss = LOSS(given_maps(student, torch.randn(128, 3, 1, 1)))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.isfinite()
    assert student.grad is not None
    assert student.grad.isfinite().all()


def test_without_weight_it_is_plain_distillation() -> None:
    check_plain_without_weight(lambda **soft: partial(pkt, weight=0.0, **soft))
