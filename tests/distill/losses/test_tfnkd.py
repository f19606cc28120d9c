import math

import pytest
import torch

from autokd.distill.losses.seen import Seen
from autokd.distill.losses.terms import hard_loss
from autokd.distill.losses.tfnkd import tfnkd
from autokd.errors import ShapeError

LABELS = torch.arange(6) % 4


def _weights(logits: torch.Tensor) -> list[float]:
    rows = zip(logits.softmax(dim=1).tolist(), LABELS.tolist(), strict=True)
    confidences = [row[label] for row, label in rows]
    return [p + 1 - sum(confidences) / len(confidences) for p in confidences]


def test_loss_is_the_formula_written_out() -> None:
    logits = 2 * torch.randn(6, 4, dtype=torch.float64)
    rows = zip(logits.softmax(dim=1).tolist(), LABELS.tolist(), _weights(logits), strict=True)
    expected = -sum((1 + weight) * math.log(row[label]) for row, label, weight in rows) / 6
    assert tfnkd(Seen(logits, LABELS)).item() == pytest.approx(expected, rel=1e-12)


def test_images_the_student_is_equally_sure_of_count_twice() -> None:
    logits = torch.randn(1, 4, dtype=torch.float64)
    rolled = torch.cat([logits.roll(int(label), dims=1) for label in LABELS])
    torch.testing.assert_close(tfnkd(Seen(rolled, LABELS)), 2 * hard_loss(rolled, LABELS))


def test_gradient_is_the_weighted_probability_gap_for_weights_carry_none() -> None:
    logits = (2 * torch.randn(6, 4, dtype=torch.float64)).requires_grad_()
    (found,) = torch.autograd.grad(tfnkd(Seen(logits, LABELS)), logits)
    weights = torch.tensor(_weights(logits.detach()), dtype=torch.float64).unsqueeze(1)
    gap = logits.softmax(dim=1) - torch.nn.functional.one_hot(LABELS, 4)
    torch.testing.assert_close(found, ((1 + weights) * gap / 6).detach())


def test_labels_that_are_probabilities_are_refused() -> None:
    with pytest.raises(ShapeError, match="class indices"):
        tfnkd(Seen(torch.zeros(6, 4), torch.full((6, 4), 0.25)))
