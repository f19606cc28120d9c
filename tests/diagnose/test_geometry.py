import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from autokd.diagnose.geometry import Separation, class_separation
from autokd.errors import ShapeError


def drawn(seed: int, *, n: int = 24, classes: int = 4, width: int = 5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % classes
    centres = 2 * torch.randn(classes, width, generator=generator)
    return centres[labels] + torch.randn(n, width, generator=generator), labels


def slow_ratio(features: Tensor, labels: Tensor) -> float:
    x = features.double()
    between = within = 0.0
    for label in set(labels.tolist()):
        own = x[labels == label]
        between += len(own) * float((own.mean(0) - x.mean(0)).square().sum())
        within += sum(float((row - own.mean(0)).square().sum()) for row in own)
    return between / within


def slow_margins(features: Tensor, labels: Tensor) -> list[float]:
    x, found = features.double(), []
    for at, (row, label) in enumerate(zip(x, labels.tolist(), strict=True)):
        others = [i for i in range(len(x)) if labels[i] == label and i != at]
        own = float((row - x[others].mean(0)).norm())
        nearest = min(
            float((row - x[labels == other].mean(0)).norm())
            for other in set(labels.tolist()) - {label}
        )
        found.append((nearest - own) / (nearest + own))
    return found


@settings(max_examples=20)
@given(st.integers(0, 2**31 - 1))
def test_ratio_and_margins_are_those_of_a_slow_loop(seed: int) -> None:
    features, labels = drawn(seed)
    separation = class_separation(features, labels, num_classes=4)
    assert separation.ratio == pytest.approx(slow_ratio(features, labels))
    margins = torch.tensor(slow_margins(features, labels))
    assert separation.margin == pytest.approx(float(margins.mean()), abs=1e-6)
    for each in separation.classes:
        own = margins[labels == each.label]
        assert each.margin == pytest.approx(float(own.mean()), abs=1e-6)
        assert each.is_own == pytest.approx(float((own > 0).double().mean()))


def test_two_pairs_on_a_line_have_the_separation_one_can_work_out() -> None:
    features = torch.tensor([[-5.0], [-3.0], [3.0], [5.0]])
    found = class_separation(features, torch.tensor([0, 0, 1, 1]), num_classes=2)
    assert found.ratio == 16.0  # (4 * 16) / (4 * 1)
    own, other = found.classes
    assert (own.spread, own.distance, own.nearest) == (1.0, 8.0, 1)
    assert (other.nearest, other.n_images) == (0, 2)
    # -5 is 2 from -3 and 9 from 4; -3 is 2 from -5 and 7 from 4.
    assert own.margin == pytest.approx((7 / 11 + 5 / 9) / 2)
    assert own.is_own == 1.0


@given(st.integers(0, 2**31 - 1), st.floats(0.01, 100))
def test_neither_scale_nor_place_nor_rotation_matters(seed: int, scale: float) -> None:
    features, labels = drawn(seed)
    turn, _ = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(seed)))
    plain = class_separation(features.double(), labels, num_classes=4)
    changed = scale * (features.double() @ turn.double()) + 3 * scale
    moved = class_separation(changed, labels, num_classes=4)
    assert moved.ratio == pytest.approx(plain.ratio, rel=1e-5)
    assert moved.margin == pytest.approx(plain.margin, abs=1e-5)


def test_a_class_of_one_image_has_no_margin_and_is_left_out_of_the_mean() -> None:
    features = torch.tensor([[0.0], [2.0], [10.0], [12.0], [50.0]])
    found = class_separation(features, torch.tensor([0, 0, 1, 1, 2]), num_classes=3)
    assert math.isnan(found.classes[2].margin)
    assert math.isnan(found.classes[2].is_own)
    without = class_separation(features[:4], torch.tensor([0, 0, 1, 1]), num_classes=2)
    assert found.margin == pytest.approx(without.margin)


def test_classes_of_one_point_each_are_separated_without_end() -> None:
    features = torch.tensor([[0.0], [0.0], [1.0], [1.0]])
    found: Separation = class_separation(features, torch.tensor([0, 0, 1, 1]), num_classes=2)
    assert math.isinf(found.ratio)
    assert found.margin == 1.0


def test_images_that_are_all_alike_have_margin_0_and_no_ratio() -> None:
    found = class_separation(torch.ones(4, 2), torch.tensor([0, 0, 1, 1]), num_classes=2)
    assert math.isnan(found.ratio)
    assert (found.margin, found.classes[0].is_own) == (0.0, 0.0)


def test_a_class_without_images_is_refused() -> None:
    with pytest.raises(ShapeError, match="class 1 has none"):
        class_separation(torch.ones(2, 2), torch.tensor([0, 2]), num_classes=3)
