from dataclasses import replace

import pytest
import torch

from autokd.distill import PreparedStudy, predict
from autokd.errors import Diverged
from autokd.export.members import Member
from autokd.export.training import Trained, measure_member, train_member
from autokd.graphs import count_params
from autokd.runs import Run
from autokd.students import build

SMALL = 0


@pytest.fixture
def member(run: Run) -> Member:
    return Member(run.graph(SMALL), 5)


def _train(member: Member, run: Run, prepared: PreparedStudy, *, epochs: int = 2) -> Trained:
    return train_member(
        member, run.point(SMALL), prepared=prepared, epochs=epochs, on_epoch=lambda _: None
    )


def test_training_lowers_the_loss_that_the_point_names(
    run: Run, prepared: PreparedStudy, member: Member
) -> None:
    dataset, outputs = prepared.dataset, prepared.outputs
    trained = _train(member, run, prepared, epochs=4)
    fresh = build(member.graph, dataset.shape, mean=dataset.mean, std=dataset.std, seed=5)

    def divergence(student: torch.nn.Module) -> float:
        soft = (predict(student, dataset.validation.images) / 4).log_softmax(1)
        target = (outputs.validation / 4).log_softmax(1)
        return float((target.exp() * (target - soft)).sum(1).mean())

    assert divergence(trained.student) < 0.9 * divergence(fresh)


def test_metrics_are_those_of_the_student_on_its_images(
    run: Run, prepared: PreparedStudy, member: Member
) -> None:
    trained = _train(member, run, prepared, epochs=1)
    result = measure_member(trained, prepared)
    for split, metrics in (
        (prepared.dataset.validation, result.validation),
        (prepared.dataset.test, result.test),
    ):
        predicted = predict(trained.student, split.images).argmax(1)
        assert metrics["top1"] == float((predicted == split.labels).double().mean())
    assert result.params == count_params(member.graph, prepared.shape)
    assert result.seconds > 0


def test_divergence_is_raised_as_such(run: Run, prepared: PreparedStudy, member: Member) -> None:
    training = prepared.spec.training.model_copy(update={"learning_rate": 1e30})
    spec = prepared.spec.model_copy(update={"training": training})
    with pytest.raises(Diverged, match="not finite"):
        _train(member, run, replace(prepared, spec=spec))
