import math

import pytest
import torch

from autokd.distill.losses.none import hard_label_loss
from autokd.errors import ShapeError


def test_even_logits_cost_the_log_of_the_number_of_classes() -> None:
    loss = hard_label_loss(torch.zeros(3, 5), None, torch.tensor([0, 3, 4]))
    assert loss.item() == pytest.approx(math.log(5))


def test_loss_of_two_classes_is_a_softplus_of_the_gap() -> None:
    logits = torch.tensor([[2.0, -1.0], [0.5, 0.0]], dtype=torch.float64)
    expected = (math.log1p(math.exp(-3.0)) + math.log1p(math.exp(0.5))) / 2
    loss = hard_label_loss(logits, None, torch.tensor([0, 1]))
    assert loss.item() == pytest.approx(expected, abs=1e-12)


def test_probabilities_cost_their_mean_over_the_classes_they_name() -> None:
    logits = torch.tensor([[2.0, -1.0, 0.3]], dtype=torch.float64)
    single = [hard_label_loss(logits, None, torch.tensor([label])).item() for label in range(3)]
    shares = torch.tensor([[0.25, 0.75, 0.0]], dtype=torch.float64)
    mixed = hard_label_loss(logits, None, shares).item()
    assert mixed == pytest.approx(0.25 * single[0] + 0.75 * single[1], abs=1e-12)


def test_certain_probabilities_cost_what_the_label_does() -> None:
    logits, labels = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    certain = torch.nn.functional.one_hot(labels, 3).float()
    expected = hard_label_loss(logits, None, labels)
    assert torch.allclose(hard_label_loss(logits, None, certain), expected)


def test_the_teacher_is_not_read() -> None:
    logits, labels = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    with_teacher = hard_label_loss(logits, torch.full((4, 3), torch.nan), labels)
    assert torch.equal(with_teacher, hard_label_loss(logits, None, labels))


def test_labels_of_another_batch_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"found \(4, 3\) and \(5,\)"):
        hard_label_loss(torch.randn(4, 3), None, torch.zeros(5, dtype=torch.int64))
