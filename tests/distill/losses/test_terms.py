import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from autokd.distill.losses.terms import (
    hard_loss,
    hard_losses,
    label_and_others,
    soft_loss,
    soft_losses,
)
from autokd.errors import ShapeError

TEMPERATURES = [0.5, 1.0, 4.0, 20.0]


def _logits(*shape: int, scale: float = 3.0) -> Tensor:
    return scale * torch.randn(*shape, dtype=torch.float64)


def _softmax(row: list[float], temperature: float) -> list[float]:
    powers = [math.exp(value / temperature) for value in row]
    return [power / sum(powers) for power in powers]


def _divergences(student: Tensor, teacher: Tensor, temperature: float) -> list[float]:
    """Sum each divergence term by term, as the formula is written."""
    divergences = []
    for row, teacher_row in zip(student.tolist(), teacher.tolist(), strict=True):
        p, q = _softmax(teacher_row, temperature), _softmax(row, temperature)
        terms = [a * math.log(a / b) for a, b in zip(p, q, strict=True)]
        divergences.append(temperature**2 * sum(terms))
    return divergences


# Hard labels.


def test_even_logits_cost_the_log_of_the_number_of_classes() -> None:
    loss = hard_loss(torch.zeros(3, 5), torch.tensor([0, 3, 4]))
    assert loss.item() == pytest.approx(math.log(5))


def test_hard_loss_of_two_classes_is_a_softplus_of_the_gap() -> None:
    logits = torch.tensor([[2.0, -1.0], [0.5, 0.0]], dtype=torch.float64)
    expected = [math.log1p(math.exp(-3.0)), math.log1p(math.exp(0.5))]
    labels = torch.tensor([0, 1])
    assert hard_losses(logits, labels).tolist() == pytest.approx(expected, abs=1e-12)
    assert hard_loss(logits, labels).item() == pytest.approx(sum(expected) / 2, abs=1e-12)


def test_probabilities_cost_their_mean_over_the_classes_they_name() -> None:
    logits = torch.tensor([[2.0, -1.0, 0.3]], dtype=torch.float64)
    single = [hard_loss(logits, torch.tensor([label])).item() for label in range(3)]
    shares = torch.tensor([[0.25, 0.75, 0.0]], dtype=torch.float64)
    expected = 0.25 * single[0] + 0.75 * single[1]
    assert hard_loss(logits, shares).item() == pytest.approx(expected, abs=1e-12)
    assert hard_losses(logits, shares).tolist() == pytest.approx([expected], abs=1e-12)


def test_certain_probabilities_cost_what_the_label_does() -> None:
    logits, labels = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    certain = torch.nn.functional.one_hot(labels, 3).float()
    torch.testing.assert_close(hard_losses(logits, certain), hard_losses(logits, labels))


@pytest.mark.parametrize("loss", [hard_loss, hard_losses])
def test_labels_of_another_batch_are_refused(loss: Callable[..., Tensor]) -> None:
    with pytest.raises(ShapeError, match=r"found \(4, 3\) and \(5,\)"):
        loss(torch.randn(4, 3), torch.zeros(5, dtype=torch.int64))


# Soft targets.


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_soft_targets_are_the_divergence_summed_term_by_term(temperature: float) -> None:
    student, teacher = _logits(6, 5), _logits(6, 5)
    expected = _divergences(student, teacher, temperature)
    found = soft_losses(student, teacher, temperature=temperature)
    assert found.tolist() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("n_classes", [2, 10, 100])
def test_divergence_is_a_mean_over_the_batch_and_not_over_the_classes(n_classes: int) -> None:
    student, teacher = _logits(6, n_classes), _logits(6, n_classes)
    expected = sum(_divergences(student, teacher, 4.0)) / 6
    assert soft_loss(student, teacher, temperature=4.0).item() == pytest.approx(expected)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_gradient_is_temperature_times_probability_gap(temperature: float) -> None:
    student, teacher = _logits(6, 5).requires_grad_(), _logits(6, 5)
    (found,) = torch.autograd.grad(soft_loss(student, teacher, temperature=temperature), student)
    gap = (student / temperature).softmax(1) - (teacher / temperature).softmax(1)
    torch.testing.assert_close(found, temperature * gap.detach() / len(student))


