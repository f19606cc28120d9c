import math

import pytest
import torch
from torch import Tensor

from autokd.distill.losses.fsbbt import fsbbt
from autokd.distill.losses.funmatch import funmatch
from autokd.distill.losses.seen import Seen
from autokd.errors import ShapeError

LABELS = torch.tensor([0, 3, 1])


def _logits(*shape: int, scale: float = 3.0) -> Tensor:
    return scale * torch.randn(*shape, dtype=torch.float64)


def test_probabilities_are_all_it_needs_of_the_teacher() -> None:
    student = _logits(3, 4)
    given = torch.rand(3, 4, dtype=torch.float64)
    given = given / given.sum(1, keepdim=True)
    total = 0.0
    for row, shares in zip(student.tolist(), given.tolist(), strict=True):
        log_sum = math.log(sum(math.exp(value) for value in row))
        total += sum(share * (log_sum - value) for share, value in zip(shares, row, strict=True))
    found = fsbbt(Seen(student, LABELS, given.log()), temperature=1.0).item()
    assert found == pytest.approx(total / 3, rel=1e-9)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_it_exceeds_the_divergence_by_the_teachers_entropy(temperature: float) -> None:
    seen = Seen(_logits(3, 4), LABELS, teacher := _logits(3, 4))
    softened = teacher / temperature
    entropy = -(softened.softmax(1) * softened.log_softmax(1)).sum(1).mean()
    found = fsbbt(seen, temperature=temperature) - funmatch(seen, temperature=temperature)
    torch.testing.assert_close(found, temperature**2 * entropy)


def test_hard_labels_are_not_read() -> None:
    student, teacher = _logits(3, 4), _logits(3, 4)
    values = [
        fsbbt(Seen(student, labels, teacher), temperature=2.0) for labels in (LABELS, 3 - LABELS)
    ]
    assert values[0] == values[1]


def test_a_certain_teacher_is_a_label() -> None:
    student = _logits(3, 4)
    certain = 1e4 * torch.nn.functional.one_hot(LABELS, 4).double()
    found = fsbbt(Seen(student, LABELS, certain), temperature=1.0)
    torch.testing.assert_close(found, torch.nn.functional.cross_entropy(student, LABELS))


def test_derivative_agrees_with_finite_differences() -> None:
    student, teacher = _logits(3, 4).requires_grad_(), _logits(3, 4)
    assert torch.autograd.gradcheck(
        lambda logits: fsbbt(Seen(logits, LABELS, teacher), temperature=2.5), student
    )


def test_a_missing_teacher_is_refused() -> None:
    with pytest.raises(ShapeError, match="found none"):
        fsbbt(Seen(torch.zeros(3, 4), LABELS), temperature=1.0)
