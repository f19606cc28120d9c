import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from autokd.distill.hints import _centres, clustered_names, linear_cka, stage_names
from autokd.errors import TeacherError
from autokd.graphs import InputShape
from autokd.teachers import Normalised, zoo_model

SHAPE = InputShape(1, 8, 3)
IMAGES = torch.randint(
    0, 256, (40, 1, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
)


def _conv(width: int, channels: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(nn.Conv2d(width, channels, 3, stride, padding=1), nn.ReLU())


def _classifier(*parts: nn.Module, width: int) -> nn.Sequential:
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 3))


def _features(n_images: int, n_features: int, *, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n_images, n_features, generator=generator, dtype=torch.float64)


# Stages.


def test_stages_of_a_zoo_network_end_with_its_layers() -> None:
    assert stage_names(zoo_model("resnet14", SHAPE), SHAPE) == ("layer1", "layer2", "layer3")


def test_stages_are_found_behind_a_normalisation() -> None:
    teacher = Normalised(zoo_model("resnet8", SHAPE), mean=[0.5], std=[0.2])
    found = stage_names(teacher, SHAPE)
    assert found == ("module.layer1", "module.layer2", "module.layer3")


def test_of_more_than_three_resolutions_the_lowest_are_taken() -> None:
    rows = [_conv(1, 4), *(_conv(4, 4, stride=2) for _ in range(3))]
    assert stage_names(_classifier(*rows, width=4), SHAPE) == ("1", "2", "3")


def test_of_each_resolution_the_last_block_is_taken() -> None:
    rows = [_conv(1, 4), _conv(4, 4), _conv(4, 4, stride=2), nn.MaxPool2d(2)]
    assert stage_names(_classifier(*rows, width=4), SHAPE) == ("1", "2")


def test_blocks_are_opened_where_that_shows_more_resolutions() -> None:
    class Body(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.early, self.late = _conv(1, 4), _conv(4, 4, stride=2)

        def forward(self, images: Tensor) -> Tensor:
            maps: Tensor = self.late(self.early(images))
            return maps

    assert stage_names(_classifier(Body(), width=4), SHAPE) == ("0.early", "0")


def test_a_teacher_without_maps_is_refused() -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    with pytest.raises(
        TeacherError, match=r"the teacher has 0 layers for hints, and 1 are needed"
    ):
        stage_names(flat, SHAPE)


# Clusters.


def test_clusters_are_named_in_order_of_depth_and_always_alike() -> None:
    teacher = zoo_model("resnet14", SHAPE)
    names = [f"layer{stage}{end}" for stage in (1, 2, 3) for end in (".0", "")]
    found = clustered_names(teacher, IMAGES, k=3)
    assert len({*found}) == 3
    assert [*found] == sorted(found, key=["conv1", *names].index)
    assert clustered_names(teacher, IMAGES, k=3) == found


def test_with_as_many_clusters_as_layers_each_layer_is_named() -> None:
    teacher = zoo_model("resnet8", SHAPE)
    assert clustered_names(teacher, IMAGES, k=4) == ("conv1", "layer1", "layer2", "layer3")


def test_layers_that_say_the_same_make_one_cluster() -> None:
    class Copy(nn.Module):
        """Convolves with the identity: what it gives is as far from others as its input."""

        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 1, bias=False)
            nn.init.dirac_(self.conv.weight)

        def forward(self, maps: Tensor) -> Tensor:
            copied: Tensor = self.conv(maps)
            return 2 * copied

    torch.manual_seed(0)
    rows = [_conv(1, 4), Copy(), Copy(), Copy(), _conv(4, 4, stride=2)]
    # The first four are one cluster, of mean depth 1.5; of the two in its middle the first counts.
    assert clustered_names(_classifier(*rows, width=4), IMAGES, k=2) == ("1", "4")


