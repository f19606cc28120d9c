"""The zoo is He et al.'s: its sizes, its shortcut, its names."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from autokd.errors import TeacherError
from autokd.graphs.ir import InputShape
from autokd.teachers.zoo import ZOO, CifarResNet, cifar_resnet, zoo_model


def count(network: CifarResNet) -> int:
    return sum(weight.numel() for weight in network.parameters())


@pytest.mark.parametrize(("depth", "params"), [(20, 269_722), (32, 464_154), (56, 853_018)])
def test_params_are_the_published_ones(depth: int, params: int) -> None:
    assert count(cifar_resnet(depth, channels=3, num_classes=10)) == params


@pytest.mark.parametrize("name", ZOO)
def test_layers_with_weights_are_as_many_as_the_name_says(name: str) -> None:
    network = zoo_model(name, InputShape(1, 8, 7))
    n_layers = sum(weight.dim() > 1 for weight in network.parameters())
    assert f"resnet{n_layers}" == name


def test_names_are_those_of_published_checkpoints() -> None:
    names = set(cifar_resnet(20, channels=3, num_classes=10).state_dict())
    expected = {"conv1.weight", "bn1.running_var", "linear.weight", "linear.bias"}
    for stage in (1, 2, 3):
        for block in (0, 1, 2):
            for layer in ("conv1.weight", "conv2.weight", "bn1.weight", "bn2.running_mean"):
                expected.add(f"layer{stage}.{block}.{layer}")
    assert expected <= names
    assert not any("shortcut" in name for name in names)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [8, 9, 28, 224])
def test_any_square_image_from_8_to_224_pixels_works(channels: int, size: int) -> None:
    network = cifar_resnet(8, channels=channels, num_classes=5).eval()
    assert network(torch.rand(1, channels, size, size)).shape == (1, 5)


def reference(network: CifarResNet, images: Tensor) -> Tensor:
    """The network of depth 8, in eval mode, one line a layer."""
    state = network.state_dict()

    def conv(maps: Tensor, name: str, stride: int = 1) -> Tensor:
        maps = functional.conv2d(maps, state[f"{name}.weight"], stride=stride, padding=1)
        norm = name.replace("conv", "bn")
        mean, var = state[f"{norm}.running_mean"], state[f"{norm}.running_var"]
        return functional.batch_norm(
            maps, mean, var, state[f"{norm}.weight"], state[f"{norm}.bias"]
        )

    maps = conv(images, "conv1").relu()
    for stage in (1, 2, 3):
        inner = conv(maps, f"layer{stage}.0.conv1", 1 if stage == 1 else 2).relu()
        shortcut = maps
        if stage > 1:
            shortcut = torch.zeros_like(conv(inner, f"layer{stage}.0.conv2"))
            quarter = shortcut.shape[1] // 4
            shortcut[:, quarter:-quarter] = maps[:, :, 0::2, 0::2]
        maps = (conv(inner, f"layer{stage}.0.conv2") + shortcut).relu()
    average = maps.mean((2, 3))
    return functional.linear(average, state["linear.weight"], state["linear.bias"])


@pytest.mark.parametrize("size", [8, 11])
def test_shortcut_takes_every_second_pixel_and_pads_a_quarter_each_side(size: int) -> None:
    network = cifar_resnet(8, channels=3, num_classes=10).eval()
    images = torch.rand(2, 3, size, size)
    with torch.no_grad():
        torch.testing.assert_close(network(images), reference(network, images))


def test_seed_alone_decides_the_weights() -> None:
    before = torch.get_rng_state()
    first = cifar_resnet(8, channels=1, num_classes=10, seed=5).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    again = cifar_resnet(8, channels=1, num_classes=10, seed=5).state_dict()
    other = cifar_resnet(8, channels=1, num_classes=10, seed=6).state_dict()
    drawn = [name for name, value in first.items() if value.dim() > 1]
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in drawn)


@pytest.mark.parametrize("depth", [2, 18, 21, 116])
def test_depths_of_another_form_are_refused(depth: int) -> None:
    with pytest.raises(TeacherError, match=rf"6n \+ 2 layers, 8 to 110, found {depth}"):
        cifar_resnet(depth, channels=3, num_classes=10)


@pytest.mark.parametrize("name", ["resnet21", "resnet", "xresnet20"])
def test_unknown_names_are_refused_with_the_nearest(name: str) -> None:
    message = rf"\[teacher.model\] must be one of .*found '{name}'; did you mean 'resnet\d+'"
    with pytest.raises(TeacherError, match=message):
        zoo_model(name, InputShape(1, 8, 10))
