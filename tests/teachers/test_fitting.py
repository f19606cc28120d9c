"""A teacher that does not fit the data is refused with the numbers that were found."""

import pytest
import torch
from torch import Tensor, nn

from autokd.errors import TeacherError
from autokd.graphs.ir import InputShape
from autokd.teachers.fitting import check_fits, freeze
from autokd.teachers.normalised import Normalised
from autokd.teachers.zoo import cifar_resnet


class Answers(nn.Module):
    """Answers the same to everything."""

    def __init__(self, answer: object) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, images: Tensor) -> object:
        return self.answer


def resnet(channels: int = 3, num_classes: int = 10) -> nn.Module:
    return freeze(cifar_resnet(8, channels=channels, num_classes=num_classes))


def test_fitting_teacher_passes() -> None:
    check_fits(resnet(), InputShape(3, 32, 10))


def test_teacher_of_other_classes_is_refused_with_both_numbers() -> None:
    with pytest.raises(TeacherError, match="answers with 100 classes, the data have 10"):
        check_fits(resnet(num_classes=100), InputShape(3, 32, 10))


def test_teacher_of_other_channels_is_refused_with_both_numbers() -> None:
    with pytest.raises(TeacherError, match=r"cannot read images of 1x28x28: .*3 channels"):
        check_fits(resnet(), InputShape(1, 28, 10))


def test_normalised_colour_teacher_is_refused_for_grey_images() -> None:
    teacher = Normalised(resnet(), mean=[0.5] * 3, std=[0.2] * 3)
    with pytest.raises(TeacherError, match="images of 1x28x28: images of 3 channels expected"):
        check_fits(teacher, InputShape(1, 28, 10))


def test_teacher_of_another_size_is_refused() -> None:
    teacher = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10))
    with pytest.raises(TeacherError, match=r"cannot read images of 3x8x8: .*mat1 and mat2 shapes"):
        check_fits(teacher, InputShape(3, 8, 10))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"out": 1}, "must answer with a tensor of logits, found dict"),
        (torch.zeros(2, 10, 4, 4), r"answer 2 images with \(2, classes\), found \(2, 10, 4, 4\)"),
        (torch.zeros(1, 10), r"answer 2 images with \(2, classes\), found \(1, 10\)"),
        (torch.full((2, 10), torch.nan), "logits are not finite"),
    ],
)
def test_answers_that_are_no_logits_are_refused(answer: object, message: str) -> None:
    with pytest.raises(TeacherError, match=message):
        check_fits(Answers(answer), InputShape(3, 8, 10))


def test_error_of_the_users_own_network_is_not_hidden() -> None:
    class Broken(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        check_fits(Broken(), InputShape(3, 8, 10))


def test_frozen_teacher_does_not_change() -> None:
    teacher = freeze(cifar_resnet(8, channels=3, num_classes=10))
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    logits = teacher(torch.rand(4, 3, 8, 8))
    assert not logits.requires_grad
    assert all(torch.equal(teacher.state_dict()[name], before[name]) for name in before)
