import pytest
import torch

from autokd.distill.losses.none import none
from autokd.distill.losses.seen import Seen
from autokd.distill.losses.terms import hard_loss
from autokd.errors import ShapeError


def test_loss_is_the_cross_entropy_with_the_hard_labels() -> None:
    logits, labels = torch.randn(4, 3, dtype=torch.float64), torch.tensor([0, 1, 2, 0])
    expected = -logits.softmax(dim=1)[range(4), labels].log().mean()
    torch.testing.assert_close(none(Seen(logits, labels)), expected)


def test_labels_may_be_probabilities() -> None:
    logits, shares = torch.randn(4, 3), torch.softmax(torch.randn(4, 3), dim=1)
    assert torch.equal(none(Seen(logits, shares)), hard_loss(logits, shares))


def test_neither_teacher_nor_progress_is_read() -> None:
    logits, labels = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    teacher = torch.full((4, 3), torch.nan)
    seen = Seen(logits, labels, teacher, progress=torch.tensor(torch.nan), standardises=True)
    assert torch.equal(none(seen), none(Seen(logits, labels)))


def test_derivative_agrees_with_finite_differences() -> None:
    logits, labels = torch.randn(4, 3, dtype=torch.float64), torch.tensor([0, 1, 2, 0])
    assert torch.autograd.gradcheck(lambda z: none(Seen(z, labels)), logits.requires_grad_())


def test_labels_of_another_batch_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"found \(4, 3\) and \(5,\)"):
        none(Seen(torch.randn(4, 3), torch.zeros(5, dtype=torch.int64)))
