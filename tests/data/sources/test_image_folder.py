import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets.folder import IMG_EXTENSIONS, ImageFolder

from autokd.data.sources.image_folder import image_folder
from autokd.data.sources.request import Found, Request
from autokd.data.sources.unread import ImageFiles
from autokd.errors import DataError
from autokd.study import DataSpec

WriteImages = Callable[..., list[Path]]


def _read(root: Path, *, image_size: int | None = None) -> Found[ImageFiles]:
    spec = DataSpec(source="image_folder", root=str(root), image_size=image_size)
    return image_folder(Request(spec, root))


def _decoded(part: ImageFiles | None, cache: Path) -> torch.Tensor:
    assert part is not None
    return part.read(cache, on_image=lambda: None).images


@pytest.fixture
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def _pixels(path: Path) -> torch.Tensor:
    return torch.from_numpy(np.asarray(Image.open(path)).transpose(2, 0, 1).copy())


def test_one_split_has_no_test_images_and_classes_in_alphabetical_order(
    write_images: WriteImages, tmp_path: Path, cache: Path
) -> None:
    written = {name: write_images(name, n) for name, n in [("dog", 2), ("Cat", 3), ("ant", 1)]}
    found = _read(tmp_path)
    assert found.class_names == ("Cat", "ant", "dog")
    assert found.test is None
    assert found.train.labels.tolist() == [0, 0, 0, 1, 2, 2]
    paths = [*written["Cat"], *written["ant"], *written["dog"]]
    expected = torch.stack([_pixels(path) for path in paths])
    assert torch.equal(_decoded(found.train, cache), expected)


def test_train_and_test_folders_are_two_splits(
    write_images: WriteImages, tmp_path: Path, cache: Path
) -> None:
    for folder, n in [("train/a", 3), ("train/b", 2), ("test/a", 1), ("test/b", 2)]:
        write_images(folder, n)
    found = _read(tmp_path)
    assert found.test is not None
    assert found.train.labels.tolist() == [0, 0, 0, 1, 1]
    assert found.test.labels.tolist() == [0, 1, 1]
    assert torch.equal(_decoded(found.test, cache)[0], _pixels(tmp_path / "test/a/000.png"))


def test_nested_images_belong_to_the_class_and_other_files_do_not(
    write_images: WriteImages, tmp_path: Path
) -> None:
    write_images("a/deeper", 2)
    write_images("b", 1)
    (tmp_path / "b" / "notes.txt").write_text("no image")
    (tmp_path / "README.md").write_text("no class")
    write_images(".cache/x", 1)
    found = _read(tmp_path)
    assert found.class_names == ("a", "b")
    assert found.train.labels.tolist() == [0, 0, 1]


def test_files_are_those_of_torchvisions_image_folder_in_its_order(
    write_images: WriteImages, tmp_path: Path
) -> None:
    for folder in ("b", "b/deep", "b/deep.er", "b/Deep", "a/x/y", "C"):
        write_images(folder, 2)
    for suffix in IMG_EXTENSIONS:
        for name in (f"f{suffix}", f"G{suffix.upper()}", f"h.{suffix[1:]}.txt"):
            (tmp_path / "b" / name).touch()
    (tmp_path / "b" / "linked").symlink_to(tmp_path / "a" / "x", target_is_directory=True)
    found, expected = _read(tmp_path).train, ImageFolder(str(tmp_path))
    assert [str(path) for path in found.paths] == [path for path, _ in expected.samples]
    assert found.labels.tolist() == expected.targets


def test_one_colour_image_in_test_makes_both_splits_colour(
    write_images: WriteImages, tmp_path: Path, cache: Path
) -> None:
    for folder in ("train/a", "train/b", "test/a"):
        write_images(folder, 1, mode="L")
    write_images("test/b", 1, mode="RGB")
    found = _read(tmp_path)
    assert _decoded(found.train, cache).shape == (2, 3, 8, 8)
    assert _decoded(found.test, cache).shape == (2, 3, 8, 8)


def test_image_size_reaches_the_decoder(
    write_images: WriteImages, tmp_path: Path, cache: Path
) -> None:
    write_images("a", 1, size=(20, 30))
    write_images("b", 1, size=(12, 12))
    assert _decoded(_read(tmp_path, image_size=10).train, cache).shape == (2, 3, 10, 10)


def test_folders_beside_train_and_test_are_ignored_aloud(
    write_images: WriteImages, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for folder in ("train/a", "train/b", "test/a", "test/b", "extra/a"):
        write_images(folder, 1)
    with caplog.at_level(logging.WARNING):
        found = _read(tmp_path)
    assert len(found.train) == 2
    assert "ignoring ['extra']" in caplog.text


def test_a_missing_folder_is_named_with_its_key(tmp_path: Path) -> None:
    told = r"nowhere: no such folder; say with --data where it is, or correct \[data.root\]"
    with pytest.raises(DataError, match=told):
        _read(tmp_path / "nowhere")


@pytest.mark.parametrize("alone", ["train", "test"])
def test_train_and_test_must_come_together(
    write_images: WriteImages, tmp_path: Path, alone: str
) -> None:
    for folder in (f"{alone}/a", f"{alone}/b", "val/a", "val/b"):
        write_images(folder, 1)
    with pytest.raises(DataError, match=f"has a folder '{alone}' alone: it must have 'train' and"):
        _read(tmp_path)


def test_one_class_is_refused_with_its_name(write_images: WriteImages, tmp_path: Path) -> None:
    write_images("only", 3)
    with pytest.raises(
        DataError, match=r"at least two class folders are needed, found \['only'\]"
    ):
        _read(tmp_path)


def test_a_folder_without_class_folders_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"at least two class folders are needed, found \[\]"):
        _read(tmp_path)


def test_an_empty_class_folder_is_refused_by_name(
    write_images: WriteImages, tmp_path: Path
) -> None:
    write_images("a", 1)
    write_images("b", 1)
    (tmp_path / "hollow").mkdir()
    with pytest.raises(DataError, match=r"no images in the class folders \['hollow'\]"):
        _read(tmp_path)


def test_classes_that_differ_between_train_and_test_are_named(
    write_images: WriteImages, tmp_path: Path
) -> None:
    for folder in ("train/a", "train/b", "test/a", "test/c"):
        write_images(folder, 1)
    with pytest.raises(DataError, match=r"test: .* missing \['b'\], not in train \['c'\]"):
        _read(tmp_path)


def test_a_damaged_image_is_named(write_images: WriteImages, tmp_path: Path, cache: Path) -> None:
    write_images("a", 2)
    broken = write_images("b", 2)[1]
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(DataError, match=r"b/001.png: damaged or unreadable image"):
        _decoded(_read(tmp_path).train, cache)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_cifar10_as_jpeg_files_has_50000_and_10000_images(data_dir: Path, cache: Path) -> None:
    found = _read(data_dir / "cifar10_jpeg")
    assert found.test is not None
    assert _decoded(found.train, cache).shape == (50_000, 3, 32, 32)
    assert torch.bincount(found.train.labels).tolist() == [5000] * 10
    assert torch.bincount(found.test.labels).tolist() == [1000] * 10
    assert found.class_names[:3] == ("airplane", "automobile", "bird")
    first = _pixels(data_dir / "cifar10_jpeg/test/airplane/0000.jpg")
    assert torch.equal(_decoded(found.test, cache)[0], first)
