import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from autokd.distill.losses.kd import kd_loss, soft_target_loss
from autokd.distill.losses.none import hard_label_loss
from autokd.errors import ShapeError

TEMPERATURES = [0.5, 1.0, 4.0, 20.0]


def _logits(*shape: int, scale: float = 3.0) -> Tensor:
    return scale * torch.randn(*shape, dtype=torch.float64)


def _soft(student: Tensor, teacher: Tensor, temperature: float) -> float:
    """Sum the divergence term by term, as the formula is written."""
    total = 0.0
    for row, teacher_row in zip(student.tolist(), teacher.tolist(), strict=True):
        p = _softmax(teacher_row, temperature)
        q = _softmax(row, temperature)
        total += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    return temperature**2 * total / len(student)


def _softmax(row: list[float], temperature: float) -> list[float]:
    powers = [math.exp(value / temperature) for value in row]
    return [power / sum(powers) for power in powers]


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_soft_targets_are_the_divergence_summed_term_by_term(temperature: float) -> None:
    student, teacher = _logits(6, 5), _logits(6, 5)
    found = soft_target_loss(student, teacher, temperature=temperature).item()
    assert found == pytest.approx(_soft(student, teacher, temperature), rel=1e-10)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_gradient_is_temperature_times_probability_gap(temperature: float) -> None:
    student, teacher = _logits(6, 5).requires_grad_(), _logits(6, 5)
    soft_target_loss(student, teacher, temperature=temperature).backward()  # type: ignore[no-untyped-call]
    gap = (student / temperature).softmax(1) - (teacher / temperature).softmax(1)
    torch.testing.assert_close(student.grad, temperature * gap.detach() / len(student))


def test_derivative_agrees_with_finite_differences() -> None:
    student, teacher = _logits(3, 4).requires_grad_(), _logits(3, 4)
    labels = torch.tensor([0, 3, 1])
    assert torch.autograd.gradcheck(
        lambda logits: kd_loss(logits, teacher, labels, temperature=2.5, soft_weight=0.7), student
    )


def test_teacher_receives_no_gradient() -> None:
    student, teacher = _logits(3, 4).requires_grad_(), _logits(3, 4).requires_grad_()
    soft_target_loss(student, teacher, temperature=2.0).backward()  # type: ignore[no-untyped-call]
    assert teacher.grad is None
    assert student.grad is not None


def test_infinite_temperature_compares_centred_logits() -> None:
    student, teacher = _logits(6, 5), _logits(6, 5)
    gap = (student - student.mean(1, keepdim=True)) - (teacher - teacher.mean(1, keepdim=True))
    limit = 0.5 * gap.square().mean(1).mean()
    torch.testing.assert_close(
        soft_target_loss(student, teacher, temperature=1e4), limit, rtol=1e-3, atol=0
    )


@given(shift=st.floats(-50, 50), seed=st.integers(0, 1000), temperature=st.floats(0.1, 100))
def test_equal_predictions_cost_nothing_and_others_something(
    shift: float, seed: int, temperature: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    teacher = torch.randn(4, 3, dtype=torch.float64, generator=generator)
    same = soft_target_loss(teacher + shift, teacher, temperature=temperature).item()
    other = soft_target_loss(-teacher, teacher, temperature=temperature).item()
    assert abs(same) < 1e-9
    assert other > 1e-6


@pytest.mark.parametrize("temperature", [0.1, 1.0, 100.0])
def test_extreme_logits_stay_finite(temperature: float) -> None:
    student = torch.tensor([[1e4, -1e4, 0.0]]).requires_grad_()
    teacher = torch.tensor([[-1e4, 1e4, 0.0]])
    loss = kd_loss(student, teacher, torch.tensor([1]), temperature=temperature, soft_weight=0.5)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.isfinite()
    assert student.grad is not None
    assert student.grad.isfinite().all()


def test_half_precision_targets_are_computed_in_the_students_precision() -> None:
    student, teacher = torch.randn(4, 3), torch.randn(4, 3).half()
    found = soft_target_loss(student, teacher, temperature=4.0)
    assert torch.equal(found, soft_target_loss(student, teacher.float(), temperature=4.0))


def test_soft_weight_zero_is_exactly_the_hard_labels() -> None:
    student, teacher, labels = torch.randn(8, 3), torch.randn(8, 3), torch.arange(8) % 3
    found = kd_loss(student, teacher, labels, temperature=4.0, soft_weight=0.0)
    assert torch.equal(found, hard_label_loss(student, None, labels))


def test_soft_weight_one_is_exactly_the_soft_targets() -> None:
    student, teacher, labels = torch.randn(8, 3), torch.randn(8, 3), torch.arange(8) % 3
    found = kd_loss(student, teacher, labels, temperature=4.0, soft_weight=1.0)
    assert torch.equal(found, soft_target_loss(student, teacher, temperature=4.0))


def test_soft_weight_multiplies_the_soft_term() -> None:
    student, teacher, labels = _logits(8, 3), _logits(8, 3), torch.arange(8) % 3
    soft = _soft(student, teacher, 4.0)
    hard = hard_label_loss(student, None, labels).item()
    found = kd_loss(student, teacher, labels, temperature=4.0, soft_weight=0.9).item()
    assert found == pytest.approx(0.9 * soft + 0.1 * hard)


def test_a_batch_twice_as_long_costs_the_same() -> None:
    student, teacher = _logits(8, 3), _logits(8, 3)
    once = soft_target_loss(student, teacher, temperature=2.0)
    twice = soft_target_loss(student.repeat(2, 1), teacher.repeat(2, 1), temperature=2.0)
    torch.testing.assert_close(once, twice)


def test_a_missing_teacher_is_refused() -> None:
    with pytest.raises(ShapeError, match="found none"):
        kd_loss(
            torch.zeros(2, 3),
            None,
            torch.zeros(2, dtype=torch.int64),
            temperature=1.0,
            soft_weight=0.0,
        )


def test_a_teacher_with_other_classes_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"found \(2, 3\) and \(2, 4\)"):
        soft_target_loss(torch.zeros(2, 3), torch.zeros(2, 4), temperature=1.0)
