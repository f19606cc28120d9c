from pathlib import Path

import pytest

from autokd.errors import RunError
from autokd.runs import Ledger, Record, Run, RunFolder, RungResult, load_run
from autokd.study import StudySpec


@pytest.fixture
def run(four_trials: RunFolder) -> Run:
    return load_run(four_trials.path)


def test_trials_have_one_row_a_slot_with_metrics_and_parameters(run: Run) -> None:
    table = run.trials()
    assert list(table["trial"]) == [0, 1, 2, 3]
    assert list(table["state"]) == ["complete", "complete", "complete", "stopped"]
    assert list(table["top1"]) == [0.9, 0.8, 0.95, pytest.approx(0.2)]
    assert list(table["kd.temperature"]) == [2.0, 3.0, 4.0, 5.0]
    assert list(table["epochs"]) == [4, 4, 4, 1]
    assert table["reason"][3] == "place 4 of 4"


def test_front_leaves_out_dominated_and_stopped_trials_smallest_first(run: Run) -> None:
    front = run.front()
    assert list(front["trial"]) == [0, 2]
    assert front["test_top1"].isna().all()
    assert list(front.index) == [0, 1]


def test_front_shows_test_top1_once_it_is_noted(four_trials: RunFolder) -> None:
    Ledger(four_trials.database, "four").note("tests", {"2": {"top1": 0.94}})
    front = load_run(four_trials.path).front()
    assert front["test_top1"].isna().tolist() == [True, False]
    assert front["test_top1"][1] == 0.94


def test_curves_have_a_row_a_rung(run: Run) -> None:
    curves = run.curves()
    assert list(curves["epochs"]) == [1, 2, 4, 1, 2, 4, 1, 2, 4, 1]
    assert curves["goes_on"].sum() == 7


def test_hypervolume_grows_in_the_order_of_completion(run: Run) -> None:
    table = run.hypervolume()
    assert list(table["trial"]) == [0, 1, 2]
    assert table["hypervolume"].is_monotonic_increasing
    assert table["hypervolume"][0] == table["hypervolume"][1]  # trial 1 is dominated


def test_first_and_size_metric_come_from_the_objectives(run: Run) -> None:
    assert (run.first_metric, run.size_metric) == ("top1", "params")
    assert [axis.metric for axis in run.axes] == ["top1", "params"]


def test_point_seed_and_graph_belong_to_the_slot(run: Run, four_trials: RunFolder) -> None:
    assert run.point(2) == {"kd.temperature": 4.0}
    assert run.seed(2) == 2
    assert run.graph(2) == four_trials.read_graphs(2)[0]
    assert run.weights(2) is None
    four_trials.weights(2).write_bytes(b"weights")
    assert run.weights(2) == four_trials.weights(2)


def test_an_unknown_slot_is_refused(run: Run) -> None:
    with pytest.raises(RunError, match="has no trial 99"):
        run.point(99)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not a run folder"):
        load_run(tmp_path)


def test_a_run_without_trials_has_empty_tables(tmp_path: Path, spec: StudySpec) -> None:
    folder = RunFolder(tmp_path / "empty")
    folder.create(spec, definitions={})
    folder.write_info({"storage": folder.database, "study_name": "empty"})
    Ledger(folder.database, "empty", objectives=spec.objectives)
    run = load_run(folder.path)
    assert run.trials().empty
    assert run.front().empty
    assert run.curves().empty
    assert run.hypervolume().empty
    assert run.rung_correlation().empty
    assert run.importance() == {}


def test_a_family_shows_its_spread(four_trials: RunFolder) -> None:
    ledger = Ledger(four_trials.database, "four")
    record = Record(4, 0, 4, {}, cost={"params": 100.0})
    ledger.begin(record, params={}, distributions={})
    ledger.update(record.with_rung(RungResult(1, {"top1": 0.4, "params": 100.0}, {"top1": 0.02})))
    table = load_run(four_trials.path).trials()
    assert table["top1_std"][4] == 0.02
    assert table["state"][4] == "running"


def test_what_is_written_between_two_calls_is_seen_by_the_second(four_trials: RunFolder) -> None:
    run = load_run(four_trials.path)
    ledger = Ledger(four_trials.database, "four")
    first = run.findings()
    assert run.findings() is first
    record = Record(4, 0, 4, {}, cost={"params": 100.0})
    ledger.begin(record, params={}, distributions={})
    assert list(run.trials()["state"])[4:] == ["running"]
    record = record.with_rung(RungResult(4, {"top1": 0.99, "params": 100.0}))
    ledger.update(record)
    assert run.trials()["top1"][4] == 0.99
    assert len(run.curves()) == len(first.curves()) + 1
    assert list(run.front()["trial"]) == [0, 2]
    ledger.finish(record.ended("complete", at_s=9.0), values=[0.99, 100.0])
    assert list(run.front()["trial"]) == [4]
    assert len(run.hypervolume()) == len(first.hypervolume()) + 1
    ledger.note("tests", {"4": {"top1": 0.97}})
    assert list(run.front()["test_top1"]) == [0.97]
    assert list(first.trials()["trial"]) == [0, 1, 2, 3]  # the moment that it tells of is past


def test_repr_names_the_folder(run: Run, four_trials: RunFolder) -> None:
    assert repr(run) == f"Run('{four_trials.path}')"
