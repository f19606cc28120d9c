from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import pytest
import torch

from autokd.data import SOURCES, Dataset, Split, load, load_dataset, view_images, view_order
from autokd.data.measure import channel_statistics, digest_of
from autokd.errors import DataError
from autokd.graphs import InputShape
from autokd.study import DataSpec
from autokd.views import ViewsSpec

WriteImages = Callable[..., list[Path]]


def _arrays(n: int = 60, *, n_classes: int = 3, size: int = 8) -> tuple[Any, Any]:
    images = np.random.default_rng(0).integers(0, 256, (n, size, size), dtype=np.uint8)
    return images, np.arange(n) % n_classes


def _spec(**settings: Any) -> DataSpec:
    return DataSpec(source="arrays", **settings)


def _load(**settings: Any) -> Dataset:
    return load_dataset(_spec(**settings), arrays=_arrays())


def _rows(split: Split) -> set[bytes]:
    return {image.numpy().tobytes() for image in split.images}


def _splits(dataset: Dataset) -> list[Split]:
    return [dataset.train, dataset.validation, dataset.test]


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for the user's cache folder."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda _: folder)
    return folder


@pytest.fixture
def two_splits(write_images: WriteImages, tmp_path: Path) -> Path:
    for folder, n in [("train/a", 10), ("train/b", 20), ("test/a", 3), ("test/b", 4)]:
        write_images(f"set/{folder}", n)
    return tmp_path


def test_every_source_that_a_study_may_name_can_be_loaded() -> None:
    field = DataSpec.model_fields["source"].annotation
    assert set(field.__args__) == set(SOURCES)  # type: ignore[union-attr]


def test_digits_are_split_1150_288_359() -> None:
    dataset = load_dataset(DataSpec(source="digits"))
    # 1797 * 0.2 = 359.4, then 1438 * 0.2 = 287.6
    assert [len(split) for split in _splits(dataset)] == [1150, 288, 359]
    assert dataset.shape == InputShape(channels=1, size=8, num_classes=10)
    for split in _splits(dataset):
        shares = torch.bincount(split.labels) / len(split)
        assert (shares - 0.1).abs().max() < 0.005


def test_splits_share_no_image_and_lose_none() -> None:
    splits = _splits(_load())
    rows = [_rows(split) for split in splits]
    assert sum(len(split) for split in splits) == len(set.union(*rows)) == 60


def test_test_images_are_cut_first_then_limited_then_validated() -> None:
    dataset = _load(test_fraction=0.5, train_limit=15, validation_fraction=0.4)
    assert [len(split) for split in _splits(dataset)] == [9, 6, 30]
    assert torch.bincount(dataset.train.labels).tolist() == [3, 3, 3]


def test_a_limit_leaves_the_test_images_alone() -> None:
    whole, limited = _load(), _load(train_limit=20)
    assert torch.equal(whole.test.images, limited.test.images)
    assert _rows(limited.train) | _rows(limited.validation) < (
        _rows(whole.train) | _rows(whole.validation)
    )


def test_the_same_spec_gives_the_same_dataset_and_another_split_seed_another() -> None:
    first, again, other = _load(), _load(), _load(split_seed=1)
    assert first.digest == again.digest
    assert (first.mean, first.std) == (again.mean, again.std)
    assert first.digest != other.digest
    assert _rows(first.test) != _rows(other.test)
    assert _rows(first.validation) != _rows(other.validation)


def test_the_test_images_of_a_source_ignore_the_split_seed(two_splits: Path) -> None:
    def load(seed: int) -> Dataset:
        spec = DataSpec(source="image_folder", root="set", split_seed=seed)
        return load_dataset(spec, data_dir=two_splits)

    first, other = load(0), load(1)
    assert first.test.labels.tolist() == [0] * 3 + [1] * 4
    assert torch.equal(first.test.images, other.test.images)
    assert _rows(first.validation) != _rows(other.validation)
    assert torch.bincount(first.validation.labels).tolist() == [2, 4]


def test_normalisation_is_that_of_the_training_images_after_the_cuts() -> None:
    dataset = _load()
    assert (dataset.mean, dataset.std) == channel_statistics(dataset.train.images)
    assert dataset.digest == digest_of(_splits(dataset))


