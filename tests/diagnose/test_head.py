import pytest
import torch
from torch import Tensor, nn

from autokd.diagnose.head import linear_head
from autokd.errors import TeacherError
from autokd.graphs import InputShape
from autokd.teachers import freeze
from autokd.teachers.normalised import Normalised
from autokd.teachers.zoo import zoo_model


def images(n: int = 7, *, size: int = 8) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, 1, size, size), generator=generator).to(torch.uint8)


class Doubles(nn.Module):
    """Does something after its last linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.linear(x.flatten(1))
        return 2 * logits


def test_head_of_a_zoo_teacher_gives_its_logits_back() -> None:
    network = zoo_model("resnet8", InputShape(1, 8, 10))
    teacher = freeze(Normalised(network, mean=[0.3], std=[0.2]))
    head = linear_head(teacher, images())
    assert head.features.shape == (7, 64)
    logits = teacher(images().float() / 255)
    assert torch.allclose(head.features @ head.weight.T + head.bias, logits, atol=1e-5)


def test_features_of_a_linear_teacher_are_its_pixels_and_a_missing_bias_is_0() -> None:
    teacher = freeze(nn.Sequential(nn.Flatten(), nn.Linear(64, 10, bias=False)))
    head = linear_head(teacher, images())
    assert torch.allclose(head.features, images().flatten(1) / 255)
    assert head.bias.tolist() == [0.0] * 10


def test_the_last_of_several_linear_layers_of_one_width_is_found() -> None:
    last = nn.Linear(10, 10)
    head = linear_head(freeze(nn.Sequential(nn.Flatten(), nn.Linear(64, 10), last)), images())
    assert torch.equal(head.weight, last.weight)


def test_hooks_are_gone_afterwards() -> None:
    layer = nn.Linear(64, 10)
    linear_head(freeze(nn.Sequential(nn.Flatten(), layer)), images())
    assert not layer._forward_hooks
    assert not layer._forward_pre_hooks


@pytest.mark.parametrize("teacher", [Doubles(), nn.Sequential(nn.Conv2d(1, 10, 8), nn.Flatten())])
def test_a_teacher_whose_last_layer_is_not_linear_is_refused(teacher: nn.Module) -> None:
    with pytest.raises(TeacherError, match="do not come straight from a linear layer"):
        linear_head(freeze(teacher), images())
