import math

import pytest
import torch
from torch import Tensor, nn

from autokd.distill.evaluation import (
    calibration_error,
    divergence,
    evaluating,
    predict,
    score,
)
from autokd.distill.harm import harm
from autokd.errors import Diverged, ShapeError


def _slow_calibration_error(logits: Tensor, labels: Tensor, n_bins: int) -> float:
    """Follow the definition bin by bin."""
    confidence, predicted = logits.double().softmax(1).max(1)
    total = 0.0
    for index in range(n_bins):
        inside = (confidence > index / n_bins) & (confidence <= (index + 1) / n_bins)
        if inside.any():
            accuracy = (predicted == labels)[inside].double().mean()
            total += float(inside.double().mean() * (accuracy - confidence[inside].mean()).abs())
    return total


def _two_classes(confidence: float) -> list[float]:
    return [math.log(confidence / (1 - confidence)), 0.0]


def test_calibration_error_agrees_with_the_definition_bin_by_bin() -> None:
    logits, labels = 2 * torch.randn(500, 7), torch.randint(0, 7, (500,))
    for n_bins in (1, 10, 15):
        found = calibration_error(logits, labels, n_bins=n_bins).item()
        assert found == pytest.approx(_slow_calibration_error(logits, labels, n_bins), abs=1e-9)


def test_calibration_error_of_one_bin_is_the_gap_of_confidence_and_accuracy() -> None:
    logits = torch.tensor([_two_classes(0.9)] * 10, dtype=torch.float64)
    labels = torch.tensor([0] * 6 + [1] * 4)
    assert score(logits, labels)["ece"] == pytest.approx(0.3)


def test_bins_that_err_both_ways_do_not_cancel() -> None:
    rows = [_two_classes(0.9)] * 2 + [_two_classes(0.6)] * 2
    labels = torch.tensor([0, 1, 0, 0])  # bins of accuracy 0.5 and 1
    found = score(torch.tensor(rows, dtype=torch.float64), labels)["ece"]
    assert found == pytest.approx(0.5 * 0.4 + 0.5 * 0.4)


def test_sure_and_right_is_perfectly_calibrated() -> None:
    metrics = score(1e4 * torch.eye(3), torch.arange(3))
    assert metrics == {"top1": 1.0, "ece": 0.0, "nll": 0.0}


def test_sure_and_wrong_has_the_largest_calibration_error() -> None:
    metrics = score(1e4 * torch.eye(3), torch.tensor([1, 2, 0]))
    assert metrics["ece"] == pytest.approx(1.0)
    assert metrics["top1"] == 0.0


def test_even_logits_have_the_nll_of_chance() -> None:
    metrics = score(torch.zeros(4, 8), torch.arange(4))
    assert metrics["nll"] == pytest.approx(math.log(8))
    assert metrics["top1"] == 0.25  # of equal logits the first counts


def test_agreement_counts_equal_predictions_right_or_wrong() -> None:
    student = torch.eye(4)
    teacher = torch.eye(4)[[0, 1, 3, 2]]
    metrics = score(student, torch.tensor([3, 3, 3, 3]), teacher)
    assert metrics["agreement"] == 0.5
    assert metrics["top1"] == 0.25


def test_only_a_teacher_brings_what_is_measured_against_it() -> None:
    logits, labels = torch.eye(4), torch.arange(4)
    assert set(score(logits, labels)) == {"top1", "ece", "nll"}
    against = set(score(logits, labels, logits)) - set(score(logits, labels))
    assert against == {"agreement", "kl", "cev", "sde"}


def test_divergence_agrees_with_its_sum_over_classes() -> None:
    student, teacher = 3 * torch.randn(6, 5), 3 * torch.randn(6, 5)
    total = 0.0
    for s, t in zip(student.double().softmax(1), teacher.double().softmax(1), strict=True):
        total += sum(float(q) * math.log(q / p) for p, q in zip(s, t, strict=True))
    labels = torch.zeros(6, dtype=torch.int64)
    assert score(student, labels, teacher)["kl"] == pytest.approx(total / 6)


