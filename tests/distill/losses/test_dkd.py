import math

import pytest
import torch
from torch import Tensor

from autokd.distill.losses.dkd import dkd
from autokd.distill.losses.seen import Seen
from autokd.distill.losses.terms import hard_loss, soft_losses
from autokd.errors import ShapeError

LABELS = torch.tensor([0, 3, 1, 2, 3])


def _pair(n_classes: int = 4) -> tuple[Tensor, Tensor]:
    student, teacher = 2 * torch.randn(2, 5, n_classes, dtype=torch.float64)
    return student, teacher


def _softmax(row: list[float], temperature: float) -> list[float]:
    powers = [math.exp(value / temperature) for value in row]
    return [power / sum(powers) for power in powers]


def _kl(p: list[float], q: list[float]) -> float:
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def _parts(student: Tensor, teacher: Tensor, temperature: float) -> list[tuple[float, float]]:
    """Both divergences of each image, from probabilities, as the paper writes them."""
    parts = []
    rows = zip(student.tolist(), teacher.tolist(), LABELS.tolist(), strict=True)
    for student_row, teacher_row, label in rows:
        p, q = _softmax(teacher_row, temperature), _softmax(student_row, temperature)
        target = _kl([p[label], 1 - p[label]], [q[label], 1 - q[label]])
        others = [c for c in range(len(p)) if c != label]
        other = _kl(
            [p[c] / (1 - p[label]) for c in others], [q[c] / (1 - q[label]) for c in others]
        )
        parts.append((temperature**2 * target, temperature**2 * other))
    return parts


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 8.0), (0.5, 0.0), (0.0, 2.0)])
def test_loss_is_the_formula_written_out(temperature: float, alpha: float, beta: float) -> None:
    student, teacher = _pair()
    parts = _parts(student, teacher, temperature)
    hard = hard_loss(student, LABELS).item()
    expected = hard + sum(alpha * target + beta * other for target, other in parts) / 5
    seen = Seen(student, LABELS, teacher)
    found = dkd(seen, temperature=temperature, alpha=alpha, beta=beta).item()
    assert found == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("image", range(5))
def test_it_is_plain_distillation_if_beta_is_what_the_teacher_leaves_to_the_others(
    image: int,
) -> None:
    student, teacher = (logits[image : image + 1] for logits in _pair())
    label = LABELS[image : image + 1]
    rest = 1 - (teacher / 4).softmax(dim=1)[0, label].item()
    found = dkd(Seen(student, label, teacher), temperature=4.0, alpha=1.0, beta=rest)
    soft = soft_losses(student, teacher, temperature=4.0)[0]
    torch.testing.assert_close(found, hard_loss(student, label) + soft)


def test_both_weights_at_one_are_plain_distillation_where_the_teacher_rules_the_label_out() -> (
    None
):
    student, teacher = _pair()
    teacher[range(5), LABELS] = -1e4
    found = dkd(Seen(student, LABELS, teacher), temperature=4.0, alpha=1.0, beta=1.0)
    soft = soft_losses(student, teacher, temperature=4.0).mean()
    torch.testing.assert_close(found, hard_loss(student, LABELS) + soft)


def test_a_teacher_sure_of_the_label_still_teaches_the_other_classes() -> None:
    student, teacher = _pair()
    teacher[range(5), LABELS] = 1e4
    plain = soft_losses(student, teacher, temperature=1.0)
    torch.testing.assert_close(
        plain, torch.nn.functional.cross_entropy(student, LABELS, reduction="none")
    )
    seen = Seen(student.requires_grad_(), LABELS, teacher)
    loss = dkd(seen, temperature=1.0, alpha=0.0, beta=1.0) - hard_loss(student, LABELS)
    (gradient,) = torch.autograd.grad(loss, student)
    assert (gradient.abs().sum(dim=1) > 1e-3).all()


def test_derivative_agrees_with_finite_differences() -> None:
    student, teacher = _pair()

    def loss(logits: Tensor) -> Tensor:
        return dkd(Seen(logits, LABELS, teacher), temperature=2.0, alpha=1.0, beta=8.0)

    assert torch.autograd.gradcheck(loss, student.requires_grad_())


def test_two_classes_have_no_others_to_compare() -> None:
    student, teacher, labels = torch.randn(5, 2), torch.randn(5, 2), LABELS % 2
    seen = Seen(student, labels, teacher)
    values = [dkd(seen, temperature=4.0, alpha=1.0, beta=beta) for beta in (0.0, 8.0)]
    assert values[0] == values[1]


def test_extreme_logits_stay_finite() -> None:
    student = torch.tensor([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0]]).requires_grad_()
    seen = Seen(student, torch.tensor([1, 1]), -student.detach())
    loss = dkd(seen, temperature=0.1, alpha=1.0, beta=8.0)
    (gradient,) = torch.autograd.grad(loss, student)
    assert loss.isfinite()
    assert gradient.isfinite().all()


def test_labels_that_are_probabilities_are_refused() -> None:
    shares = torch.full((5, 4), 0.25, dtype=torch.float64)
    student, teacher = _pair()
    with pytest.raises(ShapeError, match="class indices"):
        dkd(Seen(student, shares, teacher), temperature=1.0, alpha=1.0, beta=1.0)
