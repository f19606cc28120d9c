import shutil
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import autokd
from autokd.errors import (
    ChangedDefinitionError,
    DataError,
    DefinitionError,
    RunError,
    TeacherError,
)
from autokd.runs import Run, load_run
from autokd.search import Silent, api, loop
from autokd.search.api import search


@pytest.fixture
def run_small(tmp_path: Path, cache_dir: Path, make_spec: Any) -> Any:
    def run(name: str = "run", *, changes: dict[str, Any] | None = None, **options: Any) -> Run:
        return search(
            make_spec(**{"budget": {"trials": 4}, **(changes or {})}),
            run_dir=tmp_path / name,
            device="cpu",
            **{"workers": 0, "cache_dir": cache_dir, **options},
        )

    return run


def _facts(run: Run) -> list[object]:
    return [
        (r.slot, r.outcome, r.seed, r.point, r.graphs, [(g.epochs, g.metrics) for g in r.rungs])
        for r in run.records()
    ]


def test_a_search_ends_with_a_front_that_was_tested(run_small: Any) -> None:
    run = run_small()
    front = run.front()
    assert len(run.trials()) == 4
    assert len(front) >= 1
    assert front["test_top1"].notna().all()
    assert all(run.weights(slot) for slot in front["trial"])
    assert run.info["ended"] is not None
    assert run.info["interrupted"] is False


def test_the_same_study_gives_the_same_records(run_small: Any) -> None:
    assert _facts(run_small("a")) == _facts(run_small("b"))


def test_another_seed_gives_other_records(run_small: Any) -> None:
    assert _facts(run_small("a")) != _facts(run_small("b", changes={"seed": 1}))


def test_a_finished_study_continues_with_more_trials(run_small: Any) -> None:
    whole = _facts(run_small("a", n_trials=5))
    run_small("b", n_trials=2)
    assert _facts(run_small("b", n_trials=5)) == whole


def test_fresh_starts_over_and_otherwise_nothing_is_repeated(run_small: Any) -> None:
    started = run_small().info["started"]
    assert run_small().info["started"] == started
    assert len(run_small(n_trials=2, fresh=True).trials()) == 2


def test_a_changed_study_is_refused_before_anything_is_loaded(run_small: Any) -> None:
    run_small(n_trials=1)
    with pytest.raises(ChangedDefinitionError, match=r"\[teacher.epochs\] 1 -> 2"):
        run_small(changes={"teacher": {"source": "zoo", "model": "resnet8", "epochs": 2}})


def test_another_storage_than_the_runs_is_refused(run_small: Any) -> None:
    run_small(n_trials=1)
    with pytest.raises(RunError, match="keeps its trials in another storage"):
        run_small(storage="sqlite:///elsewhere.db")


def test_a_given_storage_is_used(run_small: Any, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'central.db'}"
    run = run_small(n_trials=1, storage=url)
    assert (tmp_path / "central.db").is_file()
    assert not (run.folder / "study.db").exists()
    assert len(run.trials()) == 1


def test_a_second_search_in_the_same_folder_is_refused(run_small: Any, tmp_path: Path) -> None:
    with (
        filelock.FileLock(tmp_path / ".run.lock"),
        pytest.raises(RunError, match="another search is running"),
    ):
        run_small()