def test_divergence_of_two_classes_has_its_closed_form() -> None:
    student, teacher = torch.tensor([_two_classes(0.5)]), torch.tensor([_two_classes(0.8)])
    expected = 0.8 * math.log(0.8 / 0.5) + 0.2 * math.log(0.2 / 0.5)
    assert divergence(student, teacher).item() == pytest.approx(expected, rel=1e-6)
    assert divergence(teacher, teacher).item() == pytest.approx(0.0, abs=1e-12)
    assert divergence(student, teacher).item() != pytest.approx(
        divergence(teacher, student).item(), rel=1e-3
    )


def test_divergence_is_finite_where_the_teacher_gives_a_class_no_chance() -> None:
    student, teacher = torch.zeros(1, 2), torch.tensor([[0.0, -math.inf]])
    assert divergence(student, teacher).item() == pytest.approx(math.log(2))
    assert divergence(1e4 * torch.eye(2), -1e4 * torch.eye(2)).item() == pytest.approx(1e4)


def test_harm_is_measured_on_the_predicted_classes() -> None:
    student, teacher, labels = torch.randn(60, 4), torch.randn(60, 4), torch.arange(60) % 4
    metrics = score(student, labels, teacher)
    expected = harm(student.argmax(1), teacher.argmax(1), labels, num_classes=4)
    assert (metrics["cev"], metrics["sde"]) == (expected["cev"].item(), expected["sde"].item())


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_logits_that_are_not_finite_are_divergence(value: float) -> None:
    logits = torch.zeros(2, 2)
    logits[1, 0] = value
    with pytest.raises(Diverged, match="a logit is not finite"):
        score(logits, torch.zeros(2, dtype=torch.int64))


@pytest.mark.parametrize(("n", "n_labels"), [(0, 0), (2, 3)])
def test_labels_that_do_not_go_with_the_logits_are_refused(n: int, n_labels: int) -> None:
    with pytest.raises(ShapeError, match=rf"found \({n}, 2\) and \({n_labels},\)"):
        score(torch.zeros(n, 2), torch.zeros(n_labels, dtype=torch.int64))


def test_teacher_logits_of_other_classes_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"teacher logits must be \(2, 2\), found \(2, 3\)"):
        score(torch.zeros(2, 2), torch.zeros(2, dtype=torch.int64), torch.zeros(2, 3))


class _Probe(nn.Module):
    """Answers with what it was given, and notes how it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Dropout(0.9)
        self.batches: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        self.batches.append(len(images))
        assert images.dtype == torch.float32
        assert not self.training
        assert not torch.is_grad_enabled()
        answer: Tensor = self.inner(images.flatten(1)[:, :2])
        return answer


def _images(n: int, size: int = 2) -> Tensor:
    return torch.randint(0, 256, (n, 1, size, size), dtype=torch.uint8)


def test_prediction_sees_unit_images_and_does_not_depend_on_batches() -> None:
    images, probe = _images(10), _Probe()
    expected = images.flatten(1)[:, :2].float() / 255
    assert torch.equal(predict(probe, images, batch_size=4), expected)
    assert torch.equal(predict(probe, images), expected)
    assert probe.batches == [4, 4, 2, 10]


def test_large_images_are_predicted_in_smaller_batches() -> None:
    probe = _Probe()
    predict(probe, _images(65, size=256))
    assert probe.batches == [32, 32, 1]


def test_prediction_leaves_every_part_in_its_mode() -> None:
    probe = _Probe()
    probe.inner.eval()
    predict(probe, _images(3))
    assert probe.training
    assert not probe.inner.training


def test_prediction_is_float32_under_autocast() -> None:
    images, linear = _images(3), nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    expected = predict(linear, images)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(predict(linear, images), expected)


def test_prediction_without_images_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"at least one image is needed, found \(0, 1, 2, 2\)"):
        predict(_Probe(), _images(0))


def test_modes_come_back_after_an_error() -> None:
    module = nn.Linear(2, 2)
    with pytest.raises(ZeroDivisionError), evaluating(module):
        raise ZeroDivisionError
    assert module.training
    assert torch.is_grad_enabled()


@pytest.mark.cuda
def test_images_in_the_computers_memory_are_predicted_by_a_module_on_a_gpu() -> None:
    images = torch.randint(0, 256, (20, 1, 8, 8), dtype=torch.uint8)
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    expected = predict(module, images)
    found = predict(module.cuda(), images, batch_size=8)
    assert found.device == images.device
    assert torch.allclose(found, expected, atol=1e-5)
