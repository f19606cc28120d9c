import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from autokd.data.store.arrays import checksum, link_or_save, open_array, save_array, write_array


def test_parts_come_back_as_one_array(tmp_path: Path) -> None:
    parts = [torch.randn(3, 2).half() for _ in range(4)]
    path = tmp_path / "a.npy"
    checksums = write_array(path, iter(parts), shape=(4, 3, 2), dtype="float16")
    assert torch.equal(open_array(path), torch.stack(parts))
    assert checksums == [zlib.crc32(part.numpy().tobytes()) for part in parts]
    assert [checksum(part) for part in open_array(path)] == checksums


def test_numpy_reads_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    write_array(path, [torch.arange(3)], shape=(1, 3), dtype="int64")
    assert np.load(path).tolist() == [[0, 1, 2]]


def test_writing_to_an_opened_array_never_reaches_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.zeros(4, np.uint8))
    opened = open_array(path)
    opened += 1
    assert opened.tolist() == [1, 1, 1, 1]
    assert np.load(path).tolist() == [0, 0, 0, 0]


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.zeros(4000, np.uint8))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="mmap length is greater than file size"):
        open_array(path)


def test_a_whole_array_is_saved_from_any_layout(tmp_path: Path) -> None:
    array = torch.arange(6.0, requires_grad=True).reshape(2, 3).T
    save_array(tmp_path / "a.npy", array)
    assert torch.equal(open_array(tmp_path / "a.npy"), array.detach())


def test_what_is_cached_is_linked_and_the_rest_saved(tmp_path: Path) -> None:
    array, cached = torch.arange(3), tmp_path / "cached.npy"
    save_array(cached, array)
    link_or_save(tmp_path / "linked.npy", array, cached=cached)
    assert (tmp_path / "linked.npy").samefile(cached)
    for name, gone in (("a.npy", tmp_path / "gone.npy"), ("b.npy", None)):
        link_or_save(tmp_path / name, array, cached=gone)
        assert torch.equal(open_array(tmp_path / name), array)
