"""The folded batch norm against torch's own: values, gradients, statistics, evaluation."""

import pytest
import torch
from torch import Tensor, nn

from autokd.students.norm import BatchNorm


def _norms(width: int) -> tuple[BatchNorm, nn.BatchNorm2d]:
    ours, torchs = BatchNorm(width), nn.BatchNorm2d(width)
    with torch.no_grad():
        ours.weight.copy_(torch.linspace(0.5, 2, width))
        ours.bias.copy_(torch.linspace(-1, 1, width))
    torchs.load_state_dict(ours.state_dict())
    return ours, torchs


def _maps(shape: tuple[int, ...], *, seed: int = 0) -> Tensor:
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 3 + 5
    return drawn.to(memory_format=torch.channels_last).requires_grad_()


def _step(norm: nn.Module, maps: Tensor) -> tuple[Tensor, list[Tensor]]:
    result = norm(maps)
    weights = torch.linspace(-1, 2, result.numel()).view(result.shape)
    return result, list(torch.autograd.grad((result * weights).sum(), [maps, *norm.parameters()]))


@pytest.mark.parametrize("width", [1, 3, 6, 12, 13, 22, 23])
@pytest.mark.parametrize(("batch", "side"), [(64, 32), (65, 33), (63, 41)])
def test_folding_changes_neither_values_nor_gradients(width: int, batch: int, side: int) -> None:
    (ours, torchs), maps = _norms(width), _maps((batch, width, side, side))
    found, found_gradients = _step(ours, maps)
    exact, exact_gradients = _step(torchs.double(), maps.detach().double().requires_grad_())
    assert "Folded" in str(found.grad_fn)
    assert found.is_contiguous(memory_format=torch.channels_last)
    # Values and gradients of maps are of size one. Those of weights are sums of as many terms of
    # that size as there are positions, in float32, and may cancel.
    n_positions = maps.numel() // width
    results = zip([found, *found_gradients], [exact, *exact_gradients], strict=True)
    for one, other in results:
        size = 10 if other.shape == maps.shape else n_positions
        torch.testing.assert_close(one.double(), other, rtol=0, atol=2e-6 * size)
    for name, value in torchs.state_dict().items():
        found_value = ours.state_dict()[name].to(value.dtype)
        torch.testing.assert_close(found_value, value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "maps",
    [
        _maps((64, 8, 32, 32)),  # a width that torch likes
        _maps((2, 6, 8, 8)),  # too small to gain
        _maps((64, 6, 32, 32)).detach().contiguous(),  # another layout
        _maps((64, 6, 32, 32)).detach().bfloat16(),
    ],
)
def test_everything_else_is_left_to_torch(maps: Tensor) -> None:
    ours, torchs = _norms(maps.shape[1])
    assert torch.equal(ours(maps), torchs(maps))
    assert torch.equal(ours.eval()(maps), torchs.eval()(maps))


def test_evaluation_uses_the_running_statistics() -> None:
    ours, _ = _norms(6)
    maps = _maps((64, 6, 32, 32)).detach()
    ours(maps)
    shifted = ours.eval()(maps + 7)
    expected = (maps + 7 - ours.running_mean.view(1, -1, 1, 1)) / (  # type: ignore[union-attr]
        ours.running_var.view(1, -1, 1, 1) + ours.eps  # type: ignore[union-attr]
    ).sqrt()
    weighted = expected * ours.weight.view(1, -1, 1, 1) + ours.bias.view(1, -1, 1, 1)
    torch.testing.assert_close(shifted, weighted, rtol=1e-4, atol=1e-4)
