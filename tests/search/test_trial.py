import gc
import logging
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import stdev
from typing import Any

import psutil
import pytest
import torch

from autokd.distill import PreparedStudy, climb, predict, prepare, score
from autokd.errors import Diverged, OutOfMemory
from autokd.graphs import count_params
from autokd.parameters import Value
from autokd.runs import RungResult
from autokd.search import trial
from autokd.search.family import draw_family
from autokd.search.trial import run_trial
from autokd.students import Student, build, load_weights
from autokd.students.ops import ConvNode
from autokd.study import StudySpec, Training

POINT: dict[str, Value] = {
    "architecture.params_budget": 4e3,
    "architecture.op": "conv3x3",
    "architecture.depth": 1,
    "architecture.shortcuts": True,
    "kd.method": "kd",
    "kd.temperature": 4.0,
    "kd.soft_weight": 0.5,
}


class Answers:
    def __init__(self, *answers: bool) -> None:
        self._answers = iter(answers)
        self.results: list[RungResult] = []

    def __call__(self, result: RungResult) -> bool:
        self.results.append(result)
        return next(self._answers)


def test_every_rung_reports_metrics_on_validation(prepared: PreparedStudy) -> None:
    report = Answers(True, True, False)
    metrics = run_trial(prepared, POINT, seed=3, report=report)
    assert [result.epochs for result in report.results] == [1, 2, 4]
    assert set(metrics) == {"top1", "ece", "nll", "agreement", "kl", "cev", "sde"}
    assert metrics == report.results[-1].metrics
    assert all(result.seconds > 0 for result in report.results)
    assert report.results[-1].spread == {}


def test_a_trial_stops_where_the_answer_is_no(prepared: PreparedStudy, tmp_path: Path) -> None:
    report = Answers(True, False)
    weights = tmp_path / "w.safetensors"
    run_trial(prepared, POINT, seed=3, report=report, weights=weights)
    assert len(report.results) == 2
    assert not weights.exists()


@pytest.mark.parametrize("schedule", ["restart", "branch", "average"])
def test_a_trial_that_goes_on_ends_as_if_it_had_never_been_stopped(
    schedule: str, prepared: PreparedStudy
) -> None:
    study = _with_training(prepared, schedule=schedule)
    whole, stopped, further = Answers(True, True, False), Answers(True, False), Answers(False)
    run_trial(study, POINT, seed=3, report=whole)
    run_trial(study, POINT, seed=3, report=stopped)
    metrics = run_trial(study, POINT, seed=3, report=further, after=2)
    assert [result.epochs for result in further.results] == [4]
    shown = [result.metrics for result in [*stopped.results, *further.results]]
    assert shown == [result.metrics for result in whole.results]
    assert metrics == shown[-1]


def test_same_point_and_seed_give_the_same_results(prepared: PreparedStudy) -> None:
    first, second = Answers(True, False), Answers(True, False)
    run_trial(prepared, POINT, seed=3, report=first)
    torch.rand(7)  # whatever the global generator did meanwhile
    run_trial(prepared, POINT, seed=3, report=second)
    other = Answers(True, False)
    run_trial(prepared, POINT, seed=4, report=other)
    assert [r.metrics for r in first.results] == [r.metrics for r in second.results]
    assert [r.metrics for r in first.results] != [r.metrics for r in other.results]


def test_written_weights_are_those_that_were_scored(
    prepared: PreparedStudy, tmp_path: Path
) -> None:
    weights = tmp_path / "weights.safetensors"
    metrics = run_trial(
        prepared, POINT, seed=3, report=Answers(True, True, False), weights=weights
    )
    (graph,) = draw_family(prepared.spec, POINT, seed=3, shape=prepared.shape)
    dataset = prepared.dataset
    student = build(graph, prepared.shape, mean=dataset.mean, std=dataset.std, seed=0)
    load_weights(student, weights)
    logits = predict(student, dataset.validation.images)
    again = score(logits, dataset.validation.labels, prepared.outputs.validation)
    assert again["top1"] == metrics["top1"]
    assert again["nll"] == pytest.approx(metrics["nll"], rel=1e-5)


