"""Any folder of images in torchvision's ImageFolder layout.

Either ``ROOT/CLASS/...`` (one split, from which the test images are cut later) or
``ROOT/train/CLASS/...`` beside ``ROOT/test/CLASS/...``. Classes are the folders' names in
alphabetical order; a class takes every image file below its folder, in torchvision's order, which
a test holds. (Torchvision itself is not asked: importing it takes longer than listing 60,000
files.) Folders whose name starts with a dot are left alone.
"""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import torch

from autokd.data.sources.decode import find_form
from autokd.data.sources.request import Found, Request
from autokd.data.sources.unread import ImageFiles
from autokd.errors import DataError

__all__ = ["image_folder"]

_SPLITS = ("train", "test")
_SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
_LOG = logging.getLogger(__name__)


def image_folder(request: Request) -> Found[ImageFiles]:
    """Read a folder of images.

    Args:
        request: Its root is the folder; ``image_size`` of its spec brings the images to one size.

    Returns:
        Training images and, where the folder has them, test images, ordered by class, then by
        path; as files, of which those that the cuts leave are decoded later.

    Raises:
        DataError: If the folder is missing, has ``train`` without ``test`` or the reverse, fewer
            than two classes, a class without images, or classes that differ between the splits; or
            if the first image cannot be used (`find_form`).
    """
    root = request.root
    assert root is not None  # DataSpec asks for it
    folders = _split_folders(root)
    class_names = _class_names(folders[0])
    listed = [_listed(folder, class_names) for folder in folders]
    paths = [path for files, _ in listed for path in files]
    form = find_form(paths, image_size=request.spec.image_size)
    parts = [ImageFiles(tuple(files), labels, form) for files, labels in listed]
    return Found(parts[0], parts[1] if len(parts) > 1 else None, class_names)


def _split_folders(root: Path) -> list[Path]:
    if not root.is_dir():
        raise DataError(
            f"{root}: no such folder; say with --data where it is, or correct [data.root]"
        )
    found = [name for name in _SPLITS if (root / name).is_dir()]
    if len(found) == 1:
        raise DataError(
            f"{root} has a folder {found[0]!r} alone: it must have 'train' and 'test', or one "
            "folder for each class"
        )
    if not found:
        return [root]
    ignored = [name for name in _folder_names(root) if name not in _SPLITS]
    if ignored:
        _LOG.warning("%s: reading 'train' and 'test', ignoring %s", root, ignored)
    return [root / name for name in _SPLITS]


def _class_names(folder: Path) -> tuple[str, ...]:
    names = _folder_names(folder)
    if len(names) < 2:
        raise DataError(f"{folder}: at least two class folders are needed, found {names}")
    return tuple(names)


def _listed(folder: Path, class_names: tuple[str, ...]) -> tuple[list[Path], torch.Tensor]:
    names = _folder_names(folder)
    if names != list(class_names):
        missing, extra = (
            sorted(set(class_names) - set(names)),
            sorted(set(names) - set(class_names)),
        )
        raise DataError(
            f"{folder}: the classes of train and test must agree, missing {missing}, "
            f"not in train {extra}"
        )
    files = [list(_image_files(folder / name)) for name in class_names]
    sizes = torch.tensor([len(paths) for paths in files])
    _check_filled(folder, sizes.tolist(), class_names=class_names)
    labels = torch.arange(len(files)).repeat_interleave(sizes)
    return [path for paths in files for path in paths], labels


def _image_files(folder: Path) -> Iterator[Path]:
    for inside, _, names in sorted(os.walk(folder, followlinks=True)):
        at = Path(inside)
        yield from (at / name for name in sorted(names) if name.lower().endswith(_SUFFIXES))


def _check_filled(folder: Path, sizes: list[int], *, class_names: tuple[str, ...]) -> None:
    empty = [name for name, size in zip(class_names, sizes, strict=True) if size == 0]
    if empty:
        raise DataError(f"{folder}: no images in the class folders {empty}")


def _folder_names(folder: Path) -> list[str]:
    return sorted(
        path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")
    )
