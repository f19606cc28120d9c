import torch
from sklearn.datasets import load_digits

from autokd.data.sources.digits import digits
from autokd.data.sources.request import Request
from autokd.study import DataSpec

_REQUEST = Request(DataSpec(source="digits"), None)


def test_digits_are_1797_grey_images_of_ten_classes_without_a_test_split() -> None:
    found = digits(_REQUEST)
    assert found.train.images.shape == (1797, 1, 8, 8)
    assert found.test is None
    assert found.class_names == tuple("0123456789")
    assert found.train.labels.tolist() == load_digits().target.tolist()


def test_a_value_of_0_to_16_becomes_the_nearest_pixel_of_0_to_255() -> None:
    values = torch.from_numpy(load_digits().images).flatten()
    pixels = digits(_REQUEST).train.images.flatten()
    seen = {int(value): int(pixel) for value, pixel in zip(values, pixels, strict=True)}
    assert seen == {value: int(value * 255 / 16 + 0.5) for value in range(17)}
    assert (seen[0], seen[8], seen[16]) == (0, 128, 255)
