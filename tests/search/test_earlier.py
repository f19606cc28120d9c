"""Earlier runs: made by hand, since what they found does not depend on how it was trained."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from autokd.errors import ChangedDefinitionError, RunError
from autokd.parameters import Value
from autokd.runs import Ledger, Outcome, Record, RunFolder, RungResult
from autokd.search.earlier import EarlierRun, keep_runs, kept_runs, read_runs
from autokd.search.proposer import Proposer
from autokd.study import StudySpec, fingerprint

MakeRun = Callable[..., Path]


@dataclass
class Trial:
    """What a trial showed, and changes of its point."""

    top1: float = 0.5
    params: float = 5e3
    outcome: Outcome = "complete"
    point: dict[str, Value] | None = None


@pytest.fixture
def make_run(tmp_path: Path, make_spec: Any) -> MakeRun:
    def make(name: str, trials: Sequence[Trial], *, started: str = "noon", **changes: Any) -> Path:
        spec: StudySpec = make_spec(**changes)
        folder = RunFolder(tmp_path / name)
        folder.create(spec, definitions={})
        ledger = Ledger(folder.database, "s", objectives=spec.objectives)
        info = {"storage": folder.database, "study_name": "s", "started": started, "teacher": {}}
        folder.write_info(info)
        proposer = Proposer(spec)
        for slot, trial in enumerate(trials):
            proposal = proposer.propose(slot)
            point = {**proposal.point, "architecture.params_budget": trial.params}
            record = Record(slot, 0, 1, {**point, **(trial.point or {})})
            record = record.costing({"params": trial.params}, graphs=[f"g{slot}"])
            ledger.begin(record, params=proposal.params, distributions=proposal.distributions)
            metrics = {"top1": trial.top1, "params": trial.params}
            if trial.outcome in ("complete", "stopped"):
                record = record.with_rung(RungResult(1, {**metrics, "top1": trial.top1 / 2}))
            if trial.outcome == "complete":
                record = record.with_rung(RungResult(4, metrics))
            values = [trial.top1, trial.params] if trial.outcome == "complete" else None
            ledger.finish(record.ended(trial.outcome, at_s=slot), values=values)
        ledger.close()
        return folder.path

    return make


FRONT = [Trial(0.9, 2e4), Trial(0.6, 3e3), Trial(0.3, 4e3), Trial(0.8, 9e3, "stopped")]


def test_the_front_is_queued_smallest_first_and_says_where_it_is_from(
    spec: StudySpec, make_run: MakeRun
) -> None:
    path = make_run("a", FRONT)
    (run,) = read_runs(spec, [path])
    assert [queued.origin for queued in run.queue] == [
        "front of a, trial 1",
        "front of a, trial 0",
    ]
    assert [queued.point["architecture.params_budget"] for queued in run.queue] == [3e3, 2e4]
    for queued in run.queue:
        spec.search_space.check_point(queued.point)
    assert run.skipped == ()
    assert (run.run, run.started, run.title) == ("a", "noon", "A study")
    assert run.fingerprint == fingerprint(spec)


def test_all_trials_that_reached_a_rung_are_learned_from_rung_by_rung(
    spec: StudySpec, make_run: MakeRun
) -> None:
    lost = [Trial(outcome="failed"), Trial(outcome="infeasible"), Trial(outcome="interrupted")]
    (run,) = read_runs(spec, [make_run("a", [*FRONT, *lost])])
    assert [list(results) for results in run.results] == [[1, 4], [1, 4], [1, 4], [1]]
    assert run.results[0][4] == {"top1": 0.9, "params": 2e4}
    assert run.results[3][1] == {"top1": 0.4, "params": 9e3}
    assert [point["architecture.params_budget"] for point in run.points] == [2e4, 3e3, 4e3, 9e3]


def test_a_point_that_comes_to_another_students_size_or_generator_is_skipped_with_a_reason(
    make_spec: Any, make_run: MakeRun
) -> None:
    space = make_spec().search_space.model_dump(mode="json")
    chains: dict[str, Value] = {"generator": "chain", "architecture.depth": 3}
    path = make_run("a", [Trial(0.4, 1e3), Trial(0.6, 3e3), Trial(0.9, 9e3, point=chains)])
    small = {**space["architecture"]["params_budget"], "low": 2e3}
    narrow = make_spec(search_space={**space, "architecture": {"params_budget": small}})
    (run,) = read_runs(narrow, [path])
    assert run.skipped == (
        "trial 0 of a: its architecture.params_budget of 1,000 is none of this study's",
    )
    flat = {**space, "generator": "flat", "architecture": {"params_budget": small}}
    (run,) = read_runs(make_spec(search_space=flat), [path])
    assert run.queue == ()
    assert len(run.skipped) == 3
    assert run.skipped[1] == "trial 1 of a: its generator is 'chain', this study's 'flat'"
    # What both generators have still teaches; a baseline, and a size out of bounds, do not.
    assert run.points == ({**run.points[0], "architecture.params_budget": 3e3},)
    assert "architecture.depth" not in run.points[0]


def test_a_point_that_comes_twice_is_queued_once(spec: StudySpec, make_run: MakeRun) -> None:
    first, second = make_run("a", FRONT), make_run("b", [*FRONT[:1], Trial(0.5, 2500.0)])
    one, other = read_runs(spec, [first, second])
    assert [queued.point["architecture.params_budget"] for queued in other.queue] == [2500.0]
    assert other.skipped == ("trial 0 of b: it comes to the same as the front of a, trial 0",)
    assert len(one.queue) == 2


def test_a_run_below_the_current_folder_is_named_by_its_path(
    spec: StudySpec, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records travel with reports and exports, which tell no path of a machine."""
    path = make_run("runs/a", FRONT)
    monkeypatch.chdir(path.parents[1])
    (run,) = read_runs(spec, [path])
    assert run.run == "runs/a"
    assert run.queue[0].origin == "front of runs/a, trial 1"


