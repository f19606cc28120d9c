import math

import pytest
import torch
from torch import Tensor

from autokd.distill.losses.kd import kd
from autokd.distill.losses.seen import Seen, standardised
from autokd.distill.losses.terms import hard_loss, soft_loss
from autokd.errors import ShapeError

LABELS = torch.arange(8) % 3


def _seen(*, standardises: bool = False) -> Seen:
    student, teacher = 3 * torch.randn(2, 8, 3, dtype=torch.float64)
    return Seen(student.requires_grad_(), LABELS, teacher, standardises=standardises)


def _written_out(seen: Seen, *, temperature: float, soft_weight: float) -> float:
    """Sum over images and classes, as the formula is written."""
    assert seen.teacher_logits is not None
    total = 0.0
    rows = zip(
        seen.student_logits.tolist(), seen.teacher_logits.tolist(), LABELS.tolist(), strict=True
    )
    for student, teacher, label in rows:
        p, q = _softmax(teacher, temperature), _softmax(student, temperature)
        soft = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
        total += soft_weight * temperature**2 * soft
        total -= (1 - soft_weight) * math.log(_softmax(student, 1.0)[label])
    return total / len(LABELS)


def _softmax(row: list[float], temperature: float) -> list[float]:
    powers = [math.exp(value / temperature) for value in row]
    return [power / sum(powers) for power in powers]


@pytest.mark.parametrize("temperature", [0.5, 4.0])
@pytest.mark.parametrize("soft_weight", [0.0, 0.3, 0.9, 1.0])
def test_loss_is_the_formula_written_out(temperature: float, soft_weight: float) -> None:
    seen = _seen()
    expected = _written_out(seen, temperature=temperature, soft_weight=soft_weight)
    found = kd(seen, temperature=temperature, soft_weight=soft_weight).item()
    assert found == pytest.approx(expected, rel=1e-10)


def test_soft_weight_multiplies_the_soft_term() -> None:
    seen = _seen()
    soft = soft_loss(*seen.pair(), temperature=4.0)
    hard = hard_loss(seen.student_logits, LABELS)
    found = kd(seen, temperature=4.0, soft_weight=0.9)
    torch.testing.assert_close(found, 0.9 * soft + 0.1 * hard)


def test_soft_weight_zero_is_exactly_the_hard_labels() -> None:
    seen = _seen()
    found = kd(seen, temperature=4.0, soft_weight=0.0)
    assert torch.equal(found, hard_loss(seen.student_logits, LABELS))


def test_soft_weight_one_is_exactly_the_soft_targets() -> None:
    seen = _seen()
    found = kd(seen, temperature=4.0, soft_weight=1.0)
    assert torch.equal(found, soft_loss(*seen.pair(), temperature=4.0))


def test_standardising_changes_the_soft_term_alone() -> None:
    plain = _seen()
    assert plain.teacher_logits is not None
    asked = Seen(plain.student_logits, LABELS, plain.teacher_logits, standardises=True)
    rows = standardised(plain.student_logits), standardised(plain.teacher_logits)
    expected = 0.9 * soft_loss(*rows, temperature=2.0) + 0.1 * hard_loss(rows[0], LABELS)
    raw = hard_loss(plain.student_logits, LABELS) - hard_loss(rows[0], LABELS)
    found = kd(asked, temperature=2.0, soft_weight=0.9)
    torch.testing.assert_close(found, expected + 0.1 * raw)


def test_mixed_labels_change_the_hard_term_alone() -> None:
    seen, shares = _seen(), torch.softmax(torch.randn(8, 3, dtype=torch.float64), dim=1)
    mixed = Seen(seen.student_logits, shares, seen.teacher_logits)
    logits = seen.student_logits
    change = kd(mixed, temperature=4.0, soft_weight=0.9) - kd(
        seen, temperature=4.0, soft_weight=0.9
    )
    torch.testing.assert_close(
        change, 0.1 * (hard_loss(logits, shares) - hard_loss(logits, LABELS))
    )


@pytest.mark.parametrize("standardises", [False, True])
def test_derivative_agrees_with_finite_differences(standardises: bool) -> None:
    seen = _seen(standardises=standardises)

    def loss(logits: Tensor) -> Tensor:
        again = Seen(logits, LABELS, seen.teacher_logits, standardises=standardises)
        return kd(again, temperature=2.5, soft_weight=0.7)

    assert torch.autograd.gradcheck(loss, seen.student_logits)


def test_a_missing_teacher_is_refused() -> None:
    with pytest.raises(ShapeError, match="found none"):
        kd(Seen(torch.zeros(8, 3), LABELS), temperature=1.0, soft_weight=0.0)
