from dataclasses import replace

import pytest
import torch
from torch import Tensor

from autokd.distill.losses.reviewkd import Reviewkd, pyramid_distance
from autokd.errors import ShapeError
from tests.distill.losses.mapped import (
    check_gradients,
    check_plain_without_weight,
    check_state_goes_on,
    make_seen,
    make_setting,
    term,
)


def _make(weight: float = 1.0, warmup_fraction: float = 0.0, **soft: float) -> Reviewkd:
    soft = {"temperature": 4.0, "soft_weight": 0.0, **soft}
    setting = make_setting()
    return Reviewkd(setting, weight=weight, warmup_fraction=warmup_fraction, **soft).double()


def _regions(maps: Tensor, size: int) -> Tensor:
    """Average regions of equal size."""
    step = maps.shape[2] // size
    rows = [maps[:, :, step * i : step * (i + 1)].mean(2) for i in range(size)]
    return torch.stack(
        [
            torch.stack([row[:, :, step * j : step * (j + 1)].mean(2) for j in range(size)], -1)
            for row in rows
        ],
        -2,
    )


def _distance(student: Tensor, teacher: Tensor) -> float:
    weights, squares = [1.0], [(student - teacher).square().mean().item()]
    for size in (4, 2, 1):
        if size < student.shape[2]:
            gap = _regions(student, size) - _regions(teacher, size)
            weights.append(weights[-1] / 2)
            squares.append(gap.square().mean().item())
    return sum(w * s for w, s in zip(weights, squares, strict=True)) / sum(weights)


@pytest.mark.parametrize("size", [1, 2, 4, 8, 16])
def test_distance_of_maps_counts_half_as_much_at_each_coarser_level(size: int) -> None:
    student, teacher = torch.randn(2, 3, 2, size, size, dtype=torch.float64)
    found = pyramid_distance(student, teacher).item()
    assert found == pytest.approx(_distance(student, teacher), rel=1e-10)


def test_a_gap_that_is_everywhere_the_same_costs_its_square_at_any_resolution() -> None:
    teacher = torch.randn(2, 3, 8, 5, dtype=torch.float64)
    assert pyramid_distance(teacher + 3.0, teacher).item() == pytest.approx(9.0)


def _standardised(maps: Tensor, part: torch.nn.Module) -> Tensor:
    scale, shift = part.parameters()
    channels = [
        (channel - channel.mean()) / (channel.var(correction=0) + 1e-5).sqrt()
        for channel in maps.unbind(1)
    ]
    return torch.stack(channels, 1) * scale + shift


def _fused(fusion: torch.nn.Module, maps: Tensor, passed: Tensor | None) -> tuple[Tensor, Tensor]:
    """Fuse as the formula is written, pixels by index."""
    weights = dict(fusion.named_parameters())
    maps = torch.einsum("oc,nchw->nohw", weights["enter.0.weight"][:, :, 0, 0], maps)
    maps = _standardised(maps, fusion.get_submodule("enter.1"))
    if passed is not None:
        size = maps.shape[2]
        nearest = torch.arange(size) * passed.shape[2] // size
        passed = passed[:, :, nearest][:, :, :, nearest]
        kernel = weights["attend.weight"][:, :, 0, 0]
        scores = torch.einsum("oc,nchw->nohw", kernel, torch.cat([maps, passed], 1))
        share = 1 / (1 + torch.exp(-scores - weights["attend.bias"].view(2, 1, 1)))
        maps = share[:, :1] * maps + share[:, 1:] * passed
    reviewed = torch.nn.functional.conv2d(maps, weights["leave.0.weight"], padding=1)
    return _standardised(reviewed, fusion.get_submodule("leave.1")), maps


@torch.no_grad()
def test_term_is_the_distance_of_maps_that_are_reviewed_from_the_deepest_up() -> None:
    seen, loss = make_seen(), _make(5.0)
    students = [*seen.student_maps, seen.student_maps[-1].mean((2, 3), keepdim=True)]
    teachers = [*seen.teacher_maps, seen.teacher_maps[-1].mean((2, 3), keepdim=True)]
    passed, expected = None, 0.0
    for fusion, student, teacher in zip(
        loss.fusions, reversed(students), reversed(teachers), strict=True
    ):
        reviewed, passed = _fused(fusion, student, passed)
        expected += _distance(reviewed, teacher)
    assert term(loss, seen).item() == pytest.approx(5 * expected, rel=1e-9)


def test_weight_rises_evenly_over_the_warm_up_and_stays() -> None:
    loss, seen = _make(3.0, warmup_fraction=0.25), make_seen()
    shares = [0.0, 0.125, 0.25, 0.9]
    found = [term(loss, replace(seen, progress=torch.tensor(share))).item() for share in shares]
    assert found[0] == 0.0
    assert found[1] == pytest.approx(found[3] / 2)
    assert found[2] == pytest.approx(found[3])
    without = _make(3.0)
    without.load_state_dict(loss.state_dict())
    assert term(without, seen).item() == pytest.approx(found[3])


def test_derivative_agrees_with_finite_differences() -> None:
    student, teacher = ((1, 2, 2), (2, 1, 1)), ((2, 2, 2), (3, 1, 1))
    loss = Reviewkd(
        make_setting(student, teacher),
        weight=1.0,
        warmup_fraction=0.0,
        temperature=4.0,
        soft_weight=0.0,
    )
    check_gradients(loss.double(), make_seen(student, teacher))


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("scale", [0.0, 1e4])
def test_dead_and_extreme_maps_give_finite_values_and_gradients(scale: float, batch: int) -> None:
    loss = _make().float()
    seen = make_seen(batch=batch, scale=scale, dtype=torch.float32)
    value = loss(seen)
    value.backward()
    assert value.isfinite()
    for tensor in (*seen.student_maps, *loss.parameters()):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()


def test_one_pixel_of_one_image_is_taken() -> None:
    shapes = ((3, 1, 1),)
    loss = Reviewkd(
        make_setting(shapes, shapes),
        weight=1.0,
        warmup_fraction=0.0,
        temperature=4.0,
        soft_weight=0.0,
    )
    assert loss.double()(make_seen(shapes, shapes, batch=1)).isfinite()


def test_maps_pass_at_most_512_channels() -> None:
    shapes = ((600, 1, 1),)
    loss = Reviewkd(
        make_setting(shapes, ((2, 1, 1),)),
        weight=1.0,
        warmup_fraction=0.0,
        temperature=4.0,
        soft_weight=0.0,
    )
    (kernel, *_) = loss.parameters()
    assert kernel.shape == (512, 600, 1, 1)


def test_without_weight_it_is_plain_distillation() -> None:
    check_plain_without_weight(lambda **soft: _make(0.0, **soft))


def test_state_that_is_loaded_goes_on_as_it_would_have() -> None:
    check_state_goes_on(_make)


def test_a_setting_without_maps_is_refused() -> None:
    with pytest.raises(ShapeError, match="found 0 and 0"):
        Reviewkd(
            make_setting((), ()),
            weight=1.0,
            warmup_fraction=0.0,
            temperature=4.0,
            soft_weight=0.0,
        )
