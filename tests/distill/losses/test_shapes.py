import pytest
import torch
from torch import Tensor

from autokd.distill.losses.shapes import check_indices, check_labels, check_same
from autokd.errors import ShapeError


def test_fitting_shapes_pass_and_the_teacher_is_handed_back() -> None:
    student, teacher = torch.zeros(2, 3), torch.ones(2, 3)
    check_labels(student, torch.zeros(2, dtype=torch.int64))
    check_labels(student, torch.full((2, 3), 1 / 3))
    assert check_same(student, teacher) is teacher


@pytest.mark.parametrize(
    "labels",
    [torch.zeros(2, 3, dtype=torch.int64), torch.zeros(2), torch.zeros(2, 4), torch.zeros(3)],
)
def test_labels_that_are_neither_indices_nor_probabilities_are_refused(labels: Tensor) -> None:
    with pytest.raises(ShapeError, match=r"or probabilities .*, found \(2, 3\) and \("):
        check_labels(torch.zeros(2, 3), labels)


def test_a_missing_teacher_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"shape \(2, 3\) are needed, found none"):
        check_same(torch.zeros(2, 3), None)


@pytest.mark.parametrize("shape", [(2, 4), (3, 3), (2,), (2, 3, 1)])
def test_a_teacher_with_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"found \(2, 3\) and"):
        check_same(torch.zeros(2, 3), torch.zeros(shape))


def test_class_indices_are_handed_back() -> None:
    labels = torch.zeros(2, dtype=torch.int64)
    assert check_indices(torch.zeros(2, 3), labels) is labels


@pytest.mark.parametrize(
    "labels", [torch.full((2, 3), 1 / 3), torch.zeros(2), torch.zeros(3, dtype=torch.int64)]
)
def test_labels_that_are_not_one_class_index_an_image_are_refused(labels: Tensor) -> None:
    with pytest.raises(ShapeError, match=r"class indices \(batch,\), found \(2, 3\) and torch"):
        check_indices(torch.zeros(2, 3), labels)
