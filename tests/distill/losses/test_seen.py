import pytest
import torch

from autokd.distill.losses.seen import Seen, standardised
from autokd.errors import ShapeError

LOGITS = torch.tensor([[1.0, 2.0, 6.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
LABELS = torch.tensor([2, 0])


def test_each_row_gets_mean_0_and_deviation_1() -> None:
    found = standardised(LOGITS)
    torch.testing.assert_close(found.mean(dim=1), torch.zeros(2).double())
    torch.testing.assert_close(found[0].square().mean(), torch.ones(()).double())


def test_a_constant_row_becomes_0_and_has_a_gradient() -> None:
    logits = LOGITS.clone().requires_grad_()
    found = standardised(logits)
    assert torch.equal(found[1], torch.zeros(3).double())
    torch.autograd.backward(found.sum())
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_a_pair_carries_gradients_to_the_student_alone() -> None:
    student, teacher = (LOGITS.clone().requires_grad_() for _ in range(2))
    ours, theirs = Seen(student, LABELS, teacher).pair()
    assert ours.requires_grad
    assert not theirs.requires_grad


def test_a_pair_is_standardised_on_demand() -> None:
    ours, theirs = Seen(LOGITS, LABELS, 5 * LOGITS + 1, standardises=True).pair()
    torch.testing.assert_close(ours, theirs)
    assert Seen(LOGITS, LABELS, LOGITS).pair()[0] is LOGITS


def test_a_pair_without_a_teacher_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"teacher logits of shape \(2, 3\) are needed"):
        Seen(LOGITS, LABELS).pair()
