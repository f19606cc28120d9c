import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from autokd.distill import PreparedStudy, predict, score
from autokd.errors import Diverged
from autokd.parameters import Value
from autokd.runs import RungResult
from autokd.search.family import draw_family
from autokd.search.trial import run_trial
from autokd.students import build, load_weights

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
    assert set(metrics) == {"top1", "ece", "nll", "agreement"}
    assert metrics == report.results[-1].metrics
    assert all(result.seconds > 0 for result in report.results)
    assert report.results[-1].spread == {}


def test_a_trial_stops_where_the_answer_is_no(prepared: PreparedStudy, tmp_path: Path) -> None:
    report = Answers(True, False)
    weights = tmp_path / "w.safetensors"
    run_trial(prepared, POINT, seed=3, report=report, weights=weights)
    assert len(report.results) == 2
    assert not weights.exists()


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


def test_a_family_reports_mean_and_spread(prepared: PreparedStudy) -> None:
    spec = prepared.spec.model_copy(update={"family_size": 2})
    report, single = Answers(False), Answers(False)
    run_trial(replace(prepared, spec=spec), POINT, seed=3, report=report)
    run_trial(prepared, POINT, seed=3, report=single)
    one, both = single.results[0].metrics["nll"], report.results[0]
    other = 2 * both.metrics["nll"] - one
    assert both.spread["nll"] == pytest.approx(abs(one - other) / math.sqrt(2))
    assert set(both.spread) == set(both.metrics)


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