def test_derivatives_agree_with_finite_differences() -> None:
    student, teacher = _logits(3, 4).requires_grad_(), _logits(3, 4)
    temperature = torch.tensor(2.5, dtype=torch.float64).requires_grad_()

    def losses(logits: Tensor, learned: Tensor) -> Tensor:
        return soft_losses(logits, teacher, temperature=learned)

    assert torch.autograd.gradcheck(losses, (student, temperature))


def test_teacher_receives_no_gradient() -> None:
    student, teacher = _logits(3, 4).requires_grad_(), _logits(3, 4).requires_grad_()
    torch.autograd.backward(soft_loss(student, teacher, temperature=2.0))
    assert teacher.grad is None
    assert student.grad is not None


def test_infinite_temperature_compares_centred_logits() -> None:
    student, teacher = _logits(6, 5), _logits(6, 5)
    gap = (student - student.mean(1, keepdim=True)) - (teacher - teacher.mean(1, keepdim=True))
    limit = 0.5 * gap.square().mean(1).mean()
    found = soft_loss(student, teacher, temperature=1e4)
    torch.testing.assert_close(found, limit, rtol=1e-3, atol=0)


@given(shift=st.floats(-50, 50), seed=st.integers(0, 1000), temperature=st.floats(0.1, 100))
def test_equal_predictions_cost_nothing_and_others_something(
    shift: float, seed: int, temperature: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    teacher = torch.randn(4, 3, dtype=torch.float64, generator=generator)
    same = soft_loss(teacher + shift, teacher, temperature=temperature).item()
    other = soft_loss(-teacher, teacher, temperature=temperature).item()
    assert abs(same) < 1e-9
    assert other > 1e-6


@pytest.mark.parametrize("temperature", [0.1, 1.0, 100.0])
def test_extreme_logits_stay_finite(temperature: float) -> None:
    student = torch.tensor([[1e4, -1e4, 0.0]]).requires_grad_()
    teacher = torch.tensor([[-1e4, 1e4, 0.0]])
    loss = soft_loss(student, teacher, temperature=temperature)
    (gradient,) = torch.autograd.grad(loss, student)
    assert loss.isfinite()
    assert gradient.isfinite().all()


def test_half_precision_targets_are_computed_in_the_students_precision() -> None:
    student, teacher = torch.randn(4, 3), torch.randn(4, 3).half()
    found = soft_loss(student, teacher, temperature=4.0)
    assert torch.equal(found, soft_loss(student, teacher.float(), temperature=4.0))


def test_a_batch_twice_as_long_costs_the_same() -> None:
    student, teacher = _logits(8, 3), _logits(8, 3)
    once = soft_loss(student, teacher, temperature=2.0)
    twice = soft_loss(student.repeat(2, 1), teacher.repeat(2, 1), temperature=2.0)
    torch.testing.assert_close(once, twice)


@pytest.mark.parametrize("loss", [soft_loss, soft_losses])
def test_a_teacher_with_other_classes_is_refused(loss: Callable[..., Tensor]) -> None:
    with pytest.raises(ShapeError, match=r"found \(2, 3\) and \(2, 4\)"):
        loss(torch.zeros(2, 3), torch.zeros(2, 4), temperature=1.0)


# The label's logit and the others.


def test_others_are_the_row_without_its_label_in_order() -> None:
    logits, labels = _logits(5, 4), torch.tensor([0, 3, 1, 2, 3])
    label, others = label_and_others(logits, labels)
    for row, picked, found, rest in zip(logits, labels.tolist(), label, others, strict=True):
        values = row.tolist()
        assert found.item() == values.pop(picked)
        assert rest.tolist() == values


def test_labels_that_are_probabilities_have_no_other_classes() -> None:
    with pytest.raises(ShapeError, match="class indices"):
        label_and_others(torch.zeros(2, 3), torch.full((2, 3), 1 / 3))
