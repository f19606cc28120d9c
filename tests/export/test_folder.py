import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnxruntime
import pytest
import torch

import autokd
from autokd.data import Dataset, to_unit
from autokd.errors import ExportError
from autokd.export.folder import FORMATS, export_student, load_student
from autokd.export.origin import Members
from autokd.runs import Run, load_run
from autokd.students import build, load_weights, save_weights
from tests.export.conftest import write_retraining

SMALL, LARGE, BEHIND, STOPPED, INFEASIBLE, FAILED = range(6)


@pytest.fixture(scope="module")
def exported(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports") / "student"
    return export_student(autokd.load_run(finished), LARGE, folder)


def test_export_holds_every_format_and_the_card_and_nothing_else(exported: Path) -> None:
    found = {path.name for path in exported.iterdir()}
    assert found == {*FORMATS.values(), "README.md"}
    assert [path.name for path in exported.parent.iterdir()] == ["student"]


def test_loaded_student_is_the_trained_one(exported: Path, run: Run, dataset: Dataset) -> None:
    trained = build(run.graph(LARGE), dataset.shape, mean=dataset.mean, std=dataset.std, seed=5)
    weights = run.weights(LARGE)
    assert weights is not None
    load_weights(trained, weights)
    student = load_student(exported)
    assert not student.training
    images = to_unit(dataset.test.images)
    assert torch.equal(student(images), trained.eval()(images))


def test_exported_student_scores_the_recorded_top1(
    exported: Path, run: Run, dataset: Dataset
) -> None:
    student = autokd.load_student(exported)
    predicted = student(to_unit(dataset.validation.images)).argmax(1)
    top1 = float((predicted == dataset.validation.labels).double().mean())
    assert top1 == run.record(LARGE).metrics["top1"]
    assert json.loads((exported / "student.json").read_text())["verified"]["top1"] == top1


def test_onnx_file_and_program_answer_like_the_student(exported: Path, dataset: Dataset) -> None:
    images = to_unit(dataset.test.images[:7])
    expected = load_student(exported)(images).detach()
    session = onnxruntime.InferenceSession(str(exported / "student.onnx"))
    (logits,) = session.run(["logits"], {"images": images.numpy()})
    torch.testing.assert_close(torch.from_numpy(logits), expected, rtol=1e-4, atol=1e-5)
    program = torch.export.load(exported / "student.pt2").module()
    torch.testing.assert_close(program(images), expected, rtol=1e-4, atol=1e-5)


def test_program_is_opened_where_there_is_no_autokd(exported: Path) -> None:
    code = f"""
import sys
sys.modules["autokd"] = None
import torch
logits = torch.export.load({str(exported / "student.pt2")!r}).module()(torch.rand(3, 1, 8, 8))
assert logits.shape == (3, 10)
"""
    ended = subprocess.run([sys.executable, "-c", code], check=False, cwd=exported)
    assert ended.returncode == 0


def test_config_alone_needs_neither_weights_nor_images(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autokd.export.artefacts.load_dataset", None)
    folder = export_student(run, STOPPED, tmp_path / "config", formats=("config",))
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "student.json"]
    assert json.loads((folder / "student.json").read_text())["verified"] == {}


def test_config_is_exported_without_importing_torch(finished: Path, tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from autokd.export import choose, export_student
from autokd.runs import load_run
run = load_run({str(finished)!r})
export_student(run, choose(run), Path({str(tmp_path / "c")!r}), formats=["config"])
sys.exit("torch" in sys.modules)
"""
    root = str(Path(autokd.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert (tmp_path / "c" / "student.json").is_file()


def test_an_earlier_export_is_replaced_whole(run: Run, tmp_path: Path) -> None:
    folder = export_student(run, LARGE, tmp_path / "e", formats=("safetensors",))
    export_student(run, SMALL, folder, formats=("config",))
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "student.json"]
    assert json.loads((folder / "student.json").read_text())["provenance"]["trial"] == SMALL


def test_an_empty_folder_is_filled(run: Run, tmp_path: Path) -> None:
    (tmp_path / "e").mkdir()
    export_student(run, LARGE, tmp_path / "e", formats=("config",))
    assert (tmp_path / "e" / "student.json").is_file()


def test_the_current_folder_can_be_filled(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for slot in (LARGE, SMALL):  # the second replaces the first
        export_student(run, slot, Path(), formats=("config",))
        assert Path.cwd() == tmp_path / "here"  # which is still the one that a shell stands in
        assert sorted(path.name for path in Path().iterdir()) == ["README.md", "student.json"]
        assert json.loads(Path("student.json").read_text())["provenance"]["trial"] == slot


def test_a_file_that_appears_while_a_student_is_exported_stays(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "e").mkdir()

    def noting(*_: object) -> str:
        (tmp_path / "e" / "notes.txt").write_text("mine")
        return "card"

    monkeypatch.setattr("autokd.export.folder.write_card", noting)
    folder = export_student(run, LARGE, tmp_path / "e", formats=("config",))
    found = sorted(path.name for path in folder.iterdir())
    assert found == ["README.md", "notes.txt", "student.json"]


def test_nothing_is_taken_for_an_export_while_its_files_are_exchanged(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = export_student(run, LARGE, tmp_path / "e")
    rename, moved = Path.rename, []

    def watched(path: Path, target: Path) -> Path:
        moved.append(path.name)
        done = rename(path, target)
        assert len(moved) == 7 or not (folder / "student.json").exists()
        return done

    monkeypatch.setattr(Path, "rename", watched)
    export_student(run, SMALL, folder, formats=("config",))
    assert len(moved) == 7  # five leave, two arrive
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "student.json"]


def test_a_folder_with_something_else_is_left_alone(run: Run, tmp_path: Path) -> None:
    folder = export_student(run, LARGE, tmp_path / "e", formats=("config",))
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(ExportError, match=r"holds other files .* notes.txt; nothing was replaced"):
        export_student(run, SMALL, folder, formats=("config",))
    assert json.loads((folder / "student.json").read_text())["provenance"]["trial"] == LARGE


def test_a_readme_of_something_else_is_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# My project")
    (tmp_path / "runs").rename(tmp_path.parent / f"{tmp_path.name}-runs")
    with pytest.raises(ExportError, match="is not an exported student"):
        export_student(run, SMALL, tmp_path, formats=("config",))


def test_a_file_is_not_overwritten(run: Run, tmp_path: Path) -> None:
    (tmp_path / "e").write_text("")
    with pytest.raises(ExportError, match="e is a file"):
        export_student(run, LARGE, tmp_path / "e", formats=("config",))


def test_a_folder_that_cannot_be_made_is_an_export_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="cannot be written: Not a directory"):
        export_student(run, LARGE, tmp_path / "file" / "e", formats=("config",))


def test_weights_that_were_not_kept_name_retrain(run: Run, tmp_path: Path) -> None:
    for slot, why in ((STOPPED, "the race stopped it at 1 epochs"), (BEHIND, "not on the front")):
        with pytest.raises(ExportError, match=f"{why}.*autokd retrain .* --trial {slot}"):
            export_student(run, slot, tmp_path / "e")
    assert not (tmp_path / "e").exists()


def test_weights_of_a_front_member_that_are_gone_are_named_as_such(
    run: Run, tmp_path: Path
) -> None:
    gone = run.folder / "slots" / f"{SMALL:04d}" / "weights.safetensors"
    gone.unlink()
    with pytest.raises(ExportError) as caught:
        export_student(run, SMALL, tmp_path / "e")
    said = str(caught.value)
    assert f"the weights of trial {SMALL} are gone: there is no {gone};" in said
    assert f" --trial {SMALL}` trains it again" in said


def test_weights_of_a_retraining_that_are_gone_are_named_as_such(run: Run, tmp_path: Path) -> None:
    kinds: dict[Members, str] = {"same": "", "fresh": " --fresh-members"}
    for members, option in kinds.items():
        gone = write_retraining(run, SMALL, members).weights
        with pytest.raises(ExportError) as caught:
            export_student(run, SMALL, tmp_path / "e", weights=members)
        said = str(caught.value)
        assert f"trial {SMALL}'s retraining are gone: there is no {gone};" in said
        assert f" --trial {SMALL}{option}` trains it again" in said


def test_weights_of_a_trial_that_repeats_another_say_which(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repeated = replace(run.record(BEHIND), outcome="repeated", repeats=LARGE)
    monkeypatch.setattr(Run, "record", lambda _run, _slot: repeated)
    with pytest.raises(ExportError, match=f"it was not trained, since it repeats trial {LARGE}"):
        export_student(run, BEHIND, tmp_path / "e")


def test_weights_of_a_trial_that_still_runs_say_so(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = replace(run.record(STOPPED), outcome="running")
    monkeypatch.setattr(Run, "record", lambda _run, _slot: running)
    with pytest.raises(ExportError, match=r"not kept \(it is still running\); `autokd"):
        export_student(run, STOPPED, tmp_path / "e")


def test_the_command_that_is_named_can_be_pasted_whatever_the_folder_is_called(
    run: Run, tmp_path: Path
) -> None:
    moved = load_run(run.folder.rename(run.folder.with_name("my run's")))
    with pytest.raises(ExportError) as caught:
        export_student(moved, STOPPED, tmp_path / "e")
    words = shlex.split(str(caught.value).split("`")[1])
    assert words == ["autokd", "retrain", str(moved.folder), "--trial", str(STOPPED)]


def test_weights_of_a_student_below_min_top1_say_why_they_were_not_kept(
    bounded: Callable[[float], Run], tmp_path: Path
) -> None:
    read = bounded(0.5)
    top1 = read.record(BEHIND).metrics["top1"]
    with pytest.raises(ExportError, match=f"its top1 of {top1:.4f} is below min_top1.*retrain"):
        export_student(read, BEHIND, tmp_path / "e")


def test_an_unknown_format_names_the_nearest(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"found 'onx'; did you mean 'onnx'"):
        export_student(run, LARGE, tmp_path / "e", formats=("config", "onx"))
    with pytest.raises(ExportError, match="at least one"):
        export_student(run, LARGE, tmp_path / "e", formats=())


def test_other_weights_than_the_recorded_ones_leave_no_folder(
    run: Run, dataset: Dataset, tmp_path: Path
) -> None:
    graph, weights = run.graph(LARGE), run.weights(LARGE)
    assert weights is not None
    fresh = build(graph, dataset.shape, mean=dataset.mean, std=dataset.std, seed=9)
    save_weights(fresh, weights)
    target = tmp_path / "exports" / "e"
    with pytest.raises(ExportError, match="are not the weights that were recorded"):
        export_student(run, LARGE, target, formats=("safetensors",))
    assert list(target.parent.iterdir()) == []


def test_an_earlier_export_comes_back_when_the_new_one_cannot_take_its_place(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = export_student(run, LARGE, tmp_path / "e", formats=("config",))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    rename = Path.rename

    def failing(path: Path, target: Path) -> Path:
        if path.name == "student.json" and path.parent.suffix == ".part":
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(ExportError, match="e cannot be written: No space left on device"):
        export_student(run, SMALL, folder, formats=("config",))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e", "runs"]


def test_a_failed_export_leaves_the_earlier_one(run: Run, tmp_path: Path) -> None:
    folder = export_student(run, LARGE, tmp_path / "e", formats=("config",))
    before = (folder / "student.json").read_bytes()
    weights = run.weights(LARGE)
    assert weights is not None
    weights.write_bytes(b"damaged")
    with pytest.raises(ExportError, match="cannot be read"):
        export_student(run, LARGE, folder, formats=("safetensors",))
    assert (folder / "student.json").read_bytes() == before
