import json
import logging
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from autokd.data.store import table as table_module
from autokd.data.store.table import Table
from autokd.errors import RunError


class _Work:
    """Works out parts, and notes which."""

    def __init__(self) -> None:
        self.done: list[int] = []

    def __call__(self, index: int) -> Tensor:
        self.done.append(index)
        return torch.full((2, 3), float(index), dtype=torch.float16)


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path / "cache" / "views.npy", "key", (2, 3), "float16")


@pytest.fixture
def work() -> _Work:
    return _Work()


def _values(parts: Tensor) -> list[float]:
    assert parts.dtype == torch.float16
    assert parts.shape[1:] == (2, 3)
    return parts[:, 1, 2].tolist()


def test_a_table_is_worked_out_once(table: Table, work: _Work) -> None:
    assert table.read() is None
    assert _values(table.read_or_fill(3, work)) == [0, 1, 2]
    assert _values(table.read_or_fill(3, work)) == [0, 1, 2]
    assert work.done == [0, 1, 2]


def test_a_longer_table_is_read_from_its_beginning(table: Table, work: _Work) -> None:
    table.read_or_fill(4, work)
    assert _values(table.read_or_fill(2, work)) == [0, 1]
    assert work.done == [0, 1, 2, 3]


def test_a_shorter_table_is_extended(table: Table, work: _Work) -> None:
    before = table.read_or_fill(2, work)
    assert _values(table.read_or_fill(4, work)) == [0, 1, 2, 3]
    assert work.done == [0, 1, 2, 3]
    assert _values(before) == [0, 1]  # whoever has the old one open keeps it


def _flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _forget_header(path: Path) -> None:
    path.with_suffix(".json").unlink()


def _forget_array(path: Path) -> None:
    path.unlink()


def _break_header(path: Path) -> None:
    path.with_suffix(".json").write_text("{")


def _empty_header(path: Path) -> None:
    path.with_suffix(".json").write_text("[]")


def _claim_more_parts(path: Path) -> None:
    header = json.loads(path.with_suffix(".json").read_text())
    header["checksums"].append(0)
    path.with_suffix(".json").write_text(json.dumps(header))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_flip_a_byte, "a checksum is wrong"),
        (_truncate, "mmap length is greater"),
        (_forget_header, "No such file"),
        (_forget_array, "No such file"),
        (_break_header, "Expecting property name"),
        (_empty_header, "its header is no header"),
        (_claim_more_parts, r"it holds \('float16', \(2, 2, 3\)\)"),
    ],
)
def test_a_damaged_table_is_reported_and_worked_out_anew(
    damage: Callable[[Path], None],
    reason: str,
    table: Table,
    work: _Work,
    caplog: pytest.LogCaptureFixture,
) -> None:
    table.read_or_fill(2, work)
    damage(table.path)
    with caplog.at_level(logging.WARNING):
        assert _values(table.read_or_fill(2, work)) == [0, 1]
    assert work.done == [0, 1, 0, 1]
    assert len(caplog.records) == 1
    assert caplog.records[0].name == "autokd.data.store.table"
    assert re.search(reason, caplog.text)


@pytest.mark.parametrize("change", [{"key": "other"}, {"part_shape": (3, 2)}, {"dtype": "int16"}])
def test_another_table_is_not_used(
    change: dict[str, object],
    table: Table,
    work: _Work,
    caplog: pytest.LogCaptureFixture,
) -> None:
    table.read_or_fill(2, work)
    assert replace(table, **change).read() is None  # type: ignore[arg-type]
    assert "its header is that of another table" in caplog.text


def test_large_tables_are_checked_by_size_alone(
    table: Table, work: _Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_module, "_CHECKED_BYTES", 0)
    table.read_or_fill(2, work)
    _flip_a_byte(table.path)
    assert table.read() is not None
    _truncate(table.path)
    assert table.read() is None


def test_an_interrupted_fill_leaves_no_table(table: Table) -> None:
    def fail_late(index: int) -> Tensor:
        if index == 1:
            raise KeyboardInterrupt
        return torch.zeros(2, 3).half()

    with pytest.raises(KeyboardInterrupt):
        table.read_or_fill(2, fail_late)
    assert list(table.path.parent.iterdir()) == []
    assert table.read() is None


def test_a_cache_that_cannot_be_written_is_named(table: Table, work: _Work) -> None:
    table.path.parent.write_text("not a folder")
    with pytest.raises(RunError, match=r"cache: cannot be written: File exists"):
        table.read_or_fill(1, work)
    assert work.done == []
