import math

import pytest
import torch
from torch import Tensor

from autokd.distill.losses.nkd import nkd
from autokd.distill.losses.seen import Seen
from autokd.distill.losses.terms import hard_loss
from autokd.errors import ShapeError

LABELS = torch.tensor([0, 3, 1, 2, 3])


def _pair() -> tuple[Tensor, Tensor]:
    student, teacher = 2 * torch.randn(2, 5, 4, dtype=torch.float64)
    return student, teacher


def _softmax(row: list[float], temperature: float) -> list[float]:
    powers = [math.exp(value / temperature) for value in row]
    return [power / sum(powers) for power in powers]


def _parts(student: Tensor, teacher: Tensor, temperature: float) -> tuple[float, float, float]:
    """Hard labels, labels weighed by the teacher, other classes; mean over the images."""
    hard = label_part = others = 0.0
    rows = zip(student.tolist(), teacher.tolist(), LABELS.tolist(), strict=True)
    for student_row, teacher_row, label in rows:
        log_q = math.log(_softmax(student_row, 1.0)[label])
        hard -= log_q
        label_part -= _softmax(teacher_row, 1.0)[label] * log_q
        del student_row[label], teacher_row[label]
        p, q = _softmax(teacher_row, temperature), _softmax(student_row, temperature)
        others -= temperature**2 * sum(a * math.log(b) for a, b in zip(p, q, strict=True))
    n = len(LABELS)
    return hard / n, label_part / n, others / n


@pytest.mark.parametrize("temperature", [1.0, 3.0])
@pytest.mark.parametrize("gamma", [0.0, 1.5, 3.5])
def test_loss_is_the_sum_of_its_parts_written_out(temperature: float, gamma: float) -> None:
    student, teacher = _pair()
    hard, label, others = _parts(student, teacher, temperature)
    found = nkd(Seen(student, LABELS, teacher), temperature=temperature, gamma=gamma).item()
    assert found == pytest.approx(hard + label + gamma * others, rel=1e-10)


def test_temperature_softens_the_other_classes_alone() -> None:
    seen = Seen(_pair()[0], LABELS, _pair()[1])
    values = [nkd(seen, temperature=t, gamma=0.0) for t in (1.0, 3.0)]
    assert values[0] == values[1]
    values = [nkd(seen, temperature=t, gamma=1.0) for t in (1.0, 3.0)]
    assert values[0] != values[1]


def test_a_teacher_that_rules_the_label_out_adds_nothing_on_the_label() -> None:
    student, teacher = _pair()
    teacher[range(5), LABELS] = -1e4
    found = nkd(Seen(student, LABELS, teacher), temperature=3.0, gamma=0.0)
    torch.testing.assert_close(found, hard_loss(student, LABELS))


def test_a_teacher_sure_of_the_label_counts_it_twice() -> None:
    student, teacher = _pair()
    teacher[range(5), LABELS] = 1e4
    found = nkd(Seen(student, LABELS, teacher), temperature=3.0, gamma=0.0)
    torch.testing.assert_close(found, 2 * hard_loss(student, LABELS))


def test_other_classes_are_at_rest_where_they_agree_whatever_the_label_says() -> None:
    _, teacher = _pair()
    student = teacher.clone()
    student[range(5), LABELS] += 3.0
    seen = Seen(student.requires_grad_(), LABELS, teacher)
    others = nkd(seen, temperature=3.0, gamma=1.0) - nkd(seen, temperature=3.0, gamma=0.0)
    (gradient,) = torch.autograd.grad(others, student)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient))


def test_derivative_agrees_with_finite_differences() -> None:
    student, teacher = _pair()

    def loss(logits: Tensor) -> Tensor:
        return nkd(Seen(logits, LABELS, teacher), temperature=3.0, gamma=3.5)

    assert torch.autograd.gradcheck(loss, student.requires_grad_())


def test_two_classes_have_no_others_to_compare() -> None:
    seen = Seen(torch.randn(5, 2), LABELS % 2, torch.randn(5, 2))
    values = [nkd(seen, temperature=3.0, gamma=gamma) for gamma in (0.0, 3.5)]
    assert values[0] == values[1]


def test_labels_that_are_probabilities_are_refused() -> None:
    student, teacher = _pair()
    with pytest.raises(ShapeError, match="class indices"):
        nkd(Seen(student, teacher.softmax(dim=1), teacher), temperature=1.0, gamma=1.0)
