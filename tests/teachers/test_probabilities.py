from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from autokd.errors import TeacherError
from autokd.teachers import read_probabilities

TRAIN = np.array([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [0.1, 0.2, 0.7], [0.3, 0.3, 0.4]])


def _write(folder: Path, **arrays: Any) -> Path:
    path = folder / "teacher.npz"
    np.savez(path, **arrays)
    return path


def _read(path: Path, *, n_test: int = 0) -> dict[str, torch.Tensor]:
    return read_probabilities(path, n_train=4, n_test=n_test, num_classes=3)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_softmax_of_the_logits_gives_the_probabilities(tmp_path: Path, dtype: str) -> None:
    read = _read(_write(tmp_path, train=TRAIN.astype(dtype)))
    assert set(read) == {"train"}
    assert read["train"].dtype == torch.float32
    found = read["train"].softmax(dim=1).double()
    torch.testing.assert_close(found, torch.from_numpy(TRAIN), rtol=0, atol=6e-4)


def test_what_is_impossible_counts_as_the_precision_of_a_float32(tmp_path: Path) -> None:
    logits = _read(_write(tmp_path, train=TRAIN))["train"]
    assert logits[1].tolist() == pytest.approx([0, -15.9424, -15.9424], abs=1e-4)


def test_rounding_to_float16_is_within_the_tolerance_for_a_thousand_classes(
    tmp_path: Path,
) -> None:
    drawn = np.random.default_rng(0).dirichlet(np.full(1000, 0.1), size=4).astype(np.float16)
    path = _write(tmp_path, train=drawn)
    read = read_probabilities(path, n_train=4, n_test=0, num_classes=1000)
    assert read["train"].shape == (4, 1000)


def test_a_source_with_test_images_has_two_arrays(tmp_path: Path) -> None:
    read = _read(_write(tmp_path, train=TRAIN, test=TRAIN[:2]), n_test=2)
    assert torch.equal(read["test"], read["train"][:2])


@pytest.mark.parametrize(
    ("arrays", "n_test", "message"),
    [
        ({"test": TRAIN}, 0, r"must hold the arrays \['train'\] .*, found \['test'\]"),
        ({"train": TRAIN}, 2, r"\['test', 'train'\] for these images, found \['train'\]"),
        (
            {"train": TRAIN, "validation": TRAIN},
            0,
            r"found \['train', 'validation'\]; what a study cuts .* is cut from 'train'",
        ),
        ({"train": TRAIN[:3]}, 0, r"'train' must be floats \(4, 3\), .* found float64 \(3, 3\)"),
        ({"train": TRAIN[:, :2]}, 0, r"must be floats \(4, 3\), .* found float64 \(4, 2\)"),
        ({"train": TRAIN.astype(int)}, 0, r"must be floats \(4, 3\), .* found int64 \(4, 3\)"),
        ({"train": TRAIN * [[-1, 1, 1]]}, 0, "must hold finite numbers, none below 0"),
        ({"train": TRAIN * [[np.nan, 1, 1]]}, 0, "must hold finite numbers, none below 0"),
        ({"train": TRAIN * [[1], [1], [1.1], [1]]}, 0, "sum is 1, found 1.1 in row 2"),
        (
            {"train": TRAIN, "test": TRAIN[:2] * 0},
            2,
            "array 'test' must hold rows whose sum is 1, found 0 in row 0",
        ),
        ({"train": np.array([{}], dtype=object)}, 0, "not a readable archive of arrays"),
    ],
)
def test_arrays_that_do_not_belong_to_the_images_are_refused(
    arrays: dict[str, Any], n_test: int, message: str, tmp_path: Path
) -> None:
    path = _write(tmp_path, **arrays)
    with pytest.raises(TeacherError, match=rf"teacher\.npz: .*{message}"):
        _read(path, n_test=n_test)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match=f"{tmp_path}/gone.npz: there is no such file"):
        _read(tmp_path / "gone.npz")


def test_files_that_are_no_archives_are_refused(tmp_path: Path) -> None:
    whole = _write(tmp_path, train=TRAIN).read_bytes()
    np.save(tmp_path / "array.npy", TRAIN)
    contents = [b"", b"text", whole[:-30], whole[:40], (tmp_path / "array.npy").read_bytes()]
    contents.append(whole[:100] + bytes(20) + whole[120:])
    for content in contents:
        path = tmp_path / "damaged.npz"
        path.write_bytes(content)
        with pytest.raises(TeacherError, match=r"damaged\.npz: not a readable archive of arrays"):
            _read(path)