@pytest.mark.parametrize("schedule", ["long", "branch", "average"])
def test_weights_of_every_schedule_are_those_that_were_scored(
    schedule: str, prepared: PreparedStudy, tmp_path: Path
) -> None:
    weights = tmp_path / "weights.safetensors"
    study, report = _with_training(prepared, schedule=schedule), Answers(True, True, False)
    metrics = run_trial(study, POINT, seed=3, report=report, weights=weights)
    assert [result.epochs for result in report.results] == [1, 2, 4]
    (graph,) = draw_family(study.spec, POINT, seed=3, shape=study.shape)
    dataset = study.dataset
    student = build(graph, study.shape, mean=dataset.mean, std=dataset.std, seed=0)
    load_weights(student, weights)
    logits = predict(student, dataset.validation.images)
    assert score(logits, dataset.validation.labels)["nll"] == pytest.approx(metrics["nll"])
    plain = Answers(True, True, False)
    run_trial(prepared, POINT, seed=3, report=plain)
    assert metrics["nll"] != plain.results[-1].metrics["nll"]


def test_the_top_rung_alone_reports_how_each_class_changed(prepared: PreparedStudy) -> None:
    report = Answers(True, True, False)
    metrics = run_trial(prepared, POINT, seed=3, report=report)
    *below, top = report.results
    assert all(result.recall_changes == () for result in below)
    labels, taught = prepared.dataset.validation.labels, prepared.outputs.validation
    shares = torch.bincount(labels, minlength=10) / len(labels)
    lost = metrics["top1"] - float((taught.argmax(1) == labels).float().mean())
    gained = float((shares * torch.tensor(top.recall_changes)).sum())
    assert gained == pytest.approx(lost, abs=1e-4)  # recalls weighted by their classes are top1


def test_a_family_reports_mean_and_spread(prepared: PreparedStudy) -> None:
    spec = prepared.spec.model_copy(update={"family_size": 2})
    report, single = Answers(False), Answers(False)
    run_trial(replace(prepared, spec=spec), POINT, seed=3, report=report)
    run_trial(prepared, POINT, seed=3, report=single)
    one, both = single.results[0].metrics["nll"], report.results[0]
    other = 2 * both.metrics["nll"] - one
    assert both.spread["nll"] == pytest.approx(abs(one - other) / math.sqrt(2))
    assert set(both.spread) == {*both.metrics, "params", "macs", "peak_bytes"}


