"""From a study's ``[data]`` to a data set: read the source, cut the splits, measure pixels."""

from pathlib import Path

from autokd.data.measure import channel_statistics, digest_of
from autokd.data.sources import SOURCES, Array, Found, Request
from autokd.data.sources.decode import MAX_SIZE, MIN_SIZE
from autokd.data.splits import cut_fraction, keep_limit
from autokd.data.tensors import Dataset, Split
from autokd.errors import DataError
from autokd.study import DataSpec

__all__ = ["load_dataset"]


def load_dataset(
    spec: DataSpec, *, data_dir: Path | None = None, arrays: tuple[Array, Array] | None = None
) -> Dataset:
    """Load and split a study's images.

    The order is: test images are cut off where the source has none of its own, the rest is limited
    to ``train_limit``, and validation is cut from what is left (`autokd.data.splits` has the
    rules). Normalisation is that of the training images then.

    Args:
        spec: The study's ``[data]``.
        data_dir: Folder that a relative ``root`` starts from; None means the current folder.
        arrays: Images and labels, for source ``arrays`` and no other: images ``(n, size, size)``,
            ``(n, size, size, channels)`` or ``(n, channels, size, size)``, labels ``(n,)``.

    Returns:
        The data set, on the CPU; the same for the same spec and images.

    Raises:
        DataError: If images are missing, unreadable, or of a kind that cannot be used, or if a
            class has too few of them; or if the spec and the arguments contradict each other.
    """
    _check_consistent(spec, has_arrays=arrays is not None)
    root = None if spec.root is None else (data_dir or Path()) / Path(spec.root).expanduser()
    found = SOURCES[spec.source](Request(spec, root, arrays))
    _check_usable(found)
    train, validation, test = _cut(found, spec)
    mean, std = channel_statistics(train.images)
    digest = digest_of([train, validation, test])
    return Dataset(train, validation, test, found.class_names, mean, std, digest)


def _cut(found: Found, spec: DataSpec) -> tuple[Split, Split, Split]:
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
    split: Split, fraction: float, *, names: tuple[str, ...], seed: int, what: str
) -> tuple[Split, Split]:
    stays, cut = cut_fraction(split.labels, fraction, class_names=names, seed=seed, what=what)
    return split.take(stays), split.take(cut)


def _check_consistent(spec: DataSpec, *, has_arrays: bool) -> None:
    if has_arrays and spec.source != "arrays":
        raise DataError(
            f"images were given in Python, but [data.source] is {spec.source!r}, not 'arrays'"
        )
    if spec.image_size is not None and spec.source != "image_folder":
        raise DataError(
            f"[data.image_size] is for 'image_folder'; images of {spec.source!r} keep their size"
        )


def _check_usable(found: Found) -> None:
    size = found.train.images.shape[-1]
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise DataError(
            f"images are {size}x{size} pixels; the size must be in [{MIN_SIZE}, {MAX_SIZE}]"
        )
    if len(found.class_names) < 2:
        raise DataError(f"at least two classes are needed, found {list(found.class_names)}")