def test_a_relative_root_starts_from_the_current_folder_without_a_data_dir(
    two_splits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = DataSpec(source="image_folder", root="set")
    beside = load_dataset(spec, data_dir=two_splits)
    monkeypatch.chdir(two_splits)
    assert load_dataset(spec).digest == beside.digest


def test_images_of_a_folder_are_mapped_from_the_users_cache(two_splits: Path, cache: Path) -> None:
    spec = DataSpec(source="image_folder", root="set")
    first, again = (load_dataset(spec, data_dir=two_splits) for _ in range(2))
    assert first.digest == again.digest
    assert first.is_mapped
    assert len(list((cache / "images").iterdir())) == 3  # train, validation and test


def test_progress_counts_the_images_of_all_splits(
    two_splits: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(load, "_TOLD_EVERY", 10)
    spec, told = DataSpec(source="image_folder", root="set"), []
    for _ in range(2):
        load_dataset(
            spec,
            data_dir=two_splits,
            cache_dir=tmp_path / "own",
            on_images=lambda *step: told.append(step),
        )
    assert told == [(10, 37), (20, 37), (30, 37)]
    assert (tmp_path / "own" / "images").is_dir()


def test_a_limit_spares_decoding_the_rest(two_splits: Path) -> None:
    spec = DataSpec(source="image_folder", root="set", train_limit=12)
    (two_splits / "set" / "train" / "b" / "019.png").write_bytes(b"damaged")
    whole = DataSpec(source="image_folder", root="set")
    with pytest.raises(DataError, match=r"b/019.png"):
        load_dataset(whole, data_dir=two_splits)
    splits = _splits(load_dataset(spec, data_dir=two_splits))
    assert sum(len(split) for split in splits) == 12 + 7


def test_a_folder_and_the_same_images_as_arrays_show_the_same_views(two_splits: Path) -> None:
    spec = DataSpec(source="image_folder", root="set")
    mapped = load_dataset(spec, data_dir=two_splits).train
    held = Split(mapped.images.clone(), mapped.labels)
    assert mapped.file is not None
    views = ViewsSpec(crop_padding=2, flip=True, mix="cutmix")
    order = view_order(len(mapped), view=3, seed=0)
    ours, theirs = (view_images(each.images, order, view=3, spec=views) for each in (mapped, held))
    assert torch.equal(ours, theirs)


def test_images_that_may_not_fit_in_memory_are_announced(
    two_splits: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    spec = DataSpec(source="image_folder", root="set")
    load_dataset(spec, data_dir=two_splits)
    assert caplog.text == ""
    monkeypatch.setattr(load, "free_memory_bytes", lambda: 0)
    load_dataset(spec, data_dir=two_splits)
    assert "read from the cache on disk as they are needed" in caplog.text
    _load()
    assert "0.0 GB of memory are free: they are held" in caplog.text


def test_tuning_is_cut_where_it_is_asked_for_and_changes_nothing_else() -> None:
    plain = _load()
    tuned = load_dataset(_spec(), arrays=_arrays(), with_tuning=True)
    assert plain.tuning is None
    assert tuned.tuning is not None
    assert torch.equal(tuned.validation.images, plain.validation.images)
    assert torch.equal(tuned.test.images, plain.test.images)
    assert _rows(tuned.train) | _rows(tuned.tuning) == _rows(plain.train)
    assert not _rows(tuned.train) & _rows(tuned.tuning)
    assert tuned.digest == digest_of([*_splits(tuned), tuned.tuning]) != plain.digest


@pytest.mark.parametrize("with_tuning", [False, True])
def test_rows_say_which_images_of_the_source_each_split_holds(with_tuning: bool) -> None:
    images, labels = _arrays()
    spec = _spec(train_limit=40, images_per_class=5)
    dataset = load_dataset(spec, arrays=(images, labels), with_tuning=with_tuning)
    rows = dataset.rows
    assert rows is not None
    for name, split in dataset.splits.items():
        own = getattr(rows, name)
        assert torch.equal(split.images[:, 0], torch.from_numpy(images)[own])
        assert torch.equal(split.labels, torch.from_numpy(labels)[own])


def test_few_images_of_a_folder_are_the_only_ones_decoded(
    two_splits: Path, tmp_path: Path
) -> None:
    spec = DataSpec(source="image_folder", root="set", images_per_class=2)
    told: list[int] = []
    dataset = load_dataset(
        spec,
        data_dir=two_splits,
        cache_dir=tmp_path / "own",
        with_tuning=True,
        on_images=lambda done, _total: told.append(done),
    )
    assert dataset.tuning is not None
    assert [len(split) for split in dataset.splits.values()] == [4, 6, 7, 2]
    assert all(split.file is not None for split in dataset.splits.values())
    assert len(list((tmp_path / "own" / "images").iterdir())) == 4
    assert not told  # fewer than what is told of


def test_an_absolute_root_ignores_the_data_dir(two_splits: Path, tmp_path: Path) -> None:
    spec = DataSpec(source="image_folder", root=str(two_splits / "set"))
    assert len(load_dataset(spec, data_dir=tmp_path / "elsewhere").test) == 7


def test_a_root_may_start_with_the_home_folder(
    two_splits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(two_splits))
    assert len(load_dataset(DataSpec(source="image_folder", root="~/set")).test) == 7


def test_a_missing_root_is_named_under_the_data_dir(tmp_path: Path) -> None:
    spec = DataSpec(source="image_folder", root="gone")
    with pytest.raises(DataError, match=f"{tmp_path}/gone: no such folder"):
        load_dataset(spec, data_dir=tmp_path)


def test_arrays_for_another_source_are_refused() -> None:
    message = r"images were given in Python, but \[data.source\] is 'digits', not 'arrays'"
    with pytest.raises(DataError, match=message):
        load_dataset(DataSpec(source="digits"), arrays=_arrays())


def test_image_size_for_a_source_that_keeps_its_size_is_refused() -> None:
    message = r"\[data.image_size\] is for 'image_folder'; images of 'digits' keep their size"
    with pytest.raises(DataError, match=message):
        load_dataset(DataSpec(source="digits", image_size=16))


@pytest.mark.parametrize("size", [7, 225])
def test_images_of_an_illegal_size_are_refused(size: int) -> None:
    with pytest.raises(DataError, match=rf"images are {size}x{size} pixels; .* \[8, 224\]"):
        load_dataset(_spec(), arrays=_arrays(6, size=size))


def test_one_class_is_refused() -> None:
    with pytest.raises(DataError, match=r"at least two classes are needed, found \['0'\]"):
        load_dataset(_spec(), arrays=_arrays(n_classes=1))


def test_a_class_too_small_for_both_cuts_is_refused_by_name() -> None:
    images, _ = _arrays(60)
    labels = np.zeros(60, dtype=np.int64)
    labels[:2] = 1  # one image goes to test, the other cannot be both training and validation
    with pytest.raises(DataError, match="class '1' has 1 image: cutting off validation images"):
        load_dataset(_spec(), arrays=(images, labels))


def test_a_constant_channel_is_refused() -> None:
    _, labels = _arrays(60)
    with pytest.raises(DataError, match="channel 0 of the training images is 9 in every pixel"):
        load_dataset(_spec(), arrays=(np.full((60, 8, 8), 9, dtype=np.uint8), labels))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("source", "root", "mean"),
    [
        ("fashion_mnist", ".", (0.286,)),
        ("image_folder", "cifar10_jpeg", (0.491, 0.482, 0.446)),
    ],
)
def test_real_data_has_its_published_mean_and_stratified_splits(
    data_dir: Path, source: Any, root: str, mean: tuple[float, ...]
) -> None:
    dataset = load_dataset(DataSpec(source=source, root=root), data_dir=data_dir)
    assert dataset.mean == pytest.approx(mean, abs=0.002)
    n_train = len(dataset.train) + len(dataset.validation)
    assert torch.bincount(dataset.validation.labels).tolist() == [n_train // 50] * 10
    assert torch.bincount(dataset.train.labels).tolist() == [n_train * 4 // 50] * 10
    assert len(dataset.test) == 10_000
