import math

import pytest
import torch
from torch import Tensor

from autokd.distill.losses.bdkd import bdkd
from autokd.distill.losses.seen import Seen
from autokd.distill.losses.terms import hard_loss, soft_losses

LABELS = torch.arange(8) % 4


def _pair() -> tuple[Tensor, Tensor]:
    student, teacher = 2 * torch.randn(2, 8, 4, dtype=torch.float64)
    return student, teacher


def _softmax(row: list[float], temperature: float) -> list[float]:
    powers = [math.exp(value / temperature) for value in row]
    return [power / sum(powers) for power in powers]


def _kl(p: list[float], q: list[float]) -> float:
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def _entropy(p: list[float]) -> float:
    return -sum(a * math.log(a) for a in p)


def _soft(student: Tensor, teacher: Tensor, *, temperature: float, lower_weight: float) -> float:
    """Weigh both directions image by image."""
    total = 0.0
    for student_row, teacher_row in zip(student.tolist(), teacher.tolist(), strict=True):
        p, q = _softmax(teacher_row, temperature), _softmax(student_row, temperature)
        if _entropy(p) > _entropy(q):
            total += _kl(p, q) + lower_weight * _kl(q, p)
        else:
            total += lower_weight * _kl(p, q) + _kl(q, p)
    return temperature**2 * total / len(student)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("lower_weight", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("soft_weight", [0.3, 0.9, 1.0])
def test_loss_is_the_formula_written_out(
    temperature: float, lower_weight: float, soft_weight: float
) -> None:
    student, teacher = _pair()
    soft = _soft(student, teacher, temperature=temperature, lower_weight=lower_weight)
    expected = soft_weight * soft + (1 - soft_weight) * hard_loss(student, LABELS).item()
    found = bdkd(
        Seen(student, LABELS, teacher),
        temperature=temperature,
        soft_weight=soft_weight,
        lower_weight=lower_weight,
    )
    assert found.item() == pytest.approx(expected, rel=1e-10)


def _sharp_and_flat() -> tuple[Tensor, Tensor]:
    flat = 0.2 * torch.randn(8, 4, dtype=torch.float64)
    return 30 * flat, flat


def test_a_student_that_is_too_sure_gets_the_forward_divergence() -> None:
    sharp, flat = _sharp_and_flat()
    seen = Seen(sharp, LABELS, flat)
    found = bdkd(seen, temperature=1.0, soft_weight=1.0, lower_weight=0.0)
    torch.testing.assert_close(found, soft_losses(sharp, flat, temperature=1.0).mean())


def test_a_student_that_is_too_unsure_gets_the_reverse_divergence() -> None:
    sharp, flat = _sharp_and_flat()
    seen = Seen(flat, LABELS, sharp)
    found = bdkd(seen, temperature=1.0, soft_weight=1.0, lower_weight=0.0)
    torch.testing.assert_close(found, soft_losses(sharp, flat, temperature=1.0).mean())


def test_agreement_costs_nothing_and_has_no_gradient() -> None:
    _, teacher = _pair()
    student = (teacher + 5.0).requires_grad_()
    loss = bdkd(Seen(student, LABELS, teacher), temperature=4.0, soft_weight=1.0, lower_weight=0.5)
    (gradient,) = torch.autograd.grad(loss, student)
    torch.testing.assert_close(loss, torch.zeros_like(loss), atol=1e-12, rtol=0)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-12, rtol=0)


def test_derivative_agrees_with_finite_differences() -> None:
    student, teacher = _pair()

    def loss(logits: Tensor) -> Tensor:
        seen = Seen(logits, LABELS, teacher)
        return bdkd(seen, temperature=2.0, soft_weight=0.8, lower_weight=0.5)

    assert torch.autograd.gradcheck(loss, student.requires_grad_())


def test_extreme_logits_stay_finite() -> None:
    student = torch.tensor([[1e4, -1e4, 0.0], [0.0, 0.0, 0.0]]).requires_grad_()
    teacher = torch.tensor([[-1e4, 1e4, 0.0], [1e4, -1e4, 0.0]])
    loss = bdkd(
        Seen(student, torch.tensor([1, 0]), teacher),
        temperature=0.1,
        soft_weight=0.9,
        lower_weight=0.5,
    )
    (gradient,) = torch.autograd.grad(loss, student)
    assert loss.isfinite()
    assert gradient.isfinite().all()
