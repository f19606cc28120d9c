import pytest
import torch

from autokd.distill import cuda

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def test_devices_can_be_counted_without_any() -> None:
    assert cuda.count() >= 0
    assert (cuda.count() > 0) == torch.cuda.is_available()


@needs_cuda
def test_a_seeded_device_draws_the_same_again() -> None:
    device = torch.device("cuda", 0)
    draws = []
    for _ in range(2):
        cuda.seed_generator(device, 3)
        draws.append(torch.rand(5, device=device))
    assert torch.equal(*draws)


@needs_cuda
def test_a_device_says_whether_it_has_bfloat16() -> None:
    major, _ = torch.cuda.get_device_capability(0)
    assert cuda.has_bfloat16(torch.device("cuda", 0)) == (major >= 8)
