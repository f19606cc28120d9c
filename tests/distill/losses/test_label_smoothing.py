import math

import pytest
import torch

from autokd.distill.losses.label_smoothing import label_smoothing
from autokd.distill.losses.none import none
from autokd.distill.losses.seen import Seen
from autokd.distill.losses.terms import hard_loss
from autokd.errors import ShapeError

LABELS = torch.arange(6) % 4


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.99])
def test_loss_is_the_cross_entropy_with_smoothed_labels(smoothing: float) -> None:
    logits = torch.randn(6, 4, dtype=torch.float64)
    total = 0.0
    for row, label in zip(logits.softmax(dim=1).tolist(), LABELS.tolist(), strict=True):
        for c, probability in enumerate(row):
            target = (1 - smoothing) * (c == label) + smoothing / 4
            total -= target * math.log(probability)
    found = label_smoothing(Seen(logits, LABELS), smoothing=smoothing)
    assert found.item() == pytest.approx(total / 6, rel=1e-12)


def test_no_smoothing_is_exactly_no_method() -> None:
    seen = Seen(torch.randn(6, 4), LABELS)
    assert torch.equal(label_smoothing(seen, smoothing=0.0), none(seen))


def test_labels_that_are_probabilities_are_smoothed_too() -> None:
    logits = torch.randn(6, 4, dtype=torch.float64)
    shares = torch.softmax(torch.randn(6, 4, dtype=torch.float64), dim=1)
    found = label_smoothing(Seen(logits, shares), smoothing=0.2)
    torch.testing.assert_close(found, hard_loss(logits, 0.8 * shares + 0.05))


def test_derivative_agrees_with_finite_differences() -> None:
    logits = torch.randn(6, 4, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda z: label_smoothing(Seen(z, LABELS), smoothing=0.1), logits
    )


def test_labels_of_another_batch_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"found \(5, 4\) and \(6,\)"):
        label_smoothing(Seen(torch.zeros(5, 4), LABELS), smoothing=0.1)
