"""From a study's ``[data]`` to a data set: read the source, cut the splits, measure pixels."""

import logging
from collections.abc import Callable
from pathlib import Path

import platformdirs

from autokd.data.cuts import cut_rows
from autokd.data.measure import channel_statistics, digest_of
from autokd.data.memory import free_memory_bytes
from autokd.data.sources import SOURCES, Array, Found, Part, Request
from autokd.data.sources.decode import MAX_SIZE, MIN_SIZE
from autokd.data.tensors import Dataset, Rows, Split
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
    with_tuning: bool = False,
) -> Dataset:
    """Load and split a study's images.

    What becomes of the source's images is in `autokd.data.cuts`. Normalisation is that of the
    training images after all cuts.

    The images of a folder are decoded into the cache, and mapped into memory from there
    (`autokd.data.sources.unread`); all others are held in memory.

    Args:
        spec: The study's ``[data]``.
        data_dir: Folder that a relative ``root`` starts from; None means the current folder.
        cache_dir: Where decoded images are kept; None means the user's cache folder.
        arrays: Images and labels, for source ``arrays`` and no other: images ``(n, size, size)``,
            ``(n, size, size, channels)`` or ``(n, channels, size, size)``, labels ``(n,)``.
        on_images: Told images decoded and images in all, now and then while files are decoded.
        with_tuning: Whether tuning images are cut from the training images, for methods that learn
            from held-out images.

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
    rows = cut_rows(
        found.train.labels,
        None if found.test is None else found.test.labels,
        spec=spec,
        class_names=found.class_names,
        with_tuning=with_tuning,
    )
    parts = _taken(found, rows)
    cache = cache_dir or platformdirs.user_cache_path("autokd")
    ticks = _Ticks(on_images, sum(len(part) for part in parts.values()))
    splits = {name: _read(part, cache, ticks) for name, part in parts.items()}
    mean, std = channel_statistics(splits["train"].images)
    dataset = Dataset(
        splits["train"],
        splits["validation"],
        splits["test"],
        found.class_names,
        mean,
        std,
        digest_of(splits.values()),
        splits.get("tuning"),
        rows,
    )
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


def _taken(found: Found[Part], rows: Rows) -> dict[str, Part]:
    parts = {
        "train": found.train.take(rows.train),
        "validation": found.train.take(rows.validation),
        "test": found.train.take(rows.test) if found.test is None else found.test,
    }
    if rows.tuning is not None:
        parts["tuning"] = found.train.take(rows.tuning)
    return parts


def _check_consistent(spec: DataSpec, *, has_arrays: bool) -> None:
    if has_arrays and spec.source != "arrays":
        raise DataError(
            f"images were given in Python, but [data.source] is {spec.source!r}, not 'arrays'"
        )
    if "image_size" in spec.unread:
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
