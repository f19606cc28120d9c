import math
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from autokd.diagnose.angles import (
    CLOSE_DEGREES,
    Angles,
    agreement_by_angle,
    boundary_angles,
    measure_angles,
)
from autokd.diagnose.head import LinearHead
from autokd.errors import TeacherError


def two_classes(features: Sequence[Sequence[float]], *, bias: float = 0.0) -> LinearHead:
    """Decide by the first feature: the plane is ``x = -bias``."""
    weight = torch.tensor([[0.5, 0.0], [-0.5, 0.0]])
    return LinearHead(torch.tensor(features), weight, torch.tensor([bias, 0.0]))


def drawn(seed: int, *, n: int = 12, width: int = 5, classes: int = 4) -> LinearHead:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).double()

    return LinearHead(normal(n, width), normal(classes, width), normal(classes))


def test_angles_of_a_teacher_of_two_classes_are_those_of_the_plane() -> None:
    head = two_classes([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [-math.sqrt(3), 1.0], [2.0, -2.0]])
    expected = [90.0, 45.0, 0.0, 60.0, 45.0]
    assert boundary_angles(head).tolist() == pytest.approx(expected, abs=1e-4)


def test_a_bias_moves_the_origin_to_the_plane() -> None:
    # The plane is x = -2; seen from (-2, 0), (0, 2) is at 45 degrees and (-1, 0) on the normal.
    head = two_classes([[0.0, 2.0], [-1.0, 0.0], [-2.0, 5.0], [-2.0, 0.0]], bias=2.0)
    assert boundary_angles(head).tolist() == pytest.approx([45.0, 90.0, 0.0, 0.0], abs=1e-4)


def test_angles_are_those_of_a_slow_loop() -> None:
    head = drawn(3)
    found = boundary_angles(head)
    for x, angle in zip(head.features, found.tolist(), strict=True):
        logits = head.weight @ x + head.bias
        first, second = logits.argsort(descending=True)[:2].tolist()
        w = head.weight[first] - head.weight[second]
        c = float(head.bias[first] - head.bias[second])
        seen = x + c * w / w.norm() ** 2
        cosine = float(seen @ w / seen.norm() / w.norm())
        assert angle == pytest.approx(90 - math.degrees(math.acos(cosine)))


@given(st.integers(0, 2**31 - 1), st.floats(0.01, 100))
def test_scaled_features_with_weights_scaled_inversely_have_the_same_angles(
    seed: int, scale: float
) -> None:
    head = drawn(seed)
    scaled = LinearHead(scale * head.features, head.weight / scale, head.bias)
    assert torch.allclose(boundary_angles(scaled), boundary_angles(head), atol=1e-6)


@given(st.integers(0, 2**31 - 1))
def test_angles_lie_between_plane_and_normal(seed: int) -> None:
    angles = boundary_angles(drawn(seed))
    assert bool(((angles >= 0) & (angles <= 90)).all())


def test_two_classes_with_the_same_weights_are_refused() -> None:
    head = LinearHead(torch.ones(1, 2), torch.ones(3, 2), torch.tensor([0.0, 2.0, 1.0]))
    with pytest.raises(TeacherError, match="classes 1 and 2 have the same weights"):
        boundary_angles(head)


def test_tail_counts_angles_to_the_normal_from_theta_on() -> None:
    angles = Angles((90.0, 60.0, 30.0, 0.0))  # 0, 30, 60 and 90 degrees from the normal
    assert angles.tail([0, 1, 30, 45, 60, 90]) == [1.0, 0.75, 0.75, 0.5, 0.5, 0.25]


def test_close_is_below_the_limit_and_the_median_the_lower_of_two() -> None:
    angles = Angles((CLOSE_DEGREES, 1.0, 50.0, 70.0))
    assert angles.is_close == 0.25
    assert angles.median == CLOSE_DEGREES


def test_bins_hold_equal_numbers_of_images_by_rising_angle() -> None:
    angles = torch.tensor([50.0, 10.0, 30.0, 20.0, 40.0])
    agrees = torch.tensor([[True, False, True, False, True], [True] * 5])
    first, second = agreement_by_angle(angles, agrees, n_bins=2)
    assert (first.low, first.high, first.n_images) == (10.0, 30.0, 3)
    assert list(first.agreements) == pytest.approx([1 / 3, 1.0])
    assert (second.low, second.high, second.agreements) == (40.0, 50.0, (1.0, 1.0))


def test_there_are_no_more_bins_than_images() -> None:
    assert len(agreement_by_angle(torch.zeros(2), torch.ones(1, 2, dtype=torch.bool))) == 2


def test_without_students_there_are_no_bins() -> None:
    assert measure_angles(drawn(0)).bins == ()


def test_numbers_hold_every_angle_and_the_whole_curve() -> None:
    said = measure_angles(drawn(0), torch.ones(2, 12, dtype=torch.bool)).as_dict()
    assert len(said["angles_degrees"]) == 12
    assert (said["p_theta"][0], len(said["p_theta"])) == (1.0, 91)
    assert sum(each["n_images"] for each in said["bins"]) == 12
