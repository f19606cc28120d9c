import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from autokd.distill.losses.seen import Seen
from autokd.distill.losses.terms import soft_loss
from autokd.distill.losses.xcl import uncertainty_weights, xcl
from autokd.errors import ShapeError

LABELS = torch.tensor([0, 3, 1])


def _logits(*shape: int, scale: float = 3.0) -> Tensor:
    return scale * torch.randn(*shape, dtype=torch.float64)


def _softmax(row: list[float], temperature: float) -> list[float]:
    powers = [math.exp(value / temperature) for value in row]
    return [power / sum(powers) for power in powers]


def test_it_is_the_weighted_divergence_summed_term_by_term() -> None:
    student, teacher = _logits(3, 4), _logits(3, 4, scale=1.0)
    total, sum_of_weights = 0.0, 0.0
    for row, teacher_row in zip(student.tolist(), teacher.tolist(), strict=True):
        pairs = zip(_softmax(teacher_row, 2.0), _softmax(row, 2.0), strict=True)
        divergence = 4.0 * sum(p * math.log(p / q) for p, q in pairs)
        raw = _softmax(teacher_row, 1.0)
        weight = (-sum(p * math.log(p) for p in raw) / math.log(4)) ** 1.5
        total += weight * divergence
        sum_of_weights += weight
    found = xcl(Seen(student, LABELS, teacher), temperature=2.0, uncertainty_power=1.5).item()
    assert found == pytest.approx(total / sum_of_weights, rel=1e-9)


def test_power_zero_is_plain_matching() -> None:
    student, teacher = _logits(3, 4), _logits(3, 4)
    found = xcl(Seen(student, LABELS, teacher), temperature=2.0, uncertainty_power=0.0)
    torch.testing.assert_close(found, soft_loss(student, teacher, temperature=2.0))


@given(seed=st.integers(0, 1000), power=st.floats(0, 8), scale=st.floats(0.1, 30))
def test_weights_sum_to_one_and_rise_with_the_entropy(
    seed: int, power: float, scale: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    teacher = scale * torch.randn(6, 4, generator=generator, dtype=torch.float64)
    weights = uncertainty_weights(teacher, power=power)
    assert weights.sum().item() == pytest.approx(1.0)
    entropies = -(teacher.softmax(1) * teacher.log_softmax(1)).sum(1)
    order = entropies.argsort()
    assert (weights[order].diff() >= -1e-12).all()


def test_images_of_which_the_teacher_is_certain_count_the_same() -> None:
    teacher = torch.tensor([[1e4, 0.0], [0.0, 1e4], [-1e4, 1e4]])
    torch.testing.assert_close(uncertainty_weights(teacher, power=2.0), torch.full((3,), 1 / 3))


def test_an_uncertain_image_among_certain_ones_has_all_the_weight() -> None:
    teacher = torch.tensor([[1e4, 0.0], [1.0, 1.0], [-1e4, 1e4]])
    found = uncertainty_weights(teacher, power=1.0)
    torch.testing.assert_close(found, torch.tensor([0.0, 1.0, 0.0]))


def test_standardising_does_not_change_the_weights() -> None:
    student, teacher = _logits(2, 4), torch.tensor([[1e3, 0, 0, 0], [0.1, 0, 0, 0]]).double()
    seen = Seen(student, LABELS[:2], teacher, standardises=True)
    alone = Seen(student[1:], LABELS[1:2], teacher[1:], standardises=True)
    parts = [xcl(each, temperature=1.0, uncertainty_power=1.0) for each in (seen, alone)]
    torch.testing.assert_close(parts[0], parts[1])


def test_hard_labels_are_not_read() -> None:
    student, teacher = _logits(3, 4), _logits(3, 4)
    values = [
        xcl(Seen(student, labels, teacher), temperature=2.0, uncertainty_power=1.0)
        for labels in (LABELS, 3 - LABELS)
    ]
    assert values[0] == values[1]


def test_derivative_agrees_with_finite_differences() -> None:
    student, teacher = _logits(3, 4).requires_grad_(), _logits(3, 4)
    assert torch.autograd.gradcheck(
        lambda logits: xcl(Seen(logits, LABELS, teacher), temperature=2.5, uncertainty_power=2.0),
        student,
    )


def test_a_missing_teacher_is_refused() -> None:
    with pytest.raises(ShapeError, match="found none"):
        xcl(Seen(torch.zeros(3, 4), LABELS), temperature=1.0, uncertainty_power=1.0)
