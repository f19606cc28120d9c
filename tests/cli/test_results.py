import json
from pathlib import Path
from typing import Any


def test_report_takes_the_latest_run_and_writes_where_it_is_told(
    run_cli: Any, tiny_run: Path
) -> None:
    assert run_cli("report").out.strip() == str(tiny_run / "report.html")
    said = run_cli("report", str(tiny_run), "--output", "page.html", "--csv", "trials.csv")
    assert said.out.split() == ["page.html", "trials.csv"]
    assert Path("page.html").read_text().lower().startswith("<!doctype html>")
    assert "trial" in Path("trials.csv").read_text().splitlines()[0]


def test_export_of_the_config_alone_is_a_folder_with_the_student(
    run_cli: Any, tiny_run: Path
) -> None:
    said = run_cli("export", "--format", "config", "--best", "top1", "--max-params", "1M")
    assert said.code == 0, said.err
    folder = Path(said.out.strip())
    assert folder.parent == Path("students")
    assert json.loads((folder / "student.json").read_text())["graph"]["nodes"]
    assert not (folder / "weights.safetensors").exists()


def test_export_that_nothing_fits_says_what_the_smallest_is(run_cli: Any, tiny_run: Path) -> None:
    said = run_cli("export", "--max-params", "10")
    assert said.code == 2
    assert "smallest" in said.err


def test_retrain_prints_mean_and_spread(run_cli: Any, tiny_run: Path) -> None:
    said = run_cli("retrain", "--seeds", "2", "--epochs", "2", "--device", "cpu")
    assert said.code == 0, said.err
    assert "top1" in said.out
    assert "search: validation top1" in said.out
    assert list((tiny_run / "retrain").glob("*.json"))


def test_fresh_members_are_exported_where_they_are_asked_for(run_cli: Any, tiny_run: Path) -> None:
    unmade = run_cli("export", "--format", "config", "--weights", "fresh")
    assert unmade.code == 2
    assert "--fresh-members` does it" in unmade.err
    options = ("--seeds", "2", "--epochs", "1", "--device", "cpu", "--fresh-members")
    said = run_cli("retrain", *options)
    assert said.code == 0, said.err
    assert "fresh members" in said.out
    made = run_cli("export", "--format", "config", "--weights", "fresh")
    assert made.code == 0, made.err
    assert (
        "2 fresh members of the trial's family" in Path(made.out.strip(), "README.md").read_text()
    )


def test_results_need_a_run(run_cli: Any) -> None:
    for command in ("report", "export", "retrain"):
        said = run_cli(command)
        assert (said.code, said.err.count("\n")) == (2, 1)
        assert "there is no run in runs/" in said.err
