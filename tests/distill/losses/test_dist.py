import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from autokd.distill.losses.dist import correlations, dist
from autokd.distill.losses.seen import Seen
from autokd.distill.losses.terms import hard_loss

LABELS = torch.arange(6) % 4


def _pair() -> tuple[Tensor, Tensor]:
    student, teacher = 2 * torch.randn(2, 6, 4, dtype=torch.float64)
    return student, teacher


def _lacks(student: Tensor, teacher: Tensor) -> float:
    """Mean of what the correlation of each row lacks to 1."""
    rows = zip(student.numpy(), teacher.numpy(), strict=True)
    return float(np.mean([1 - np.corrcoef(first, second)[0, 1] for first, second in rows]))


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize(("beta", "gamma"), [(2.0, 0.0), (0.0, 2.0), (1.0, 3.0)])
def test_loss_is_the_formula_with_numpys_correlations(
    temperature: float, beta: float, gamma: float
) -> None:
    student, teacher = _pair()
    p, q = (student / temperature).softmax(dim=1), (teacher / temperature).softmax(dim=1)
    soft = beta * _lacks(p, q) + gamma * _lacks(p.T, q.T)
    expected = hard_loss(student, LABELS).item() + temperature**2 * soft
    seen = Seen(student, LABELS, teacher)
    found = dist(seen, temperature=temperature, beta=beta, gamma=gamma).item()
    assert found == pytest.approx(expected, rel=1e-9)


def test_equal_predictions_cost_the_hard_labels_alone() -> None:
    _, teacher = _pair()
    found = dist(Seen(teacher + 3, LABELS, teacher), temperature=4.0, beta=2.0, gamma=2.0)
    torch.testing.assert_close(found, hard_loss(teacher, LABELS))


def test_derivative_agrees_with_finite_differences() -> None:
    student, teacher = _pair()

    def loss(logits: Tensor) -> Tensor:
        return dist(Seen(logits, LABELS, teacher), temperature=2.0, beta=2.0, gamma=2.0)

    assert torch.autograd.gradcheck(loss, student.requires_grad_())


def test_a_batch_of_one_has_no_relation_between_images() -> None:
    student, teacher = (logits[:1].requires_grad_() for logits in _pair())
    seen = Seen(student, LABELS[:1], teacher)
    with_images = dist(seen, temperature=2.0, beta=1.0, gamma=3.0)
    without = dist(seen, temperature=2.0, beta=1.0, gamma=0.0)
    gradients = [torch.autograd.grad(loss, student)[0] for loss in (with_images, without)]
    torch.testing.assert_close(with_images, without + 3.0 * 4.0)
    assert torch.equal(*gradients)


def test_even_predictions_are_constant_rows_without_gradient() -> None:
    student = torch.zeros(6, 4).requires_grad_()
    seen = Seen(student, LABELS, torch.randn(6, 4))
    loss = dist(seen, temperature=1.0, beta=2.0, gamma=2.0)
    (gradient,) = torch.autograd.grad(loss, student)
    (hard,) = torch.autograd.grad(hard_loss(student, LABELS), student)
    assert loss.item() == pytest.approx(np.log(4) + 4)
    torch.testing.assert_close(gradient, hard)


@given(scale=st.floats(0.1, 10), shift=st.floats(-10, 10), seed=st.integers(0, 1000))
def test_scale_and_shift_do_not_change_a_correlation(
    scale: float, shift: float, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.randn(2, 3, 5, dtype=torch.float64, generator=generator)
    found = correlations(scale * first + shift, second)
    torch.testing.assert_close(found, correlations(first, second))
    assert (found.abs() <= 1 + 1e-12).all()


def test_a_row_goes_with_itself_and_against_its_opposite() -> None:
    rows = torch.randn(3, 5, dtype=torch.float64)
    torch.testing.assert_close(correlations(rows, rows), torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(correlations(rows, -rows), -torch.ones(3, dtype=torch.float64))
    assert not correlations(rows, torch.ones_like(rows)).any()
