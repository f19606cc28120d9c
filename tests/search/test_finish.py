from pathlib import Path
from typing import Any

import pytest

from autokd.distill import PreparedStudy
from autokd.runs import load_run
from autokd.search import finish, search


def test_the_test_set_is_measured_for_the_front_and_once(
    prepared: PreparedStudy,
    cache_dir: Path,
    tmp_path: Path,
    make_spec: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured: list[int] = []
    real = finish._scores

    def counting(graph: Any, folder: Any, slot: int, study: Any) -> dict[str, float]:
        measured.append(slot)
        return real(graph, folder, slot, study)

    monkeypatch.setattr(finish, "_scores", counting)
    run = search(
        make_spec(budget={"trials": 3}),
        run_dir=tmp_path / "r",
        workers=0,
        cache_dir=cache_dir,
        device="cpu",
    )
    front = run.front()
    assert sorted(measured) == sorted(front["trial"])
    assert front["test_top1"].notna().all()
    again = search(
        make_spec(budget={"trials": 3}),
        run_dir=tmp_path / "r",
        workers=0,
        cache_dir=cache_dir,
        device="cpu",
    )
    assert len(measured) == len(front)
    assert again.front().equals(load_run(tmp_path / "r").front())
