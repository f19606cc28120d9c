import math

import pytest
import torch
from torch import Tensor, nn

from autokd.distill.losses.ctkd import Ctkd, reversal
from autokd.distill.losses.kd import kd
from autokd.distill.losses.seen import Seen, Setting

LABELS = torch.arange(6) % 4
RAMPED = torch.tensor(0.5)


def _method(*, t_end: float = 20.0, soft_weight: float = 0.9) -> Ctkd:
    setting = Setting(4, LABELS, 10, nn.Identity(), lambda seed: nn.Identity())
    return Ctkd(
        setting, t_start=1.0, t_end=t_end, decay_fraction=0.25, soft_weight=soft_weight
    ).double()


def _seen(progress: Tensor = RAMPED) -> Seen:
    student, teacher = 3 * torch.randn(2, 6, 4, dtype=torch.float64)
    return Seen(student.requires_grad_(), LABELS, teacher, progress=progress)


def _theta_gradient(method: Ctkd, seen: Seen) -> float:
    (gradient,) = torch.autograd.grad(method(seen), method.theta)
    return float(gradient)


def _moved(method: Ctkd, seen: Seen, theta: float) -> float:
    with torch.no_grad():
        method.theta.fill_(theta)
    return method.forward(seen).item()


def test_temperature_begins_at_fifteen_point_six_two() -> None:
    assert _method().temperature(RAMPED).item() == pytest.approx(15.62, abs=0.005)


@pytest.mark.parametrize(("theta", "temperature"), [(-100.0, 1.0), (0.0, 11.0), (100.0, 21.0)])
def test_temperature_stays_between_its_bounds(theta: float, temperature: float) -> None:
    method = _method()
    nn.init.constant_(method.theta, theta)
    assert method.temperature(RAMPED).item() == pytest.approx(temperature)


def test_loss_is_plain_distillation_at_the_temperature_of_the_moment() -> None:
    method, seen = _method(soft_weight=0.7), _seen()
    temperature = method.temperature(seen.progress).item()
    torch.testing.assert_close(method(seen), kd(seen, temperature=temperature, soft_weight=0.7))


def test_gradient_of_the_student_is_that_of_plain_distillation() -> None:
    method, seen = _method(), _seen()
    temperature = method.temperature(seen.progress).item()
    plain = kd(seen, temperature=temperature, soft_weight=0.9)
    (expected,) = torch.autograd.grad(plain, seen.student_logits)
    (found,) = torch.autograd.grad(method(seen), seen.student_logits)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(("progress", "factor"), [(0.0, 0.0), (0.125, -0.5), (0.25, -1.0)])
def test_gradient_of_the_temperature_is_the_slope_reversed(progress: float, factor: float) -> None:
    method, seen = _method(), _seen(torch.tensor(progress))
    found = _theta_gradient(method, seen)
    step = 1e-5
    slope = (_moved(method, seen, 1 + step) - _moved(method, seen, 1 - step)) / (2 * step)
    assert abs(slope) > 1e-3
    assert found == pytest.approx(factor * slope, rel=1e-5, abs=1e-9)


def test_a_step_of_the_optimizer_makes_distilling_harder() -> None:
    method, seen = _method(), _seen()
    before = method(seen)
    torch.autograd.backward(before)
    torch.optim.SGD(method.parameters(), lr=0.05).step()
    assert method(seen) > before


def test_logits_agree_with_finite_differences() -> None:
    method, seen = _method(), _seen()

    def loss(logits: Tensor) -> Tensor:
        return method.forward(Seen(logits, LABELS, seen.teacher_logits, progress=RAMPED))

    assert torch.autograd.gradcheck(loss, seen.student_logits)


def test_no_width_leaves_the_temperature_where_it_starts() -> None:
    method, seen = _method(t_end=0.0), _seen()
    assert method.temperature(RAMPED) == 1.0
    assert _theta_gradient(method, seen) == 0.0


def test_reversal_follows_the_published_curriculum_of_ten_epochs() -> None:
    published = [-(1 - math.cos(math.pi * min(epoch, 10) / 10)) / 2 for epoch in range(21)]
    found = [
        reversal(torch.tensor(epoch / 240), decay_fraction=10 / 240).item() for epoch in range(21)
    ]
    assert found == pytest.approx(published, abs=1e-5)
    assert found[1] == pytest.approx(-0.02, abs=0.005)
    assert found[10] == found[20] == -1.0


def test_nothing_is_decided_on_the_host() -> None:
    # A tensor without data refuses to be read.
    method = _method().to("meta")
    logits = torch.zeros(6, 4, device="meta", dtype=torch.float64).requires_grad_()
    progress = torch.zeros((), device="meta")
    loss = method(Seen(logits, LABELS.to("meta"), logits, progress=progress))
    torch.autograd.backward(loss)
    assert method.theta.grad is not None
