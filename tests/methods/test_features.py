"""Methods on maps: the weights of RepDistiller, and soft targets that are off by default."""

import pytest

from autokd.methods.features import FEATURES
from autokd.parameters import Value

BY_NAME = {method.name: method for method in FEATURES}
every_method = pytest.mark.parametrize("name", BY_NAME)


@pytest.mark.parametrize(
    ("name", "defaults"),
    [
        ("fitnet", {"weight": 100.0}),
        ("at", {"weight": 1000.0, "power": 2.0}),
        ("sp", {"weight": 3000.0}),
        ("rkd", {"distance_weight": 25.0, "angle_weight": 50.0}),
        ("pkt", {"weight": 30000.0}),
        (
            "crd",
            {"weight": 0.8, "contrast_temperature": 0.07, "n_negatives": 512, "embedding": 128},
        ),
        ("reviewkd", {"weight": 1.0, "warmup_fraction": 20 / 240}),
        ("feed", {"weight": 0.1}),
    ],
)
def test_defaults_are_the_published_ones(name: str, defaults: dict[str, Value]) -> None:
    found = {p.name: p.default for p in BY_NAME[name].parameters}
    assert found == {**defaults, "temperature": 4.0, "soft_weight": 0.0}


@every_method
def test_maps_are_needed(name: str) -> None:
    assert BY_NAME[name].needs.features


def test_only_the_contrast_of_single_images_needs_class_labels() -> None:
    assert [m.name for m in FEATURES if m.needs.class_labels] == ["crd"]


def test_fewer_negatives_than_published_are_said_to_be() -> None:
    described = {p.name: p.description for p in BY_NAME["crd"].parameters}
    assert "published: 16384" in described["n_negatives"]


def test_the_weight_that_is_ours_says_so() -> None:
    assert "ours" in BY_NAME["feed"].parameters[0].description
