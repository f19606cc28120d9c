import pytest
import torch
from torch import Tensor

from autokd.distill.losses.annealing import annealing
from autokd.distill.losses.seen import Seen
from autokd.distill.losses.terms import hard_loss
from autokd.errors import ShapeError

LABELS = torch.arange(6) % 4


def _seen(progress: float) -> Seen:
    student, teacher = 2 * torch.randn(2, 6, 4, dtype=torch.float64)
    return Seen(student.requires_grad_(), LABELS, teacher, progress=torch.tensor(progress))


@pytest.mark.parametrize(
    ("progress", "phi"),
    [(0.0, 0.25), (0.19, 0.25), (0.2, 0.5), (0.4, 0.75), (0.6, 1.0), (0.79, 1.0)],
)
def test_first_stage_is_the_mean_square_to_the_teacher_scaled(progress: float, phi: float) -> None:
    seen = _seen(progress)
    assert seen.teacher_logits is not None
    student, teacher = seen.student_logits.tolist(), seen.teacher_logits.tolist()
    squares = [(student[i][c] - phi * teacher[i][c]) ** 2 for i in range(6) for c in range(4)]
    found = annealing(seen, t_max=4, stage_fraction=0.8)
    assert found.item() == pytest.approx(sum(squares) / len(squares), rel=1e-6)


@pytest.mark.parametrize("progress", [0.8, 0.9, 0.999])
def test_second_stage_is_the_hard_labels_alone(progress: float) -> None:
    seen = _seen(progress)
    found = annealing(seen, t_max=4, stage_fraction=0.8)
    hard = hard_loss(seen.student_logits, LABELS)
    assert torch.equal(found, hard)
    (gradient,) = torch.autograd.grad(found, seen.student_logits)
    (expected,) = torch.autograd.grad(hard, seen.student_logits)
    assert torch.equal(gradient, expected)


def test_a_stage_of_the_whole_training_never_ends() -> None:
    seen = _seen(0.9999)
    assert seen.teacher_logits is not None
    gap = (seen.student_logits - seen.teacher_logits).square().mean()
    torch.testing.assert_close(annealing(seen, t_max=4, stage_fraction=1.0), gap)


@pytest.mark.parametrize("progress", [0.0, 0.5, 0.9])
def test_derivative_agrees_with_finite_differences(progress: float) -> None:
    seen = _seen(progress)

    def loss(logits: Tensor) -> Tensor:
        again = Seen(logits, LABELS, seen.teacher_logits, progress=seen.progress)
        return annealing(again, t_max=4, stage_fraction=0.8)

    assert torch.autograd.gradcheck(loss, seen.student_logits)


def test_nothing_is_decided_on_the_host() -> None:
    # A tensor without data refuses to be read.
    logits, progress = torch.zeros(6, 4, device="meta"), torch.zeros((), device="meta")
    seen = Seen(logits, LABELS.to("meta"), logits, progress=progress)
    assert annealing(seen, t_max=4, stage_fraction=0.8).is_meta


def test_a_missing_teacher_is_refused_in_either_stage() -> None:
    with pytest.raises(ShapeError, match="found none"):
        annealing(
            Seen(torch.zeros(6, 4), LABELS, progress=torch.tensor(0.9)),
            t_max=4,
            stage_fraction=0.5,
        )
