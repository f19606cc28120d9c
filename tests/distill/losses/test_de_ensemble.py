from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from autokd.data import Split
from autokd.distill.losses.de_ensemble import DeEnsemble, evolved_weights
from autokd.distill.losses.kd import kd
from autokd.distill.losses.seen import Seen, Setting, Tuning
from autokd.errors import ShapeError

N, CLASSES = 60, 4
LABELS = torch.tensor([0, 3, 1])


def _drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _labels() -> Tensor:
    return torch.arange(N) % CLASSES


def _assistants(*strengths: float, seed: int = 0) -> Tensor:
    """Draw logits that favour the label by so much."""
    logits = _drawn(N, len(strengths), CLASSES, seed=seed)
    for k, strength in enumerate(strengths):
        logits[torch.arange(N), k, _labels()] += strength
    return logits


def _setting(several: Tensor | None, seed: int = 0) -> Setting:
    student = nn.Linear(1, CLASSES)
    tuning = None
    if several is not None:
        images = torch.zeros(N, 1, 8, 8, dtype=torch.uint8)
        none = torch.zeros(N, 0, CLASSES)
        tuning = Tuning(Split(images, _labels()), several[:, 0], none, several)
    return Setting(
        CLASSES,
        LABELS,
        5,
        student,
        peer=lambda seed: student,
        seed=seed,
        tuning=tuning,
    )


def _cost(several: Tensor, weights: Tensor) -> float:
    """Average the negative log-likelihood image by image."""
    total = 0.0
    for i, label in enumerate(_labels().tolist()):
        predictions = several[i].double().softmax(dim=1)
        total -= (weights.double() @ predictions[:, label]).log().item()
    return total / N


def test_weights_are_on_the_simplex() -> None:
    weights = evolved_weights(_assistants(1.0, 2.0, 0.5), _labels(), seed=0)
    assert weights.dtype == torch.float32
    assert weights.sum().item() == pytest.approx(1.0, abs=1e-6)
    assert (weights > 0).all()


def test_the_better_assistant_is_found() -> None:
    several = _assistants(6.0, 0.0, 0.0)
    for order in ([0, 1, 2], [2, 0, 1]):
        weights = evolved_weights(several[:, order], _labels(), seed=0)
        assert weights.argmax().item() == order.index(0)
        assert weights.max() > 0.95


def test_no_point_of_a_grid_is_better() -> None:
    several = _assistants(1.5, 1.5, seed=2)
    found = _cost(several, evolved_weights(several, _labels(), seed=0))
    grid = [torch.tensor([x / 200, 1 - x / 200]) for x in range(201)]
    best = min(_cost(several, weights) for weights in grid)
    assert found <= best + 1e-6
    assert found >= best - 1e-4
    assert found < min(_cost(several, grid[0]), _cost(several, grid[-1])) - 1e-3


def test_assistants_that_help_each_other_are_both_kept() -> None:
    # Each is right about its own half and knows nothing of the other.
    several = torch.zeros(N, 2, CLASSES)
    rows = torch.arange(N)
    several[rows, rows % 2, _labels()] = 4.0
    weights = evolved_weights(several, _labels(), seed=0)
    torch.testing.assert_close(weights, torch.tensor([0.5, 0.5]), atol=2e-3, rtol=0)


def test_the_seed_decides() -> None:
    several = _assistants(1.0, 1.2, 0.8)
    one, same, other = (evolved_weights(several, _labels(), seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    torch.testing.assert_close(one, other, atol=5e-3, rtol=0)  # one best point, found by luck


def test_an_assistant_alone_has_all_the_weight() -> None:
    found = evolved_weights(_assistants(1.0), _labels(), seed=0)
    assert torch.equal(found, torch.ones(1))


def test_extreme_logits_give_finite_weights() -> None:
    weights = evolved_weights(1e4 * _assistants(0.0, 3.0), _labels(), seed=0)
    assert weights.isfinite().all()
    assert weights[1] > weights[0]


def test_the_student_is_taught_by_the_weighted_mean_prediction() -> None:
    loss = DeEnsemble(_setting(_assistants(1.0, 2.0)), temperature=2.0, soft_weight=0.7).double()
    student, several = 3 * torch.randn(3, 4).double(), 3 * torch.randn(3, 2, 4).double()
    mean = sum(w * (several[:, k] / 2).softmax(1) for k, w in enumerate(loss.weights))
    assert isinstance(mean, Tensor)
    found = loss(Seen(student, LABELS, assistant_logits=several))
    taught = kd(Seen(student, LABELS, 2 * mean.log()), temperature=2.0, soft_weight=0.7)
    torch.testing.assert_close(found, taught)


def test_equal_assistants_teach_as_one_does() -> None:
    loss = DeEnsemble(_setting(_assistants(1.0, 2.0)), temperature=2.0, soft_weight=0.7).double()
    student, one = 3 * torch.randn(3, 4).double(), 3 * torch.randn(3, 1, 4).double()
    loss.weights.div_(loss.weights.sum())  # the sum was rounded to float32
    found = loss(Seen(student, LABELS, assistant_logits=one.expand(-1, 2, -1)))
    alone = kd(Seen(student, LABELS, one[:, 0]), temperature=2.0, soft_weight=0.7)
    torch.testing.assert_close(found, alone)


def test_derivative_agrees_with_finite_differences() -> None:
    loss = DeEnsemble(_setting(_assistants(1.0, 2.0)), temperature=2.0, soft_weight=0.7).double()
    several = 3 * torch.randn(3, 2, 4).double()
    student = (3 * torch.randn(3, 4).double()).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda logits: loss(Seen(logits, LABELS, assistant_logits=several)), student
    )


def test_weights_are_state_and_not_learned() -> None:
    saved = DeEnsemble(_setting(_assistants(1.0, 2.0)), temperature=2.0, soft_weight=0.7)
    loaded = DeEnsemble(_setting(_assistants(2.0, 0.0)), temperature=2.0, soft_weight=0.7)
    assert list(saved.parameters()) == []
    loaded.load_state_dict(saved.state_dict())
    assert torch.equal(loaded.weights, saved.weights)


def test_missing_tuning_images_are_refused() -> None:
    with pytest.raises(ShapeError, match="tuning images are needed to weigh the assistants"):
        DeEnsemble(_setting(None), temperature=1.0, soft_weight=0.5)


def test_no_assistants_and_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"found \(60, 0, 4\) and \(60,\)"):
        evolved_weights(torch.zeros(N, 0, CLASSES), _labels(), seed=0)
    with pytest.raises(ShapeError, match=r"found \(60, 2, 4\) and \(59,\)"):
        evolved_weights(_assistants(1.0, 2.0), _labels()[1:], seed=0)


def test_other_assistants_than_those_weighed_are_refused() -> None:
    loss = DeEnsemble(_setting(_assistants(1.0, 2.0)), temperature=1.0, soft_weight=0.5)
    seen = Seen(torch.zeros(3, 4), LABELS, assistant_logits=torch.zeros(3, 3, 4))
    with pytest.raises(ShapeError, match="2 assistants were weighed, found 3"):
        loss(seen)
    with pytest.raises(ShapeError, match="at least one assistant"):
        loss(replace(seen, assistant_logits=None))
