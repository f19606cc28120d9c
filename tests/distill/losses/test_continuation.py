from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from autokd.distill.losses.continuation import continuation, sharpness, squared_gaps
from autokd.distill.losses.seen import Seen
from autokd.distill.losses.terms import hard_loss
from autokd.errors import ShapeError

LABELS = torch.arange(6) % 4


def _seen(progress: float = 0.0) -> Seen:
    student, teacher = 2 * torch.randn(2, 6, 4, dtype=torch.float64)
    return Seen(student, LABELS, teacher, progress=torch.tensor(progress, dtype=torch.float64))


def _written_out(
    seen: Seen, *, epoch: int, n_epochs: int, t_max: int, margin: float, n_soft: int
) -> float:
    """Follow the paper's loop over epochs, whose temperature is lowered over the soft part."""
    temperature = t_max
    for passed in range(1, min(epoch, n_soft) + 1):
        if passed % (n_soft // t_max) == 0 and temperature > 1:
            temperature -= 1
    phi = 1 - (temperature - 1) / t_max
    psi = min(epoch / n_soft, 1.0)
    assert seen.teacher_logits is not None
    soft = 0.0
    for student, teacher in zip(
        seen.student_logits.tolist(), seen.teacher_logits.tolist(), strict=True
    ):
        gaps = [(a - phi * b) ** 2 for a, b in zip(student, teacher, strict=True)]
        soft += max(0.0, sum(gaps) / len(gaps) - margin * phi)
    hard = hard_loss(seen.student_logits, LABELS).item()
    assert epoch < n_epochs
    return psi * hard + (1 - psi) * soft / len(LABELS)


@pytest.mark.parametrize("margin", [0.0, 1.0, 10.0])
@pytest.mark.parametrize("epoch", [0, 1, 7, 74, 75, 149, 150, 199])
def test_loss_is_the_papers_loop_over_epochs(epoch: int, margin: float) -> None:
    seen = _seen(epoch / 200)
    expected = _written_out(seen, epoch=epoch, n_epochs=200, t_max=10, margin=margin, n_soft=150)
    found = continuation(seen, t_max=10, margin=margin, hard_fraction=0.75)
    assert found.item() == pytest.approx(expected, rel=1e-9)


def test_the_first_step_has_no_hard_labels() -> None:
    seen = _seen(0.0)
    other = replace(seen, labels=(LABELS + 1) % 4)
    values = [continuation(s, t_max=5, margin=0.0, hard_fraction=0.5) for s in (seen, other)]
    assert values[0] == values[1] > 0


@pytest.mark.parametrize("progress", [0.5, 0.75, 0.999])
def test_the_last_part_has_hard_labels_alone(progress: float) -> None:
    seen = _seen(progress)
    found = continuation(seen, t_max=5, margin=1.0, hard_fraction=0.5)
    assert torch.equal(found, hard_loss(seen.student_logits, LABELS))


def test_gaps_within_the_margin_cost_nothing() -> None:
    _, teacher = torch.randn(2, 6, 4, dtype=torch.float64)
    student = (teacher / 5 + 0.1).requires_grad_()
    # The first of five steps: a fifth of the teacher, and of the margin.
    seen = Seen(student, LABELS, teacher)
    inside = continuation(seen, t_max=5, margin=0.01 * 5 + 1e-6, hard_fraction=0.5)
    outside = continuation(seen, t_max=5, margin=0.01 * 5 - 1e-6, hard_fraction=0.5)
    (gradient,) = torch.autograd.grad(inside, student)
    assert inside == 0
    assert not gradient.any()
    assert outside > 0


@pytest.mark.parametrize("progress", [0.0, 0.2, 0.6])
def test_derivative_agrees_with_finite_differences(progress: float) -> None:
    seen = _seen(progress)

    def loss(logits: Tensor) -> Tensor:
        again = Seen(logits, LABELS, seen.teacher_logits, progress=seen.progress)
        return continuation(again, t_max=5, margin=0.5, hard_fraction=0.5)

    assert torch.autograd.gradcheck(loss, seen.student_logits.requires_grad_())


def test_teacher_grows_by_equal_steps_to_its_full_size() -> None:
    shares = torch.tensor([0.0, 0.24, 0.25, 0.5, 0.75, 0.99, 1.0])
    found = sharpness(shares, t_max=4)
    torch.testing.assert_close(found, torch.tensor([0.25, 0.25, 0.5, 0.75, 1.0, 1.0, 1.0]))


@given(
    shares=st.tuples(st.floats(0, 1, width=32), st.floats(0, 1, width=32)),
    t_max=st.integers(1, 1000),
)
def test_teacher_never_shrinks_and_never_exceeds_itself(
    shares: tuple[float, float], t_max: int
) -> None:
    first, second = sharpness(torch.tensor(sorted(shares)), t_max=t_max).tolist()
    assert 1 / t_max - 1e-6 <= first <= second <= 1


def test_gap_is_a_mean_over_the_classes() -> None:
    seen = Seen(torch.full((6, 4), 3.0), LABELS, torch.full((6, 4), 2.0))
    assert squared_gaps(seen, scale=torch.tensor(0.5)).tolist() == [4.0] * 6


def test_nothing_is_decided_on_the_host() -> None:
    # A tensor without data refuses to be read.
    logits, progress = torch.zeros(6, 4, device="meta"), torch.zeros((), device="meta")
    seen = Seen(logits, LABELS.to("meta"), logits, progress=progress)
    assert continuation(seen, t_max=5, margin=1.0, hard_fraction=0.5).is_meta


def test_a_missing_teacher_is_refused() -> None:
    with pytest.raises(ShapeError, match="found none"):
        continuation(Seen(torch.zeros(6, 4), LABELS), t_max=5, margin=0.0, hard_fraction=1.0)
