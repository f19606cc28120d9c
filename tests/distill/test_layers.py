from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision import models

from autokd.distill.layers import block_levels, map_layers
from autokd.graphs import InputShape
from autokd.teachers import Normalised, zoo_model


def _images(size: int = 8, *, channels: int = 1) -> Tensor:
    return torch.full((2, channels, size, size), 0.5)


def _conv(width: int, channels: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(width, channels, kernel, stride, padding=kernel // 2)


class _Block(nn.Module):
    """A residual block that overwrites in place, as torchvision's do."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = _conv(width, width)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = _conv(width, width)

    def forward(self, maps: Tensor) -> Tensor:
        inner: Tensor = self.conv2(self.relu(self.bn1(self.conv1(maps))))
        inner += maps
        result: Tensor = self.relu(inner)
        return result


class _Body(nn.Module):
    """Two stages in one part, whose code runs them."""

    def __init__(self) -> None:
        super().__init__()
        self.stage1 = nn.Sequential(_conv(1, 4), nn.ReLU())
        self.stage2 = nn.Sequential(_conv(4, 4, stride=2), nn.ReLU())

    def forward(self, images: Tensor) -> Tensor:
        maps: Tensor = self.stage2(self.stage1(images))
        return maps


def _classifier(*parts: nn.Module, width: int) -> nn.Sequential:
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 3)]
    return nn.Sequential(*parts, *head)


def _names(network: nn.Module, images: Tensor) -> list[str]:
    return [*map_layers(network, images)]


def _outermost(network: nn.Module, images: Tensor) -> list[str]:
    return block_levels(network, map_layers(network, images))[0]


def test_layers_come_in_the_order_in_which_they_end() -> None:
    network = _classifier(nn.Sequential(_conv(1, 4), nn.ReLU()), _conv(4, 4), width=4)
    layers = map_layers(network, _images())
    assert [*layers] == ["0.0", "0.1", "0", "1"]
    assert layers["0"] is layers["0.1"]
    assert layers["1"].shape == (2, 4, 8, 8)


def test_a_part_that_runs_twice_stands_where_it_ran_last() -> None:
    relu = nn.ReLU()
    network = _classifier(relu, _conv(1, 4), relu, width=4)
    assert _names(network, _images()) == ["1", "0"]


def test_pooled_maps_are_no_layers() -> None:
    parts = (_conv(1, 4), nn.MaxPool2d(2), _conv(4, 4), nn.AvgPool2d(2))
    network = _classifier(nn.Sequential(*parts), nn.AdaptiveAvgPool2d(7), width=4)
    assert _names(network, _images()) == ["0.0", "0.2"]


def test_a_description_of_the_whole_image_is_no_layer() -> None:
    class Squeezed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.excite = _conv(4, 4, kernel=1)

        def forward(self, maps: Tensor) -> Tensor:
            weights: Tensor = self.excite(maps.mean(dim=(2, 3), keepdim=True))
            return maps * weights

    network = _classifier(_conv(1, 4), Squeezed(), width=4)
    assert _names(network, _images()) == ["0", "1"]


def test_maps_of_one_pixel_are_layers_where_the_network_looks_at_neighbours() -> None:
    parts = (_conv(1, 4), _conv(4, 4, stride=2), _conv(4, 4, stride=2))
    assert _names(_classifier(*parts, width=4), _images(4)) == ["0", "1", "2"]


def test_what_is_not_square_or_not_of_each_image_is_no_layer() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = _conv(1, 4)
            self.wide, self.mixed, self.large = nn.Identity(), nn.Identity(), nn.Identity()

        def forward(self, images: Tensor) -> Tensor:
            maps: Tensor = self.conv(images)
            self.wide(maps.permute(0, 2, 3, 1))
            self.mixed(maps.flatten(0, 1)[:, None])
            self.large(functional.interpolate(maps, scale_factor=2.0))
            return maps.mean(dim=(2, 3))

    assert _names(Odd(), _images()) == ["conv"]


def test_the_network_is_left_as_it_was() -> None:
    network = _classifier(_conv(1, 4), nn.BatchNorm2d(4), width=4).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    map_layers(network, _images())
    assert all(part.training and not part._forward_hooks for part in network.modules())
    assert all(torch.equal(network.state_dict()[name], before[name]) for name in before)


def test_a_network_that_refuses_the_images_is_left_without_hooks() -> None:
    network = _classifier(_conv(1, 4), width=4)
    with pytest.raises(RuntimeError):
        map_layers(network, _images(channels=2))
    assert not any(part._forward_hooks for part in network.modules())


def test_blocks_are_not_opened_and_rows_of_blocks_are() -> None:
    rows = (nn.Sequential(_Block(4), _Block(4)), nn.Sequential(_Block(4)))
    network = _classifier(_conv(1, 4), nn.ReLU(), *rows, width=4)
    # A row is named for its last block, which gives the same maps.
    assert _outermost(network, _images()) == ["1", "2.0", "2", "3"]


def test_the_second_level_opens_blocks() -> None:
    network = _classifier(_conv(1, 4), _Block(4), width=4)
    layers = map_layers(network, _images())
    # The second convolution's maps are overwritten in place, and so are those of the block.
    assert block_levels(network, layers) == [["0", "1"], ["0", "1.conv1", "1"]]


def test_what_follows_a_convolution_in_a_row_belongs_to_it() -> None:
    parts = (_conv(1, 4), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.ReLU())
    network = _classifier(*parts, _conv(4, 4), width=4)
    assert _outermost(network, _images()) == ["2", "5"]


def test_a_block_that_pools_in_the_end_gives_what_it_had_before() -> None:
    block = nn.Sequential(OrderedDict(conv=_conv(1, 4), relu=nn.ReLU(), pool=nn.MaxPool2d(2)))
    assert _outermost(_classifier(block, width=4), _images()) == ["0.relu"]


def test_kernels_of_any_class_convolve() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kernel = nn.Parameter(torch.randn(4, 1, 3, 3))

        def forward(self, images: Tensor) -> Tensor:
            return functional.conv2d(images, self.kernel, padding=1)

    assert _outermost(_classifier(Own(), width=4), _images()) == ["0"]


def test_a_body_of_stages_is_one_block_until_it_is_opened() -> None:
    network = _classifier(_Body(), width=4)
    levels = block_levels(network, map_layers(network, _images()))
    assert levels == [["0"], ["0.stage1", "0"]]


def test_a_network_without_convolutions_has_no_blocks() -> None:
    network = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    assert block_levels(network, map_layers(network, _images())) == [[]]


def test_blocks_of_a_zoo_network_are_its_residual_blocks() -> None:
    shape = InputShape(1, 8, 3)
    network = Normalised(zoo_model("resnet14", shape), mean=[0.5], std=[0.2])
    expected = ["conv1", *(f"layer{stage}{end}" for stage in (1, 2, 3) for end in (".0", ""))]
    assert _outermost(network, _images()) == [f"module.{name}" for name in expected]


@pytest.mark.parametrize(
    ("name", "some"),
    [
        ("resnet18", {"conv1", "layer1.0", "layer1", "layer4"}),
        ("mobilenet_v2", {"features.0", "features.6", "features.13", "features"}),
        ("vgg11", {"features.1", "features.4", "features.19"}),
    ],
)
def test_blocks_of_torchvisions_networks_are_what_their_papers_call_so(
    name: str, some: set[str]
) -> None:
    network = models.get_model(name, weights=None, num_classes=3).eval()
    found = _outermost(network, _images(32, channels=3))
    assert some <= {*found}
    assert len(found) == {"resnet18": 9, "mobilenet_v2": 19, "vgg11": 8}[name]
