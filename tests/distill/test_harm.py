from math import sqrt

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, mean_squared_error
from torch import Tensor

from autokd.distill.harm import MOST_CLASSES, harm, rate_changes, recall_changes
from autokd.errors import ShapeError

N_CLASSES = 4


def _drawn(n: int, *, seed: int = 0, accuracy: float = 0.6) -> tuple[Tensor, Tensor, Tensor]:
    """Draw predictions of a student and of a teacher, right about so often, and labels."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % N_CLASSES

    def predicted() -> Tensor:
        guessed = torch.randint(0, N_CLASSES, (n,), generator=generator)
        return torch.where(torch.rand(n, generator=generator) < accuracy, labels, guessed)

    return predicted(), predicted(), labels


def _slow_harm(predicted: Tensor, taught: Tensor, labels: Tensor) -> tuple[float, float]:
    """Follow the definitions class by class, from rates and not from counts."""
    changes = []
    for one in range(N_CLASSES):
        n_with = sum(label == one for label in labels.tolist())
        n_without = len(labels) - n_with
        if not n_with:
            continue
        rates = []
        for said in (predicted.tolist(), taught.tolist()):
            pairs = list(zip(said, labels.tolist(), strict=True))
            false_positives = 1 + sum(s == one and label != one for s, label in pairs)
            false_negatives = 1 + sum(s != one and label == one for s, label in pairs)
            rates.append((false_positives / n_without, false_negatives / n_with))
        (fpr, fnr), (fpr_taught, fnr_taught) = rates
        changes.append(((fpr - fpr_taught) / fpr_taught, (fnr - fnr_taught) / fnr_taught))
    middle = [sum(pair[at] for pair in changes) / len(changes) for at in (0, 1)]
    cev = sum((a - middle[0]) ** 2 + (b - middle[1]) ** 2 for a, b in changes) / len(changes)
    return cev, sum(abs(a - b) for a, b in changes) / len(changes)


def _notebook(predicted: Tensor, taught: Tensor, labels: Tensor) -> tuple[float, float]:
    """Work as the authors' notebook does: in percent, without our one mistake more."""
    changes = []
    for said in (predicted, taught):
        table = confusion_matrix(labels, said, labels=range(N_CLASSES))
        hits = table.diagonal()
        negatives = table.sum() - table.sum(1)
        rates = [(table.sum(0) - hits) / negatives, (table.sum(1) - hits) / table.sum(1)]
        changes.append(np.stack(rates, axis=1))
    percent = 100 * (changes[0] - changes[1]) / changes[1]
    centre = np.broadcast_to(percent.mean(0), percent.shape)
    off_the_line = np.abs(percent[:, 0] - percent[:, 1]) / sqrt(2)
    return float(mean_squared_error(centre, percent)), float(off_the_line.mean())


@given(st.integers(1, 60), st.integers(0, 1000), st.floats(0, 1))
def test_harm_agrees_with_the_definition_class_by_class(
    n: int, seed: int, accuracy: float
) -> None:
    drawn = _drawn(n, seed=seed, accuracy=accuracy) if n > N_CLASSES else _drawn(N_CLASSES + n)
    found = harm(*drawn, num_classes=N_CLASSES)
    cev, sde = _slow_harm(*drawn)
    assert found["cev"].item() == pytest.approx(cev, abs=1e-12)
    assert found["sde"].item() == pytest.approx(sde, abs=1e-12)


def test_many_images_give_the_numbers_of_the_authors_notebook_in_other_units() -> None:
    drawn = _drawn(400_000)
    found = harm(*drawn, num_classes=N_CLASSES)
    cev, sde = _notebook(*drawn)
    assert 5000 * found["cev"].item() == pytest.approx(cev, rel=1e-2)
    assert 100 / sqrt(2) * found["sde"].item() == pytest.approx(sde, rel=1e-2)


def test_mistakes_of_the_teacher_are_no_harm() -> None:
    predicted, _, labels = _drawn(100)
    found = harm(predicted, predicted, labels, num_classes=N_CLASSES)
    assert (found["cev"].item(), found["sde"].item()) == (0, 0)


def test_one_confused_pair_has_the_harm_of_its_closed_form() -> None:
    labels = torch.tensor([0, 0, 1, 1])
    student = torch.tensor([0, 1, 1, 1])  # class 0: a false negative, class 1: a false positive
    changes = rate_changes(student, labels, labels, num_classes=2)
    assert changes.tolist() == [[0, 1], [1, 0]]  # twice the teacher's none, each with one more
    found = harm(student, labels, labels, num_classes=2)
    assert found["cev"].item() == 0.5  # each is half a step from the centroid in both rates
    assert found["sde"].item() == 1


def test_even_harm_has_no_variance_and_lopsided_harm_has_symmetric_error() -> None:
    labels = torch.arange(3).repeat_interleave(2)
    even = torch.tensor([0, 1, 1, 2, 2, 0])  # every class loses one image and gains one
    found = harm(even, labels, labels, num_classes=3)
    assert (found["cev"].item(), found["sde"].item()) == (0, 0)
    greedy = torch.zeros(6, dtype=torch.int64)  # class 0 takes all
    assert harm(greedy, labels, labels, num_classes=3)["sde"].item() == pytest.approx(8 / 3)


def test_a_class_without_images_is_left_out() -> None:
    predicted, taught, labels = _drawn(50)
    few = harm(predicted, taught, labels, num_classes=N_CLASSES)
    more = harm(predicted, taught, labels, num_classes=N_CLASSES + 3)
    assert few == more
    assert len(rate_changes(predicted, taught, labels, num_classes=9)) == N_CLASSES


def test_changes_stay_finite_for_a_teacher_that_is_always_or_never_right() -> None:
    predicted, _, labels = _drawn(40)
    for taught in (labels, (labels + 1) % N_CLASSES):
        changes = rate_changes(predicted, taught, labels, num_classes=N_CLASSES)
        assert changes.isfinite().all()
        assert (changes > -1).all()


def _logits(predicted: Tensor, num_classes: int = N_CLASSES) -> Tensor:
    return torch.nn.functional.one_hot(predicted, num_classes).float()


def test_recall_changes_are_those_of_the_confusion_matrices() -> None:
    predicted, taught, labels = _drawn(203)
    recalls = [
        confusion_matrix(labels, said, normalize="true").diagonal() for said in (predicted, taught)
    ]
    found = recall_changes(_logits(predicted), _logits(taught), labels)
    assert found == pytest.approx(recalls[0] - recalls[1], abs=5.1e-5)


def test_recall_changes_are_0_without_images_and_none_are_kept_of_many_classes() -> None:
    labels = torch.tensor([0, 0])
    student, teacher = _logits(torch.tensor([0, 1])), _logits(torch.tensor([1, 1]))
    assert recall_changes(student, teacher, labels) == (0.5, 0.0, 0.0, 0.0)
    most = torch.zeros(2, MOST_CLASSES)
    assert len(recall_changes(most, most, labels)) == MOST_CLASSES
    many = torch.zeros(2, MOST_CLASSES + 1)
    assert recall_changes(many, many, labels) == ()


def test_recall_of_other_classes_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"one shape, found \(2, 3\) and \(2, 4\)"):
        recall_changes(torch.zeros(2, 3), torch.zeros(2, 4), torch.zeros(2, dtype=torch.int64))
