import hashlib
import pickle
import struct
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
from torchvision import datasets

from autokd.data.sources import SOURCES
from autokd.data.sources.published import cifar10, cifar100, fashion_mnist
from autokd.data.sources.request import Request
from autokd.errors import DataError
from autokd.study import DataSpec

_CIFAR = {
    "cifar10": ("cifar-10-batches-py", "label_names", "labels"),
    "cifar100": ("cifar-100-python", "fine_label_names", "fine_labels"),
}


def _request(root: Path, source: Any, *, download: bool = False) -> Request:
    return Request(DataSpec(source=source, root=str(root), download=download), root)


def _idx(values: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return header + values.tobytes()


def _write_fashion_mnist(root: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    raw = root / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (12, 28, 28), dtype=np.uint8)
    labels = np.arange(12, dtype=np.uint8) % 10
    for name, chosen in [("train", slice(0, 10)), ("t10k", slice(10, 12))]:
        (raw / f"{name}-images-idx3-ubyte").write_bytes(_idx(pixels[chosen]))
        (raw / f"{name}-labels-idx1-ubyte").write_bytes(_idx(labels[chosen]))
    return pixels


class _OldPixels:
    """Pickles as the authors' arrays do: with a dtype made by Python 2's NumPy."""

    def __init__(self, pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
        self.pixels = pixels

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_old, (self.pixels.tobytes(), self.pixels.shape, _OldDtype())


class _OldDtype:
    def __reduce__(self) -> tuple[Any, ...]:
        return np.dtype, ("u1", 0, 1)


def _rebuild_old(data: bytes, shape: tuple[int, ...], dtype: Any) -> Any:
    return np.frombuffer(data, dtype=dtype).reshape(shape)


def _write_cifar(
    root: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Write a CIFAR of 5 + 2 images and tell torchvision its checksums."""
    folder, names_key, labels_key = _CIFAR[source]
    pixels = np.random.default_rng(0).integers(0, 256, (7, 3072), dtype=np.uint8)
    labels = [0, 1, 2, 0, 1, 2, 0]
    contents: dict[str, Any] = {
        "first": {"data": _OldPixels(pixels[:5]), labels_key: labels[:5]},
        "last": {"data": _OldPixels(pixels[5:]), labels_key: labels[5:]},
        "names": {names_key: ["ant", "bee", "cow"]},
    }
    (root / folder).mkdir()
    checksums = {}
    for name, content in contents.items():
        data = pickle.dumps(content)
        (root / folder / name).write_bytes(data)
        checksums[name] = hashlib.md5(data).hexdigest()
    reader = getattr(datasets, source.upper())
    monkeypatch.setattr(reader, "train_list", [["first", checksums["first"]]])
    monkeypatch.setattr(reader, "test_list", [["last", checksums["last"]]])
    meta = {"filename": "names", "key": names_key, "md5": checksums["names"]}
    monkeypatch.setattr(reader, "meta", meta)
    return pixels


def test_fashion_mnist_is_read_with_its_own_test_images(tmp_path: Path) -> None:
    pixels = _write_fashion_mnist(tmp_path)
    found = fashion_mnist(_request(tmp_path, "fashion_mnist"))
    assert found.test is not None
    assert torch.equal(found.train.images, torch.from_numpy(pixels[:10, None]))
    assert torch.equal(found.test.images, torch.from_numpy(pixels[10:, None]))
    assert found.test.labels.tolist() == [0, 1]
    assert len(found.class_names) == 10
    assert found.class_names[9] == "Ankle boot"


@pytest.mark.parametrize(("source", "read"), [("cifar10", cifar10), ("cifar100", cifar100)])
def test_cifar_is_read_without_a_warning_about_its_old_pickles(
    tmp_path: Path, source: str, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = _write_cifar(tmp_path, source, monkeypatch)
    found = read(_request(tmp_path, source))
    assert found.test is not None
    images = torch.from_numpy(pixels).reshape(7, 3, 32, 32)
    assert torch.equal(found.train.images, images[:5])
    assert torch.equal(found.test.images, images[5:])
    assert found.train.labels.tolist() == [0, 1, 2, 0, 1]
    assert found.class_names == ("ant", "bee", "cow")


def test_an_exchanged_cifar_file_is_refused_before_it_is_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write_cifar(tmp_path, "cifar10", monkeypatch)
    (tmp_path / _CIFAR["cifar10"][0] / "first").write_bytes(pickle.dumps(_Trap(tmp_path)))
    with pytest.raises(DataError, match="CIFAR10 is not here, or damaged"):
        cifar10(_request(tmp_path, "cifar10"))
    assert not (tmp_path / "sprung").exists()


class _Trap:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.mkdir, (self.folder / "sprung",))


@pytest.mark.parametrize(
    ("source", "name"),
    [("fashion_mnist", "FashionMNIST"), ("cifar10", "CIFAR10"), ("cifar100", "CIFAR100")],
)
class TestMissing:
    def test_a_missing_folder_is_named_with_the_download_key(
        self, tmp_path: Path, source: str, name: str
    ) -> None:
        message = rf"nowhere: no such folder; .*set \[data.download\] = true to fetch {name}"
        with pytest.raises(DataError, match=message):
            SOURCES[source](_request(tmp_path / "nowhere", source))
        assert not (tmp_path / "nowhere").exists()

    def test_an_empty_folder_is_named_with_the_download_key(
        self, tmp_path: Path, source: str, name: str
    ) -> None:
        message = rf"{tmp_path}: {name} is not here, or damaged; .*\[data.download\] = true"
        with pytest.raises(DataError, match=message):
            SOURCES[source](_request(tmp_path, source))

    def test_a_failed_download_says_why(
        self, tmp_path: Path, source: str, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(self: Any) -> None:
            raise URLError("no network")

        monkeypatch.setattr(getattr(datasets, name), "download", fail)
        message = f"{name} cannot be fetched and read: .*no network"
        with pytest.raises(DataError, match=message):
            SOURCES[source](_request(tmp_path, source, download=True))


@pytest.mark.parametrize("kept", [0, 3, 500])
def test_a_truncated_fashion_mnist_file_is_refused(tmp_path: Path, kept: int) -> None:
    _write_fashion_mnist(tmp_path)
    path = tmp_path / "FashionMNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match="FashionMNIST is not here, or damaged"):
        fashion_mnist(_request(tmp_path, "fashion_mnist"))


@pytest.mark.slow
def test_real_fashion_mnist_has_6000_and_1000_images_a_class(data_dir: Path) -> None:
    found = fashion_mnist(_request(data_dir, "fashion_mnist"))
    assert found.test is not None
    assert torch.bincount(found.train.labels).tolist() == [6000] * 10
    assert torch.bincount(found.test.labels).tolist() == [1000] * 10
    assert found.train.images.shape == (60_000, 1, 28, 28)
