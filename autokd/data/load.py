"""From a study's ``[data]`` to a data set: read the source, cut the splits, measure pixels."""

import logging
from collections.abc import Callable
from pathlib import Path

import platformdirs

from autokd.data.measure import channel_statistics, digest_of
from autokd.data.memory import free_memory_bytes
from autokd.data.sources import SOURCES, Array, Found, Part, Request
from autokd.data.sources.decode import MAX_SIZE, MIN_SIZE
from autokd.data.splits import cut_fraction, keep_limit
from autokd.data.tensors import Dataset, Split
from autokd.errors import DataError
from autokd.study import DataSpec

__all__ = ["load_dataset"]

_MEMORY_SHARE = 0.5
"""Share of the free memory that images may take before it is said that they may not fit."""

_TOLD_EVERY = 500
_LOG = logging.getLogger(__name__)


def load_dataset(
    spec: DataSpec,
    *,
    data_dir: Path | None = None,
    cache_dir: Path | None = None,
    arrays: tuple[Array, Array] | None = None,
    on_images: Callable[[int, int], None] | None = None,
) -> Dataset:
    """Load and split a study's images.

    The order is: test images are cut off where the source has none of its own, the rest is limited
    to ``train_limit``, and validation is cut from what is left (`autokd.data.splits` has the
    rules). Normalisation is that of the training images then.

    The images of a folder are decoded into the cache, and mapped into memory from there
    (`autokd.data.sources.unread`); all others are held in memory.

    Args:
        spec: The study's ``[data]``.
        data_dir: Folder that a relative ``root`` starts from; None means the current folder.
        cache_dir: Where decoded images are kept; None means the user's cache folder.
        arrays: Images and labels, for source ``arrays`` and no other: images ``(n, size, size)``,
            ``(n, size, size, channels)`` or ``(n, channels, size, size)``, labels ``(n,)``.
        on_images: Told images decoded and images in all, now and then while files are decoded.

    Returns:
        The data set, on the CPU; the same for the same spec and images.

    Raises:
        DataError: If images are missing, unreadable, or of a kind that cannot be used, or if a
            class has too few of them; or if the spec and the arguments contradict each other.
        RunError: If the cache cannot be written.
    """
    _check_consistent(spec, has_arrays=arrays is not None)
    root = None if spec.root is None else (data_dir or Path()) / Path(spec.root).expanduser()
    found = SOURCES[spec.source](Request(spec, root, arrays))
    _check_usable(found)
    parts = _cut(found, spec)
    cache = cache_dir or platformdirs.user_cache_path("autokd")
    ticks = _Ticks(on_images, sum(len(part) for part in parts))
    train, validation, test = (_read(part, cache, ticks) for part in parts)
    mean, std = channel_statistics(train.images)
    digest = digest_of([train, validation, test])
    dataset = Dataset(train, validation, test, found.class_names, mean, std, digest)
    _warn_of_size(dataset)
    return dataset


class _Ticks:
    """Counts decoded images over all splits."""

    def __init__(self, on_images: Callable[[int, int], None] | None, total: int) -> None:
        self._on_images, self._total, self._done = on_images, total, 0

    def __call__(self) -> None:
        self._done += 1
        if self._on_images is not None and self._done % _TOLD_EVERY == 0:
            self._on_images(self._done, self._total)


def _read(part: Part, cache_dir: Path, on_image: Callable[[], None]) -> Split:
    return part if isinstance(part, Split) else part.read(cache_dir, on_image=on_image)


def _cut(found: Found[Part], spec: DataSpec) -> tuple[Part, Part, Part]:
    names, seed = found.class_names, spec.split_seed
    train, test = found.train, found.test
    if test is None:
        train, test = _halves(train, spec.test_fraction, names=names, seed=seed, what="test")
    if spec.train_limit is not None:
        kept = keep_limit(train.labels, spec.train_limit, class_names=names, seed=seed)
        train = train.take(kept)
    train, validation = _halves(
        train, spec.validation_fraction, names=names, seed=seed, what="validation"
    )
    return train, validation, test


def _halves(
    part: Part, fraction: float, *, names: tuple[str, ...], seed: int, what: str
) -> tuple[Part, Part]:
    stays, cut = cut_fraction(part.labels, fraction, class_names=names, seed=seed, what=what)
    return part.take(stays), part.take(cut)


def _check_consistent(spec: DataSpec, *, has_arrays: bool) -> None:
    if has_arrays and spec.source != "arrays":
        raise DataError(
            f"images were given in Python, but [data.source] is {spec.source!r}, not 'arrays'"
        )
    if spec.image_size is not None and spec.source != "image_folder":
        raise DataError(
            f"[data.image_size] is for 'image_folder'; images of {spec.source!r} keep their size"
        )


def _check_usable(found: Found[Part]) -> None:
    if isinstance(found.train, Split):  # files are checked as they are listed
        size = found.train.images.shape[-1]
        if not MIN_SIZE <= size <= MAX_SIZE:
            raise DataError(
                f"images are {size}x{size} pixels; the size must be in [{MIN_SIZE}, {MAX_SIZE}]"
            )
    if len(found.class_names) < 2:
        raise DataError(f"at least two classes are needed, found {list(found.class_names)}")


def _warn_of_size(dataset: Dataset) -> None:
    free = free_memory_bytes()
    if dataset.n_bytes > _MEMORY_SHARE * free:
        how = "read from the cache on disk as they are needed" if dataset.is_mapped else "held"
        _LOG.warning(
            "images take %.1f GB and %.1f GB of memory are free: they are %s, and training may "
            "wait for the disk",
            dataset.n_bytes / 1e9,
            free / 1e9,
            how,
        )