def test_a_run_without_results_is_refused(spec: StudySpec, make_run: MakeRun) -> None:
    with pytest.raises(RunError, match="a has nothing to begin from: no trial has reached a"):
        read_runs(spec, [make_run("a", [Trial(outcome="failed")])])
    with pytest.raises(RunError, match="is not a run folder"):
        read_runs(spec, [Path("nowhere")])


def test_what_was_taken_survives_json(spec: StudySpec, make_run: MakeRun) -> None:
    (run,) = read_runs(spec, [make_run("a", FRONT)])
    assert EarlierRun.from_dict(json.loads(json.dumps(run.as_dict()))) == run


@pytest.fixture
def begun(tmp_path: Path, spec: StudySpec, make_run: MakeRun) -> tuple[RunFolder, Path]:
    """A folder that was begun from a run, and that run."""
    path, folder = make_run("a", FRONT), RunFolder(tmp_path / "new")
    keep_runs(folder, read_runs(spec, [path]))
    return folder, path


def test_a_resumed_run_reads_its_own_copy(
    begun: tuple[RunFolder, Path], spec: StudySpec, make_run: MakeRun
) -> None:
    folder, path = begun
    kept = kept_runs(folder, [])
    assert kept == kept_runs(folder, [path]) == read_runs(spec, [path])
    path.rename(path.with_name("gone"))
    assert kept_runs(folder, [path]) == kept


def test_another_earlier_run_is_refused(begun: tuple[RunFolder, Path], make_run: MakeRun) -> None:
    folder, path = begun
    other = make_run("b", FRONT)
    for folders in ([other], [path, other]):
        with pytest.raises(ChangedDefinitionError, match=r"was begun from .*a, not from .*b as"):
            kept_runs(folder, folders)
    make_run("a", FRONT, started="midnight")
    with pytest.raises(ChangedDefinitionError, match="Leave out --warm-start to go on"):
        kept_runs(folder, [path])


def test_a_run_that_was_begun_from_nothing_takes_nothing_later(
    tmp_path: Path, make_run: MakeRun
) -> None:
    folder = RunFolder(tmp_path / "new")
    assert kept_runs(folder, []) == ()
    with pytest.raises(ChangedDefinitionError, match="was begun from no other run, not from"):
        kept_runs(folder, [make_run("a", FRONT)])


def test_a_damaged_copy_is_refused(begun: tuple[RunFolder, Path]) -> None:
    folder, _ = begun
    folder.write_warm([{"run": "a"}])
    with pytest.raises(RunError, match=r"warm.json is damaged: KeyError\('trials'\)"):
        kept_runs(folder, [])
