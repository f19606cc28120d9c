import torch

from autokd.distill.losses.map_layers import Standardised


def test_a_batch_is_standardised_as_torch_does_it_in_training() -> None:
    ours, theirs = Standardised(3).double(), torch.nn.BatchNorm2d(3).double()
    weights = torch.randn(2, 3, dtype=torch.float64)
    with torch.no_grad():
        for one, two, drawn in zip(ours.parameters(), theirs.parameters(), weights, strict=True):
            one.copy_(drawn.view(3, 1, 1))
            two.copy_(drawn)
    maps = torch.randn(4, 3, 2, 5, dtype=torch.float64, requires_grad=True)
    found, expected = ours(maps), theirs(maps)
    torch.testing.assert_close(found, expected)
    direction = torch.randn_like(found)
    gradients = [torch.autograd.grad((each * direction).sum(), maps) for each in (found, expected)]
    torch.testing.assert_close(*gradients)


def test_one_pixel_of_one_image_becomes_the_learned_mean_without_a_gradient() -> None:
    layer, pixel = Standardised(2), torch.tensor([3.0, -1e4]).view(1, 2, 1, 1).requires_grad_()
    torch.nn.init.constant_(layer.shift, 0.5)
    found = layer(pixel)
    found.sum().backward()
    assert found.flatten().tolist() == [0.5, 0.5]
    assert pixel.grad is not None
    assert not pixel.grad.any()
