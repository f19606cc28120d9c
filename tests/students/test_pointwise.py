import pytest
import torch

from autokd.students.pointwise import Pointwise, conv1x1


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("bias", [True, False])
def test_training_gives_the_convolutions_values_and_gradients(
    layout: torch.memory_format, bias: bool
) -> None:
    torch.manual_seed(0)
    conv = Pointwise(5, 7, 1, bias=bias)
    maps = torch.randn(3, 5, 4, 6).to(memory_format=layout).requires_grad_()
    results, gradients = [], []
    for trains in (True, False):
        result = conv.train(trains)(maps)
        results.append(result)
        leaves = [maps, *conv.parameters()]
        gradients.append(torch.autograd.grad((result**2).sum(), leaves))
    torch.testing.assert_close(*results)
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_training_is_a_matrix_product_and_evaluation_a_convolution() -> None:
    maps, weight = torch.randn(2, 3, 4, 4), torch.randn(5, 3, 1, 1, requires_grad=True)
    assert "Permute" in str(conv1x1(maps, weight, None, trains=True).grad_fn)
    assert "Convolution" in str(conv1x1(maps, weight, None, trains=False).grad_fn)
    large = torch.randn(2, 3, 128, 128)
    assert "Convolution" in str(conv1x1(large, weight, None, trains=True).grad_fn)


def test_channels_last_in_memory_stays_so() -> None:
    maps = torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)
    result = Pointwise(3, 5, 1)(maps)
    assert result.is_contiguous(memory_format=torch.channels_last)