def test_ctrl_c_ends_cleanly_and_the_same_call_resumes(
    run_small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = _facts(run_small("a"))

    def interrupt(self: loop.Loop, slot: int, result: Any) -> bool:
        if slot == 2:
            raise KeyboardInterrupt
        return real(self, slot, result)

    real = loop.Loop.rung
    monkeypatch.setattr(loop.Loop, "rung", interrupt)
    broken = run_small("b")
    assert broken.info["interrupted"] is True
    assert broken.records()[2].outcome == "interrupted"
    assert broken.front()["test_top1"].isna().all()
    monkeypatch.undo()
    resumed = run_small("b")
    assert _facts(resumed) == straight
    assert resumed.info["interrupted"] is False


def test_a_teacher_and_images_of_ones_own(run_small: Any) -> None:
    labels = np.arange(120) % 3
    images = np.random.default_rng(0).integers(0, 60, (120, 8, 8), dtype=np.uint8)
    images += (90 * labels).astype(np.uint8)[:, None, None]  # the class is the brightness
    linear = nn.Linear(64, 3)
    with torch.no_grad():  # of three lines over brightness, each is the highest in its class
        linear.weight.copy_(torch.tensor([[0.0], [1.0], [2.0]]).expand(3, 64))
        linear.bias.copy_(torch.tensor([0.0, -0.3, -0.95]) * 64)
    teacher = nn.Sequential(nn.Flatten(), linear)
    changes = {
        "data": {"source": "arrays"},
        "teacher": {"source": "module", "min_top1": 0.99},
        "training": {"batch_size": 8},
    }
    run = run_small(changes=changes, teacher=teacher, data=(images, labels))
    assert run.teacher["top1"] == 1.0
    assert run.teacher["params"] == 64 * 3 + 3
    assert run.front()["top1"].max() > 0.5


def test_images_of_ones_own_need_a_study_that_expects_them(run_small: Any) -> None:
    with pytest.raises(DataError, match="arrays"):
        run_small(data=(np.zeros((4, 8, 8), np.uint8), [0, 1, 0, 1]))


def test_a_listener_hears_of_everything(run_small: Any, tmp_path: Path) -> None:
    class Ears(Silent):
        def __init__(self) -> None:
            self.prepared: set[str] = set()
            self.closed = 0

        def preparing(self, what: str, done: int, total: int) -> None:
            self.prepared.add(what)

        def changed(self, snapshot: Any) -> None:
            self.closed = snapshot.closed

    ears = Ears()
    run_small(listener=ears, cache_dir=tmp_path / "empty cache")
    assert {"data", "teacher"} <= ears.prepared
    assert ears.closed == 4


def test_a_listener_is_told_first_what_is_searched_and_by_how_many(
    run_small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ears(Silent):
        def __init__(self) -> None:
            self.news: list[str] = []

        def told(self, message: str) -> None:
            self.news.append(message)

        def changed(self, snapshot: Any) -> None:
            self.news.append("a trial")

    ears = Ears()
    monkeypatch.setattr(api, "default_workers", lambda _device: 0)
    run_small(listener=ears, n_trials=1, workers=None)
    assert ears.news[0] == "study       A study"
    assert ears.news[4:6] == ["workers     none: students train in this process", "a trial"]


def test_an_unknown_study_is_refused() -> None:
    with pytest.raises(DefinitionError, match="did you mean 'digits'"):
        search("digit")


def test_a_shipped_study_is_copied_into_its_run_folder(
    tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = search("digits", smoke=True, n_trials=1, workers=0, cache_dir=cache_dir, device="cpu")
    assert run.folder == Path("runs/digits-smoke")
    study = Path(autokd.definitions.find("studies", "digits")).read_text()
    assert (run.folder / "study.toml").read_text() == study
    assert (run.folder / "space.toml").read_text().startswith("#")


def test_the_room_can_be_called_like_the_function() -> None:
    assert callable(autokd.search)
    with pytest.raises(DefinitionError, match="no study is called"):
        autokd.search("nothing at all")


class Ears(Silent):
    def __init__(self) -> None:
        self.news: list[str] = []

    def told(self, message: str) -> None:
        self.news.append(message)


AUTOKD = {"sampler": {"name": "autokd", "startup_trials": 2, "previews": 4}}


def test_a_search_begins_with_the_front_of_an_earlier_run_and_goes_on_without_it(
    run_small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run_small("a")
    front = [int(slot) for slot in first.front()["trial"]]
    changes = {"seed": 1, "start": {"chain": [3_000]}, **AUTOKD}
    options = {"changes": changes, "n_trials": len(front) + 4, "warm_start": [first]}
    straight, ears = run_small("b", **options), Ears()
    origins = [record.origin for record in straight.records()]
    assert origins[: len(front) + 1] == [
        "chain baseline of 3,000 params",
        *[f"front of a, trial {slot}" for slot in front],
    ]
    assert set(origins[len(front) + 1 :]) == {""}
    assert straight.front()["test_top1"].notna().all()

    run_small("c", **{**options, "n_trials": len(front) + 2})
    learned = len(first.records())
    first.folder.rename(first.folder.with_name("moved"))
    later = {**options, "warm_start": ()}
    assert _facts(run_small("c", **later, listener=ears)) == _facts(straight)
    assert f"learns from {learned} trials of a" in ears.news
    with pytest.raises(ChangedDefinitionError, match=r"was begun from a, not from .*moved as it"):
        run_small("c", **{**options, "warm_start": [first.folder.with_name("moved")]})


def test_a_longer_top_rung_is_another_study_that_can_begin_from_this_one(run_small: Any) -> None:
    ladder = {"min_epochs": 1, "max_epochs": 2, "eta": 2}
    short = run_small(changes={"fidelity": ladder}, n_trials=3)
    with pytest.raises(ChangedDefinitionError, match=r"--warm-start .*run then begins from what"):
        run_small(n_trials=3)
    # In the same folder: it is read before it is deleted.
    n_front = len(short.front())
    longer = run_small(n_trials=n_front + 1, fresh=True, warm_start=[short.folder])
    assert longer.records()[0].origin.startswith("front of run, trial ")
    begun = _facts(longer)
    again = run_small(n_trials=n_front + 2, warm_start=[short.folder])
    assert _facts(again)[: n_front + 1] == begun


def test_a_run_that_cannot_be_begun_from_is_refused_before_anything_is_made(
    run_small: Any, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match="nowhere is not a run folder"):
        run_small(warm_start=[tmp_path / "nowhere"])
    assert not (tmp_path / "run").exists()


def test_a_run_can_be_renamed_and_copied(run_small: Any, tmp_path: Path) -> None:
    straight = _facts(run_small("straight"))
    run_small("first", n_trials=2)
    (tmp_path / "first").rename(tmp_path / "second")
    shutil.copytree(tmp_path / "second", tmp_path / "copy")
    assert _facts(run_small("second")) == straight
    assert _facts(load_run(tmp_path / "copy")) == straight[:2]
    assert _facts(run_small("copy")) == straight
    run_small("first", n_trials=1)
    assert len(load_run(tmp_path / "second").records()) == 4


def test_what_is_wrong_is_said_before_an_earlier_run_is_deleted(run_small: Any) -> None:
    begun = _facts(run_small(n_trials=1))
    with pytest.raises(TeacherError, match="min_top1"):
        run_small(
            changes={"teacher": {"source": "zoo", "model": "resnet8", "epochs": 1, "min_top1": 1}},
            fresh=True,
        )
    assert _facts(run_small(n_trials=1)) == begun


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"n_trials": 0}, "more than 0 trials, found 0"),
        ({"seconds": -3.0}, "more than 0 seconds, found -3"),
        ({"seconds": float("nan")}, "more than 0 seconds, found nan"),
        ({"seconds": float("inf")}, "a finite number of seconds, found inf"),
        ({"n_trials": 2.5}, "a finite whole number of trials, found 2.5"),
        ({"n_trials": "3"}, "a finite whole number of trials, found '3'"),
        ({"workers": -1}, "at least 0, found -1"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(
    run_small: Any, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(DefinitionError, match=told):
        run_small(**options)


def test_a_storage_that_cannot_be_used_is_refused_before_the_teacher_is_trained(
    run_small: Any, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match="cannot be used"):
        run_small(storage=f"sqlite:///{tmp_path}/no/such/folder/a.db", cache_dir=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_storage_in_the_current_folder_is_found_from_elsewhere(
    run_small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_small(n_trials=1, storage="sqlite:///mine.db")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert len(run_small(n_trials=2).records()) == 2
    assert not list(elsewhere.iterdir())


def test_a_run_whose_database_is_lost_is_not_begun_again_unasked(run_small: Any) -> None:
    run = run_small(n_trials=1)
    (run.folder / "study.db").unlink()
    with pytest.raises(RunError, match=r"study.db cannot be used: there is no such file"):
        run_small(n_trials=1)
    assert not (run.folder / "study.db").exists()
    assert len(run_small(n_trials=1, fresh=True).records()) == 1


def test_an_error_of_the_system_during_a_search_keeps_its_words(
    run_small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionRefusedError("nobody answers")

    monkeypatch.setattr(api, "prepare", refuse)
    with pytest.raises(ConnectionRefusedError, match="nobody answers"):
        run_small()


def test_ctrl_c_while_the_test_set_is_measured_ends_cleanly_too(
    run_small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "measure_test", interrupt)
    assert run_small().info["interrupted"] is True
    monkeypatch.undo()
    resumed = run_small()
    assert resumed.info["interrupted"] is False
    assert resumed.front()["test_top1"].notna().all()


def test_a_resumed_search_finds_its_data_where_it_was(
    run_small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for split, n_images in (("train", 40), ("test", 10)):
        for name in ("dark", "light"):
            folder = tmp_path / "pictures" / "mine" / split / name
            folder.mkdir(parents=True)
            for i in range(n_images):
                level = i + (120 if name == "light" else 0)
                Image.new("L", (8, 8), level).save(folder / f"{i}.png")
    data = {"source": "image_folder", "root": "mine", "image_size": 8}
    changes = {"data": data, "training": {"batch_size": 8}}
    monkeypatch.chdir(tmp_path)
    run_small(changes=changes, n_trials=1, data_dir="pictures")
    assert len(run_small(changes=changes, n_trials=2).records()) == 2


def test_budget_may_be_a_number_of_numpys(run_small: Any) -> None:
    assert len(run_small(n_trials=np.int64(2), seconds=np.float32(600)).trials()) == 2


def test_one_earlier_run_needs_no_list(run_small: Any) -> None:
    earlier = run_small("earlier", n_trials=2)
    begun = [
        run_small(name, n_trials=1, warm_start=run).trials()["origin"].tolist()
        for name, run in (("a", earlier), ("b", earlier.folder), ("c", str(earlier.folder)))
    ]
    assert begun[0] == begun[1] == begun[2]
    assert begun[0][0]


def test_resumed_run_has_not_ended_while_it_runs(
    run_small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_small(n_trials=1).folder
    seen: list[object] = []

    def broken(*_args: object, **_options: object) -> None:
        seen.append(load_run(folder).info["ended"])
        raise ZeroDivisionError

    monkeypatch.setattr(api, "measure_test", broken)
    with pytest.raises(ZeroDivisionError):
        run_small(n_trials=2)
    assert seen == [None]
    assert load_run(folder).info["ended"] is None
