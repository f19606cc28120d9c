"""The merge by closed form."""

import pytest
import torch
from torch import nn

from autokd.students.merge import Merge, Projection
from tests.students.constants import constant, fill

SIGMOID_OF_ONE = 0.7310585786300049
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def test_projection_adds_up_its_convolutions_and_their_biases() -> None:
    projection = Projection([2, 3], channels=4)
    fill(projection, value=0.5)
    projected = projection([constant(1, width=2), constant(10, width=3)])
    torch.testing.assert_close(projected, constant(0.5 * (2 * 1 + 3 * 10) + 2 * 0.5, width=4))


def test_sum_scales_each_kept_input_by_the_sigmoid_of_its_scalar() -> None:
    merge = Merge([3, 3], channels=3, kind="sum")
    inputs = [constant(1, width=3), constant(10, width=3)]
    torch.testing.assert_close(merge(inputs), constant(11 * SIGMOID_OF_ONE, width=3))
    with torch.no_grad():
        merge.get_parameter("scale")[1] = 0.0
    torch.testing.assert_close(merge(inputs), constant(SIGMOID_OF_ONE + 5, width=3))


def test_sum_does_not_scale_what_it_projects() -> None:
    merge = Merge([3, 2], channels=3, kind="sum")
    nn.init.ones_(merge.get_parameter("project.weight"))
    merged = merge([constant(1, width=3), constant(10, width=2)])
    torch.testing.assert_close(merged, constant(SIGMOID_OF_ONE + 20, width=3))
    assert merge.get_parameter("scale").shape == (1,)


def test_mean_averages_all_inputs_without_scalars() -> None:
    merge = Merge([3, 2, 3], channels=3, kind="mean")
    nn.init.ones_(merge.get_parameter("project.weight"))
    merged = merge([constant(1, width=3), constant(10, width=2), constant(9, width=3)])
    torch.testing.assert_close(merged, constant(10, width=3))
    assert merge.scale is None


@pytest.mark.parametrize("kind", ["sum", "mean"])
def test_merge_leaves_its_inputs_as_they_are(kind: str) -> None:
    merge = Merge([3, 3, 3], channels=3, kind="sum" if kind == "sum" else "mean")
    inputs = [constant(value, width=3) for value in (1, 2, 3)]
    merge(inputs)
    assert [tensor.mean().item() for tensor in inputs] == [1, 2, 3]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("widths", [[3, 3], [3, 2]])
def test_merge_under_autocast_stays_in_the_inputs_precision(
    widths: list[int], device: str
) -> None:
    merge = Merge(widths, channels=3, kind="sum").to(device)
    inputs = [constant(1, width=width).to(device, torch.bfloat16) for width in widths]
    with torch.autocast(device, dtype=torch.bfloat16):
        assert merge(inputs).dtype == torch.bfloat16
