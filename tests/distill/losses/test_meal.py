import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from autokd.distill.losses.fsbbt import fsbbt
from autokd.distill.losses.meal import Meal, mean_prediction_loss, reversed_gradient
from autokd.distill.losses.seen import Seen, Setting, standardised
from autokd.errors import ShapeError

LABELS = torch.tensor([0, 3, 1])


def _setting(classes: int = 4) -> Setting:
    student = nn.Linear(1, classes)
    return Setting(classes, LABELS, 5, student, peer=lambda seed: student, teachers=2)


def _logits(*shape: int, scale: float = 3.0) -> Tensor:
    return scale * torch.randn(*shape, dtype=torch.float64)


def _softmax(row: list[float], temperature: float) -> list[float]:
    powers = [math.exp(value / temperature) for value in row]
    return [power / sum(powers) for power in powers]


def _adversarial(weight: float = 0.5) -> Meal:
    made = Meal(_setting(), temperature=1.0, discriminator=True, discriminator_weight=weight)
    return made.double()


def _plain(temperature: float = 1.0) -> Meal:
    return Meal(_setting(), temperature=temperature, discriminator=False, discriminator_weight=1.0)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_it_is_the_cross_entropy_with_the_mean_prediction(temperature: float) -> None:
    student, own, more = _logits(3, 4), _logits(3, 4), _logits(3, 2, 4)
    total = 0.0
    for i in range(3):
        rows = [own[i].tolist(), more[i, 0].tolist(), more[i, 1].tolist()]
        predictions = [_softmax(row, temperature) for row in rows]
        q = _softmax(student[i].tolist(), temperature)
        for c in range(4):
            total -= sum(prediction[c] for prediction in predictions) / 3 * math.log(q[c])
    found = _plain(temperature)(Seen(student, LABELS, own, more_logits=more)).item()
    assert found == pytest.approx(temperature**2 * total / 3, rel=1e-9)


def test_equal_teachers_teach_as_one_does() -> None:
    student, own = _logits(3, 4), _logits(3, 4)
    seen = Seen(student, LABELS, own, more_logits=own.unsqueeze(1).expand(-1, 2, -1))
    torch.testing.assert_close(_plain()(seen), fsbbt(seen, temperature=1.0))


def test_hard_labels_are_not_read() -> None:
    seen = Seen(_logits(3, 4), LABELS, _logits(3, 4), more_logits=_logits(3, 2, 4))
    assert _plain()(seen) == _plain()(replace(seen, labels=3 - LABELS))


def test_derivative_agrees_with_finite_differences() -> None:
    student, several = _logits(3, 4).requires_grad_(), _logits(3, 2, 4)
    assert torch.autograd.gradcheck(
        lambda logits: mean_prediction_loss(logits, several, temperature=2.5), student
    )


def test_without_a_discriminator_nothing_is_learned() -> None:
    assert list(_plain().parameters()) == []
    assert _plain().state_dict() == {}


def test_a_reversed_gradient_leaves_the_values() -> None:
    values = _logits(3, 4).requires_grad_()
    found = reversed_gradient(values)
    assert torch.equal(found, values)
    (gradient,) = torch.autograd.grad((found * torch.arange(4.0)).sum(), values)
    torch.testing.assert_close(gradient, -torch.arange(4.0).double().expand(3, -1))


def _told_apart(loss: Meal, student: Tensor, seen: Seen) -> Tensor:
    """Average the discriminator's log-losses, written out, without reversal."""
    assert loss.discriminator is not None
    assert seen.teacher_logits is not None
    assert seen.more_logits is not None
    several = torch.cat([seen.teacher_logits.unsqueeze(1), seen.more_logits], dim=1)
    of_students: Tensor = loss.discriminator(standardised(student)).sigmoid()
    of_teachers: Tensor = loss.discriminator(standardised(several.mean(1))).sigmoid()
    return -(of_students.log().mean() + (1 - of_teachers).log().mean()) / 2


def test_the_discriminator_learns_to_tell_and_the_student_not_to_be_told() -> None:
    loss = _adversarial(weight=0.5)
    seen = Seen(
        _logits(3, 4).requires_grad_(), LABELS, _logits(3, 4), more_logits=_logits(3, 2, 4)
    )
    value = loss(seen)
    learned = list(loss.parameters())
    to_student, *to_weights = torch.autograd.grad(value, [seen.student_logits, *learned])

    student = seen.student_logits.detach().requires_grad_()
    apart = _told_apart(loss, student, seen)
    plain = _plain()(replace(seen, student_logits=student))
    torch.testing.assert_close(value, plain + 0.5 * apart)
    (of_plain,) = torch.autograd.grad(plain, student)
    of_apart, *of_weights = torch.autograd.grad(apart, [student, *learned])
    torch.testing.assert_close(to_student, of_plain - 0.5 * of_apart)
    for found, wanted in zip(to_weights, of_weights, strict=True):
        torch.testing.assert_close(found, 0.5 * wanted)


def test_the_discriminator_learns_to_tell_students_from_teachers() -> None:
    torch.manual_seed(0)
    loss = _adversarial(weight=1.0)
    seen = Seen(_logits(64, 4), torch.zeros(64).long(), _logits(64, 4) + torch.arange(4.0) * 3)
    assert seen.teacher_logits is not None
    seen = replace(seen, more_logits=seen.teacher_logits.unsqueeze(1))
    before = _told_apart(loss, seen.student_logits, seen).item()
    for _ in range(100):
        gradients = torch.autograd.grad(loss(seen), list(loss.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(loss.parameters(), gradients, strict=True):
                parameter.sub_(0.3 * gradient)
    assert _told_apart(loss, seen.student_logits, seen).item() < 0.6 * before


@pytest.mark.parametrize(("classes", "widths"), [(10, [8, 8, 1]), (1000, [125, 15, 1])])
def test_the_discriminators_layers_narrow_as_in_the_source(
    classes: int, widths: list[int]
) -> None:
    loss = Meal(_setting(classes), temperature=1.0, discriminator=True, discriminator_weight=1.0)
    assert loss.discriminator is not None
    layers = [part for part in loss.discriminator if isinstance(part, nn.Linear)]
    assert [layer.out_features for layer in layers] == widths


def test_a_loaded_discriminator_goes_on_as_the_saved_one() -> None:
    saved, loaded = _adversarial(), _adversarial()
    seen = Seen(_logits(3, 4), LABELS, _logits(3, 4), more_logits=_logits(3, 2, 4))
    loaded.load_state_dict(saved.state_dict())
    assert loaded(seen) == saved(seen)


def test_logits_equal_to_the_teachers_cannot_be_told_apart() -> None:
    loss = _adversarial(weight=1.0)
    own = _logits(3, 4)
    seen = Seen(own, LABELS, own, more_logits=own.unsqueeze(1))
    apart = loss(seen) - _plain()(seen)
    assert apart >= math.log(2) - 1e-12


def test_a_missing_teacher_is_refused() -> None:
    with pytest.raises(ShapeError, match="found none"):
        _plain()(Seen(torch.zeros(3, 4), LABELS))
