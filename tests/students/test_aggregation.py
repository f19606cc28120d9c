"""The fused sum against the plain one: values, gradients, and what is kept between them."""

import weakref

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from autokd.students.aggregation import aggregate, fused, recomputed

SHAPE = (5, 6, 4, 4)


def _maps(n: int, *, seed: int, channels_last: bool) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    maps = [torch.randn(SHAPE, generator=generator).to(memory_format=layout) for _ in range(n)]
    return [one.requires_grad_() for one in maps]


def _plain(
    base: Tensor | None, terms: list[Tensor], scale: Tensor | None, *, rectified: bool
) -> Tensor:
    total = torch.zeros(SHAPE) if base is None else base
    for index, term in enumerate(terms):
        assert scale is not None
        total = total + torch.sigmoid(scale[index]) * term
    return torch.relu(total) if rectified else total


def _gradients(result: Tensor, leaves: list[Tensor]) -> list[Tensor]:
    weights = torch.linspace(-1, 1, result.numel()).view(result.shape)
    return list(torch.autograd.grad((result * weights).sum(), leaves))


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("rectified", [True, False])
@pytest.mark.parametrize(
    ("n_terms", "has_base"),
    [(0, True), (1, True), (1, False), (2, True), (2, False), (5, True), (5, False)],
)
def test_values_and_gradients_are_those_of_the_plain_sum(
    n_terms: int, has_base: bool, rectified: bool, channels_last: bool
) -> None:
    terms = _maps(n_terms, seed=0, channels_last=channels_last)
    bases = _maps(1, seed=1, channels_last=channels_last) if has_base else []
    base = bases[0] if bases else None
    scales = [torch.linspace(-1, 2, n_terms).requires_grad_()] if n_terms else []
    scale = scales[0] if scales else None
    leaves = [*bases, *terms, *scales]
    found_sum = fused(base, terms, scale, rectified=rectified)
    plain = _plain(base, terms, scale, rectified=rectified)
    torch.testing.assert_close(found_sum, plain)
    for found, expected in zip(
        _gradients(found_sum, leaves), _gradients(plain, leaves), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_inputs_of_two_layouts_have_the_same_gradients() -> None:
    terms = [
        *_maps(1, seed=0, channels_last=True),
        *_maps(1, seed=1, channels_last=False),
    ]
    scale = torch.tensor([0.5, -0.5], requires_grad=True)
    found_sum = fused(None, terms, scale, rectified=True)
    plain = _plain(None, terms, scale, rectified=True)
    for found, expected in zip(
        _gradients(found_sum, [*terms, scale]), _gradients(plain, [*terms, scale]), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_gradients_in_double_precision_are_those_of_finite_differences() -> None:
    maps = [one.detach().double().requires_grad_() for one in _maps(3, seed=0, channels_last=True)]
    base, *terms = [one[:2, :2, :2, :2].detach().requires_grad_() for one in maps]
    scale = torch.linspace(-1, 2, 2, dtype=torch.float64, requires_grad=True)

    def total(*inputs: Tensor) -> Tensor:
        return fused(inputs[0], inputs[1:3], inputs[3], rectified=True)

    assert torch.autograd.gradcheck(total, (base, *terms, scale))


def test_a_sum_of_bfloat16_stays_bfloat16_and_its_scalars_float32() -> None:
    terms = [
        one.detach().bfloat16().requires_grad_() for one in _maps(3, seed=0, channels_last=True)
    ]
    scale = torch.ones(3, requires_grad=True)
    found_sum = fused(None, terms, scale, rectified=True)
    assert found_sum.dtype == torch.bfloat16
    torch.autograd.backward(found_sum.float().sum())
    assert scale.grad is not None
    assert scale.grad.dtype == torch.float32
    exact = [one.detach().float() for one in terms]
    plain = _plain(None, exact, scale.detach(), rectified=True)
    torch.testing.assert_close(found_sum.float(), plain, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("separable", [True, False])
@pytest.mark.parametrize("n_terms", [0, 3])
def test_recomputing_changes_no_gradient(n_terms: int, separable: bool) -> None:
    depthwise = [nn.Conv2d(6, 6, 3, padding=1, groups=6)] if separable else []
    steps = nn.Sequential(*depthwise, nn.Conv2d(6, 4, 1)).to(memory_format=torch.channels_last)
    terms = _maps(n_terms, seed=0, channels_last=True)
    (base,) = _maps(1, seed=1, channels_last=True)
    scale = torch.linspace(-1, 2, n_terms).requires_grad_() if n_terms else None
    leaves = [base, *terms, *([scale] if scale is not None else []), *steps.parameters()]
    kept = steps(fused(base, terms, scale, rectified=True))
    again = recomputed(base, terms, scale, then=[*steps])
    assert torch.equal(kept, again)
    for found, expected in zip(_gradients(again, leaves), _gradients(kept, leaves), strict=True):
        assert torch.equal(found, expected)


def test_recomputing_under_autocast_repeats_the_forward_passes_precision() -> None:
    steps = [nn.Conv2d(6, 6, 3, padding=1, groups=6), nn.Conv2d(6, 4, 1)]
    terms = [
        one.detach().bfloat16().requires_grad_() for one in _maps(2, seed=0, channels_last=True)
    ]
    scale = torch.ones(2, requires_grad=True)
    leaves = [*terms, scale, *steps[0].parameters(), *steps[1].parameters()]
    with torch.autocast("cpu", torch.bfloat16):
        kept = steps[1](steps[0](fused(None, terms, scale, rectified=True)))
        again = recomputed(None, terms, scale, then=steps)
    assert again.dtype == torch.bfloat16
    for found, expected in zip(_gradients(again, leaves), _gradients(kept, leaves), strict=True):
        assert torch.equal(found, expected)


def test_recomputing_lets_go_of_the_rectified_sum_after_the_forward_pass() -> None:
    conv = nn.Conv2d(6, 4, 3, padding=1)
    terms = _maps(2, seed=0, channels_last=False)
    scale = torch.ones(2, requires_grad=True)
    seen: list[weakref.ref[Tensor]] = []

    def read(maps: Tensor) -> Tensor:
        seen.append(weakref.ref(maps))
        convolved: Tensor = conv(maps)
        return convolved

    def read_wide(maps: Tensor) -> Tensor:
        seen.append(weakref.ref(maps))
        return functional.conv2d(maps, torch.ones(3, 4, 1, 1, requires_grad=True))

    again = recomputed(None, terms, scale, then=[read])
    assert seen[0]() is None
    recomputed(None, terms, scale, then=[read, read_wide])
    assert [one() for one in seen[1:]] == [None, None]
    kept = read(fused(None, terms, scale, rectified=True))
    assert seen[-1]() is not None
    assert torch.equal(kept, again)


@pytest.mark.parametrize("trains", [True, False])
@pytest.mark.parametrize("side", [4, 128])
def test_large_maps_are_fused_in_training_only(side: int, trains: bool) -> None:
    terms = [torch.randn(5, 6, side, side, requires_grad=True) for _ in range(2)]
    scale = torch.ones(2, requires_grad=True)
    total = aggregate(None, terms, scale, rectified=True, trains=trains)
    assert ("Aggregate" in str(total.grad_fn)) == (trains and side == 128)
    expected = torch.relu(torch.sigmoid(scale[0]) * (terms[0] + terms[1]))
    torch.testing.assert_close(total, expected)
