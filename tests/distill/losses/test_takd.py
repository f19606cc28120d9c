import pytest
import torch
from torch import Tensor

from autokd.distill.losses.kd import kd
from autokd.distill.losses.seen import Seen
from autokd.distill.losses.takd import takd
from autokd.errors import ShapeError

LABELS = torch.tensor([0, 3, 1])


def _logits(*shape: int, scale: float = 3.0) -> Tensor:
    return scale * torch.randn(*shape, dtype=torch.float64)


def test_it_is_plain_distillation_from_the_last_assistant() -> None:
    student, assistants = _logits(3, 4), _logits(3, 2, 4)
    seen = Seen(student, LABELS, _logits(3, 4), assistant_logits=assistants)
    found = takd(seen, temperature=2.0, soft_weight=0.7)
    chained = kd(Seen(student, LABELS, assistants[:, 1]), temperature=2.0, soft_weight=0.7)
    assert torch.equal(found, chained)


def test_a_chain_of_one_assistant_needs_no_teacher() -> None:
    student, assistants = _logits(3, 4), _logits(3, 1, 4)
    seen = Seen(student, LABELS, assistant_logits=assistants)
    found = takd(seen, temperature=2.0, soft_weight=1.0)
    alone = kd(Seen(student, LABELS, assistants[:, 0]), temperature=2.0, soft_weight=1.0)
    assert torch.equal(found, alone)


def test_derivative_agrees_with_finite_differences() -> None:
    student, assistants = _logits(3, 4).requires_grad_(), _logits(3, 2, 4)
    assert torch.autograd.gradcheck(
        lambda logits: takd(
            Seen(logits, LABELS, assistant_logits=assistants), temperature=2.5, soft_weight=0.7
        ),
        student,
    )


def test_a_study_without_assistants_is_refused() -> None:
    with pytest.raises(ShapeError, match="at least one assistant"):
        takd(Seen(torch.zeros(3, 4), LABELS), temperature=1.0, soft_weight=0.5)
