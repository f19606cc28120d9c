from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from autokd.data.cuts import cut_rows
from autokd.data.splits import cut_fraction, keep_limit
from autokd.data.tensors import Rows
from autokd.errors import DataError
from autokd.study import DataSpec, load_study

NAMES = ("a", "b", "c")
LABELS = torch.arange(120) % 3


def _spec(**settings: Any) -> DataSpec:
    return DataSpec(source="arrays", **settings)


def _cut(labels: Tensor = LABELS, test: Tensor | None = None, **settings: Any) -> Rows:
    with_tuning = settings.pop("with_tuning", False)
    return cut_rows(
        labels, test, spec=_spec(**settings), class_names=NAMES, with_tuning=with_tuning
    )


def _numbers(*parts: Tensor | None) -> list[int]:
    return sorted(int(row) for part in parts if part is not None for row in part)


def _hand_cut(spec: DataSpec) -> tuple[Tensor, Tensor, Tensor]:
    """Cut images, not rows, one after the other."""
    images = torch.arange(120)
    given: dict[str, Any] = {"class_names": NAMES, "seed": spec.split_seed}
    stays, off = cut_fraction(images % 3, spec.test_fraction, what="test", **given)
    images, test = images[stays], images[off]
    if spec.train_limit is not None:
        images = images[keep_limit(images % 3, spec.train_limit, **given)]
    stays, off = cut_fraction(images % 3, spec.validation_fraction, what="validation", **given)
    return images[stays], images[off], test


@given(seed=st.integers(0, 99), limit=st.one_of(st.none(), st.integers(20, 130)))
def test_rows_are_those_of_images_cut_one_after_the_other(seed: int, limit: int | None) -> None:
    spec = _spec(split_seed=seed, train_limit=limit)
    rows = cut_rows(LABELS, None, spec=spec, class_names=NAMES)
    for ours, theirs in zip(
        (rows.train, rows.validation, rows.test), _hand_cut(spec), strict=True
    ):
        assert torch.equal(ours, theirs)
    assert rows.tuning is None


@given(
    seed=st.integers(0, 99),
    fraction=st.floats(0.05, 0.6),
    limit=st.one_of(st.none(), st.integers(40, 130)),
)
def test_tuning_comes_out_of_the_training_images_alone(
    seed: int, fraction: float, limit: int | None
) -> None:
    settings: dict[str, Any] = {"split_seed": seed, "train_limit": limit}
    without = _cut(**settings)
    rows = _cut(**settings, tuning_fraction=fraction, with_tuning=True)
    assert rows.tuning is not None
    assert torch.equal(rows.validation, without.validation)
    assert torch.equal(rows.test, without.test)
    assert _numbers(rows.train, rows.tuning) == without.train.tolist()
    assert not set(rows.train.tolist()) & set(rows.tuning.tolist())
    assert set((rows.tuning % 3).tolist()) == set((rows.train % 3).tolist()) == {0, 1, 2}


def test_an_asked_for_share_without_a_method_that_reads_it_changes_nothing() -> None:
    assert torch.equal(_cut(tuning_fraction=0.5).train, _cut().train)


def test_few_images_are_kept_of_each_class_after_all_other_cuts() -> None:
    whole, few = (_cut(with_tuning=True, images_per_class=n) for n in (None, 4))
    assert torch.bincount(few.train % 3).tolist() == [4, 4, 4]
    assert set(few.train.tolist()) < set(whole.train.tolist())
    for name in ("validation", "test", "tuning"):
        assert torch.equal(getattr(few, name), getattr(whole, name))


def test_own_test_images_are_counted_apart() -> None:
    rows = _cut(test=torch.arange(30) % 3)
    assert (rows.n_train, rows.n_test) == (120, 30)
    assert rows.test.tolist() == list(range(30))
    assert _numbers(rows.train, rows.validation) == list(range(120))
    assert (_cut().n_train, _cut().n_test) == (120, 0)


def test_a_class_too_small_for_tuning_is_refused_by_name() -> None:
    labels = torch.tensor([0] * 20 + [1] * 20 + [2] * 3)
    with pytest.raises(DataError, match="class 'c' has 1 image: cutting off tuning images"):
        _cut(labels, with_tuning=True)


@pytest.mark.parametrize("sizes", [[500] * 200, [5000, 5000, 50], [500] * 100])
def test_a_shrunk_study_has_every_class_in_every_split(sizes: list[int]) -> None:
    labels = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    names = tuple(map(str, range(len(sizes))))
    small = load_study("cifar100").smoke().data
    rows = cut_rows(labels, labels, spec=small, class_names=names, with_tuning=True)
    for split in (rows.train, rows.validation, rows.tuning):
        assert split is not None
        assert set(labels[split].tolist()) == set(range(len(sizes)))
