"""Where images come from: one function a source, which reads all that it has and cuts nothing."""

from autokd.data.sources.arrays import arrays
from autokd.data.sources.digits import digits
from autokd.data.sources.image_folder import image_folder
from autokd.data.sources.published import cifar10, cifar100, fashion_mnist
from autokd.data.sources.request import Array, Found, Part, Request, Source

__all__ = ["SOURCES", "Array", "Found", "Part", "Request", "Source"]

SOURCES: dict[str, Source] = {
    "digits": digits,
    "fashion_mnist": fashion_mnist,
    "cifar10": cifar10,
    "cifar100": cifar100,
    "image_folder": image_folder,
    "arrays": arrays,
}
"""Every source by the name that ``[data.source]`` gives it."""
