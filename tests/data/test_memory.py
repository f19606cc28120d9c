from pathlib import Path

import pytest

from autokd.data import memory
from autokd.data.memory import free_memory_bytes


@pytest.mark.parametrize(
    ("limit", "expected"), [("4096\n", 4096), ("max\n", 2**30), (str(2**40), 2**30), (None, 2**30)]
)
def test_free_memory_is_bounded_by_the_control_group(
    limit: str | None, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class _Found:
        available = 2**30

    monkeypatch.setattr("psutil.virtual_memory", _Found)
    monkeypatch.setattr(memory, "_GROUP_LIMIT", tmp_path / "memory.max")
    if limit is not None:
        (tmp_path / "memory.max").write_text(limit)
    assert free_memory_bytes() == expected