def test_a_family_s_spread_in_size_is_that_of_its_graphs(
    prepared: PreparedStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = prepared.spec.model_copy(update={"family_size": 2})
    points = [{**POINT, "architecture.params_budget": budget} for budget in (4e3, 5e3)]
    graphs = [
        draw_family(prepared.spec, point, seed=3, shape=prepared.shape)[0] for point in points
    ]
    monkeypatch.setattr(trial, "draw_family", lambda *_arguments, **_keywords: graphs)
    report = Answers(False)
    run_trial(replace(prepared, spec=spec), POINT, seed=3, report=report)
    params = [count_params(graph, prepared.shape) for graph in graphs]
    assert params[0] != params[1]
    assert report.results[0].spread["params"] == pytest.approx(stdev(params))


def test_a_diverging_trial_says_so(prepared: PreparedStudy) -> None:
    training = prepared.spec.training.model_copy(update={"learning_rate": 1e12})
    wild = replace(prepared, spec=prepared.spec.model_copy(update={"training": training}))
    with pytest.raises(Diverged, match="not finite"):
        run_trial(wild, POINT, seed=3, report=Answers(True, True, False))


def test_the_test_images_play_no_part(prepared: PreparedStudy) -> None:
    dataset: Any = prepared.dataset
    blank = replace(dataset.test, images=torch.zeros_like(dataset.test.images))
    without = replace(prepared, dataset=replace(dataset, test=blank))
    first, second = Answers(False), Answers(False)
    run_trial(prepared, POINT, seed=3, report=first)
    run_trial(without, POINT, seed=3, report=second)
    assert first.results[0].metrics == second.results[0].metrics


def _with_training(study: PreparedStudy, **changes: Any) -> PreparedStudy:
    training = study.spec.training.model_copy(update=changes)
    return replace(study, spec=study.spec.model_copy(update={"training": training}))


def test_recomputation_reaches_every_node_and_changes_no_result(
    prepared: PreparedStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[Student] = []

    def remembered(*arguments: Any, **keywords: Any) -> Student:
        built.append(build(*arguments, **keywords))
        return built[-1]

    monkeypatch.setattr(trial, "build", remembered)
    plain, frugal = Answers(False), Answers(False)
    run_trial(prepared, POINT, seed=3, report=plain)
    run_trial(_with_training(prepared, recompute=True), POINT, seed=3, report=frugal)
    nodes = [[part for part in each.modules() if isinstance(part, ConvNode)] for each in built]
    assert [{node.recomputes for node in each} for each in nodes] == [{False}, {True}]
    expected = plain.results[0].metrics
    assert frugal.results[0].metrics == pytest.approx(expected, rel=1e-4)


def _short_of_memory(monkeypatch: pytest.MonkeyPatch, *, at_rung: int) -> list[bool]:
    """Let training run out of memory on the way to a rung, unless it recomputes."""
    attempts: list[bool] = []

    def short(*arguments: Any, training: Training, **keywords: Any) -> Iterator[int]:
        attempts.append(training.recompute)
        for rung, epochs in enumerate(climb(*arguments, training=training, **keywords)):
            if rung == at_rung and not training.recompute:
                raise OutOfMemory("Tried to allocate 8 GiB")
            yield epochs

    monkeypatch.setattr(trial, "climb", short)
    return attempts


def test_a_trial_short_of_memory_is_begun_once_more_with_recomputation(
    prepared: PreparedStudy, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    plain, frugal = Answers(True, False), Answers(True, False)
    run_trial(prepared, POINT, seed=3, report=plain)
    attempts = _short_of_memory(monkeypatch, at_rung=0)
    run_trial(prepared, POINT, seed=3, report=frugal)
    assert attempts == [False, True]
    assert [result.epochs for result in frugal.results] == [1, 2]
    for ours, theirs in zip(frugal.results, plain.results, strict=True):
        assert ours.metrics == pytest.approx(theirs.metrics, rel=1e-4)
        assert ours.verdict == "trained with recomputation"
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        "Tried to allocate 8 GiB; the trial of seed 3 is begun once more with recomputation"
    )


def test_a_trial_that_has_reported_or_recomputes_already_is_lost_without_memory(
    prepared: PreparedStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = _short_of_memory(monkeypatch, at_rung=1)
    with pytest.raises(OutOfMemory, match="8 GiB"):
        run_trial(prepared, POINT, seed=3, report=Answers(True, True, False))
    assert attempts == [False]

    def never(*_arguments: Any, **_keywords: Any) -> Iterator[int]:
        raise OutOfMemory("Tried to allocate 9 GiB")

    monkeypatch.setattr(trial, "climb", never)
    with pytest.raises(OutOfMemory, match="9 GiB"):
        run_trial(_with_training(prepared, recompute=True), POINT, seed=3, report=Answers())


def test_a_device_without_room_for_the_student_or_its_scoring_loses_the_trial(
    prepared: PreparedStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: Any, **_keywords: Any) -> None:
        raise torch.OutOfMemoryError("Tried to allocate 8 GiB. More advice follows")

    for name in ("predict", "build"):
        monkeypatch.setattr(trial, name, full)
        with pytest.raises(OutOfMemory, match=r"8 GiB$"):
            run_trial(prepared, POINT, seed=3, report=Answers())


def _many_trials(study: PreparedStudy, n: int) -> None:
    for seed in range(n):
        point = {**POINT, "architecture.params_budget": 3e3 + 10 * (seed % 40)}
        run_trial(study, point, seed=seed, report=Answers(False))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_hundred_trials_in_one_process_leave_its_memory_flat(prepared: PreparedStudy) -> None:
    process = psutil.Process()
    _many_trials(prepared, 40)  # allocators and caches fill up
    gc.collect()
    before = process.memory_info().rss
    _many_trials(prepared, 200)
    gc.collect()
    grown = process.memory_info().rss - before
    # The weights and momenta of 200 students would be more than 5 MB.
    assert grown < 2 * 2**20


@pytest.fixture
def on_gpu(spec: StudySpec, cache_dir: Path) -> PreparedStudy:
    return prepare(spec, device="cuda", cache_dir=cache_dir)


@pytest.mark.cuda
def test_a_graph_gives_what_eager_steps_give_on_a_gpu(
    on_gpu: PreparedStudy, caplog: pytest.LogCaptureFixture
) -> None:
    graphed, eager = Answers(True, False), Answers(True, False)
    run_trial(on_gpu, POINT, seed=3, report=graphed)
    run_trial(_with_training(on_gpu, cuda_graph="off"), POINT, seed=3, report=eager)
    assert not caplog.records  # the step was recorded
    for ours, theirs in zip(graphed.results, eager.results, strict=True):
        assert ours.metrics["nll"] == pytest.approx(theirs.metrics["nll"], rel=0.02)


@pytest.mark.cuda
def test_trials_leave_the_memory_of_a_gpu_as_it_was(on_gpu: PreparedStudy) -> None:
    taken = []
    for _ in range(3):
        _many_trials(on_gpu, 20)
        gc.collect()
        torch.cuda.empty_cache()
        taken.append((torch.cuda.memory_allocated(), torch.cuda.memory_reserved()))
    assert taken[1] == taken[2]
