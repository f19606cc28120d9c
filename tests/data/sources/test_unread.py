import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from autokd.data.sources.decode import decode_images, find_form
from autokd.data.sources.unread import ImageFiles
from autokd.data.tensors import Split
from autokd.errors import DataError, RunError

WriteImages = Callable[..., list[Path]]


@pytest.fixture
def paths(write_images: WriteImages) -> list[Path]:
    return write_images("a", 5) + write_images("b", 4)


@pytest.fixture
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def _files(paths: list[Path], *, image_size: int | None = None) -> ImageFiles:
    form = find_form(paths, image_size=image_size)
    return ImageFiles(tuple(paths), torch.arange(len(paths)), form)


def _read(files: ImageFiles, cache: Path) -> tuple[Split, int]:
    """Read a split; the second number counts the images that were decoded for it."""
    decoded: list[None] = []
    split = files.read(cache, on_image=lambda: decoded.append(None))
    return split, len(decoded)


def test_pixels_and_labels_are_those_of_the_files_in_memory(
    paths: list[Path], cache: Path
) -> None:
    split, _ = _read(_files(paths), cache)
    assert torch.equal(split.images, decode_images(paths, image_size=None))
    assert split.labels.tolist() == list(range(9))
    assert split.file is not None
    assert split.file.is_relative_to(cache / "images")


def test_files_are_decoded_once(paths: list[Path], cache: Path) -> None:
    first, n_first = _read(_files(paths), cache)
    again, n_again = _read(_files(paths), cache)
    assert (n_first, n_again) == (9, 0)
    assert torch.equal(first.images, again.images)


def test_only_what_is_taken_is_decoded_in_the_order_it_was_taken(
    paths: list[Path], cache: Path
) -> None:
    taken = _files(paths).take(torch.tensor([7, 0, 3]))
    split, n_decoded = _read(taken, cache)
    assert n_decoded == len(taken) == 3
    assert split.labels.tolist() == [7, 0, 3]
    whole = decode_images(paths, image_size=None)
    assert torch.equal(split.images, whole[[7, 0, 3]])


def _rewrite(path: Path) -> None:
    time = path.stat().st_mtime_ns
    path.write_bytes(path.with_name("001.png").read_bytes() + b" ")
    os.utime(path, ns=(time, time))


def _touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("change", [_rewrite, _touch])
def test_a_file_of_another_size_or_time_is_decoded_anew(
    change: Callable[[Path], None], paths: list[Path], cache: Path
) -> None:
    _read(_files(paths), cache)
    change(paths[0])
    split, n_decoded = _read(_files(paths), cache)
    assert n_decoded == 9
    assert torch.equal(split.images, decode_images(paths, image_size=None))


def test_another_image_size_pillow_or_order_is_another_cache(
    paths: list[Path], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [_read(_files(paths), cache), _read(_files(paths, image_size=16), cache)]
    found.append(_read(_files(paths[::-1]), cache))
    monkeypatch.setattr("PIL.__version__", "0.0")
    found.append(_read(_files(paths), cache))
    assert [n_decoded for _, n_decoded in found] == [9] * 4
    assert len({split.file for split, _ in found}) == 4


def test_damaged_pixels_are_noticed_and_decoded_anew(
    paths: list[Path], cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    split, _ = _read(_files(paths), cache)
    assert split.file is not None
    split.file.write_bytes(split.file.read_bytes()[:-1] + b"!")
    again, n_decoded = _read(_files(paths), cache)
    assert n_decoded == 9
    assert torch.equal(again.images, decode_images(paths, image_size=None))
    assert "a checksum is wrong" in caplog.text


def test_an_image_that_cannot_be_used_leaves_no_pixels(paths: list[Path], cache: Path) -> None:
    files = _files(paths)
    paths[5].write_bytes(b"no image")
    with pytest.raises(DataError, match=r"b/000.png: not an image that can be read"):
        _read(files, cache)
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_a_file_that_vanished_is_named(paths: list[Path], cache: Path) -> None:
    files = _files(paths)
    paths[5].unlink()
    with pytest.raises(DataError, match=r"b/000.png: damaged or unreadable image: .*No such file"):
        _read(files, cache)


def test_a_cache_that_cannot_be_written_is_named(paths: list[Path], cache: Path) -> None:
    (cache / "images").touch()
    with pytest.raises(RunError, match=r"images/.*cannot be written: Not a directory"):
        _read(_files(paths), cache)