def test_images_are_evenly_spaced_and_at_most_512() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 1)
            self.seen: list[int] = []

        def forward(self, images: Tensor) -> Tensor:
            self.seen += (images[:, 0, 0, 0] * 255).round().int().tolist()
            maps: Tensor = self.conv(images)
            return maps

    counting = Counting()
    images = torch.arange(256).repeat_interleave(4)[:, None, None, None].expand(-1, 1, 8, 8)
    clustered_names(_classifier(counting, width=2), images.to(torch.uint8), k=1)
    looked_at = counting.seen[2:]  # two images tell which layers there are
    assert looked_at == sorted(looked_at)
    assert len(looked_at) == 512
    assert {looked_at.count(value) for value in range(256)} <= {1, 2, 3}


def test_more_clusters_than_layers_are_refused() -> None:
    teacher = _classifier(_conv(1, 4), width=4)
    with pytest.raises(
        TeacherError, match=r"the teacher has 1 layers for hints, and 2 are needed"
    ):
        clustered_names(teacher, IMAGES, k=2)


def test_clustering_starts_evenly_and_moves_to_the_mean_depth() -> None:
    # Six layers on a line, in groups of two and four: the second centre moves.
    places = [0.0, 0.1, 10.0, 10.1, 10.2, 10.3]
    distances = [[abs(one - other) for other in places] for one in places]
    assert _centres(distances, 1) == [2]
    assert _centres(distances, 2) == [0, 3]


@given(st.integers(1, 7), st.data())
def test_centres_are_different_layers_whatever_the_distances(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, n))
    row = st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=n, max_size=n)
    centres = _centres(data.draw(st.lists(row, min_size=n, max_size=n)), k)
    assert centres == sorted({*centres})
    assert len(centres) == k
    assert {*centres} <= {*range(n)}


# Alignment.


def _slow_hsic(one: Tensor, other: Tensor) -> float:
    """Hilbert-Schmidt independence criterion by its sum over images, linear kernels."""
    n = len(one)

    def kernel(features: Tensor) -> list[list[float]]:
        return [[float(a @ b) for b in features] for a in features]

    def centre(gram: list[list[float]]) -> list[list[float]]:
        rows = [sum(row) / n for row in gram]
        columns = [sum(column) / n for column in zip(*gram, strict=True)]
        whole = sum(rows) / n
        return [[gram[i][j] - rows[i] - columns[j] + whole for j in range(n)] for i in range(n)]

    ours, theirs = centre(kernel(one)), centre(kernel(other))
    pairs = itertools.product(range(n), repeat=2)
    return sum(ours[i][j] * theirs[i][j] for i, j in pairs) / (n - 1) ** 2


def test_cka_is_the_normalised_independence_criterion() -> None:
    one, other = _features(7, 3, seed=1), _features(7, 5, seed=2) + 1
    slow = _slow_hsic(one, other) / (_slow_hsic(one, one) * _slow_hsic(other, other)) ** 0.5
    assert float(linear_cka([one, other])[0, 1]) == pytest.approx(slow, rel=1e-12)


def test_cka_with_itself_is_one_and_it_is_symmetric() -> None:
    found = linear_cka([_features(9, width, seed=width) for width in (1, 4, 20)])
    assert found.dtype == torch.float64
    assert torch.allclose(found.diagonal(), torch.ones(3, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(found, found.T, atol=1e-12)


@given(
    st.floats(1e-3, 1e3),
    st.booleans(),
    st.floats(-100, 100),
    st.integers(0, 2**31),
    st.integers(2, 6),
)
def test_cka_does_not_see_rotation_scale_and_shift(
    scale: float, mirrors: bool, shift: float, seed: int, width: int
) -> None:
    features, other = _features(12, width, seed=seed), _features(12, 3, seed=seed + 1)
    turn, _ = torch.linalg.qr(_features(width, width, seed=seed + 2))
    moved = scale * (-1 if mirrors else 1) * features @ turn + shift
    found = linear_cka([features, moved, other])
    assert float(found[0, 1]) == pytest.approx(1, abs=1e-9)
    assert float(found[1, 2]) == pytest.approx(float(found[0, 2]), abs=1e-9)


def test_a_layer_that_describes_all_images_alike_is_like_no_other() -> None:
    found = linear_cka([torch.full((5, 3), 7.0), _features(5, 2, seed=0)])
    assert found.tolist() == [[0, 0], [0, pytest.approx(1)]]
