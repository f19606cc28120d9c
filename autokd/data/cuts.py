"""Which of a source's images each split of a study holds.

The cuts are worked out on labels alone, as numbers of rows, before any image is taken: so whatever
else is known of a source's images row by row, such as the answers of a network that nobody can
ask, is cut alike.
"""

from torch import Tensor, arange

from autokd.data.splits import cut_fraction, keep_few, keep_limit
from autokd.data.tensors import Rows
from autokd.study import DataSpec

__all__ = ["cut_rows"]


def cut_rows(
    labels: Tensor,
    test_labels: Tensor | None,
    *,
    spec: DataSpec,
    class_names: tuple[str, ...],
    with_tuning: bool = False,
) -> Rows:
    """Cut a source's images into splits.

    The order is: test images are cut off where the source has none of its own, the rest is limited
    to ``train_limit``, validation is cut from what is left, then tuning where it is asked for, and
    of the rest ``images_per_class`` are kept (`autokd.data.splits` has the rules).

    Args:
        labels: Class indices of the source's training images, ``(n,)``.
        test_labels: Those of its own test images, ``(m,)``; None where it has none.
        spec: The study's ``[data]``.
        class_names: Names by class index.
        with_tuning: Whether tuning images are cut off; without, the other splits are as if there
            was no such thing.

    Returns:
        The rows of each split, ascending.

    Raises:
        DataError: If a class has too few images.
    """
    seed = spec.split_seed

    def cut(rows: Tensor, fraction: float, what: str) -> tuple[Tensor, Tensor]:
        stays, off = cut_fraction(
            labels[rows], fraction, class_names=class_names, seed=seed, what=what
        )
        return rows[stays], rows[off]

    rows, tuning = arange(len(labels)), None
    if test_labels is None:
        rows, test = cut(rows, spec.test_fraction, "test")
    else:
        test = arange(len(test_labels))
    if spec.train_limit is not None:
        kept = keep_limit(
            labels[rows],
            spec.train_limit,
            class_names=class_names,
            seed=seed,
            least=spec.least_per_class,
        )
        rows = rows[kept]
    rows, validation = cut(rows, spec.validation_fraction, "validation")
    if with_tuning:
        rows, tuning = cut(rows, spec.tuning_fraction, "tuning")
    if spec.images_per_class is not None:
        rows = rows[keep_few(labels[rows], spec.images_per_class, seed=seed)]
    n_test = 0 if test_labels is None else len(test_labels)
    return Rows(len(labels), n_test, rows, validation, test, tuning)
