import math

import pytest
import torch
from torch import Tensor

from autokd.distill.losses.seen import Seen
from autokd.distill.losses.several import (
    assistant_logits,
    blended_logits,
    soft_losses_of_each,
    teacher_logits,
)
from autokd.errors import ShapeError


def _logits(*shape: int, scale: float = 3.0) -> Tensor:
    return scale * torch.randn(*shape, dtype=torch.float64)


def _softmax(row: list[float], temperature: float) -> list[float]:
    powers = [math.exp(value / temperature) for value in row]
    return [power / sum(powers) for power in powers]


def test_the_studys_teacher_comes_first() -> None:
    own, more = torch.randn(4, 3), torch.randn(4, 2, 3)
    seen = Seen(torch.zeros(4, 3), torch.zeros(4).long(), own, more_logits=more)
    found = teacher_logits(seen)
    assert torch.equal(found, torch.stack([own, more[:, 0], more[:, 1]], dim=1))


def test_a_teacher_alone_is_the_only_one() -> None:
    own = torch.randn(4, 3).half()
    found = teacher_logits(Seen(torch.zeros(4, 3), torch.zeros(4).long(), own))
    assert torch.equal(found, own.float().unsqueeze(1))


def test_networks_that_teach_get_no_gradient() -> None:
    own = torch.randn(2, 3, requires_grad=True)
    several = torch.randn(2, 2, 3, requires_grad=True)
    seen = Seen(
        torch.zeros(2, 3),
        torch.zeros(2).long(),
        own,
        more_logits=several,
        assistant_logits=several,
    )
    assert not teacher_logits(seen).requires_grad
    assert not assistant_logits(seen).requires_grad


def test_assistants_keep_their_order() -> None:
    several = torch.randn(4, 2, 3)
    seen = Seen(torch.zeros(4, 3), torch.zeros(4).long(), assistant_logits=several)
    assert torch.equal(assistant_logits(seen), several)


@pytest.mark.parametrize("shape", [(4, 3), (4, 2, 5), (3, 2, 3), (4, 0, 3)])
def test_logits_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    seen = Seen(
        torch.zeros(4, 3),
        torch.zeros(4).long(),
        torch.zeros(4, 3),
        more_logits=torch.zeros(shape),
        assistant_logits=torch.zeros(shape),
    )
    with pytest.raises(ShapeError, match="those of the teachers"):
        teacher_logits(seen)
    with pytest.raises(ShapeError, match="those of the assistants"):
        assistant_logits(seen)


def test_missing_assistants_and_teachers_are_refused() -> None:
    seen = Seen(torch.zeros(4, 3), torch.zeros(4).long(), more_logits=torch.zeros(4, 1, 3))
    with pytest.raises(ShapeError, match="at least one assistant are needed, found none"):
        assistant_logits(seen)
    with pytest.raises(ShapeError, match="found none"):
        teacher_logits(seen)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_divergences_are_summed_term_by_term(temperature: float) -> None:
    student, several = _logits(3, 4), _logits(3, 2, 4)
    found = soft_losses_of_each(student, several, temperature=temperature)
    for i in range(3):
        q = _softmax(student[i].tolist(), temperature)
        for k in range(2):
            p = _softmax(several[i, k].tolist(), temperature)
            divergence = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
            assert found[i, k].item() == pytest.approx(temperature**2 * divergence, rel=1e-9)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_a_blend_predicts_the_weighted_mean_of_predictions(temperature: float) -> None:
    several, weights = _logits(5, 3, 4), torch.rand(3, dtype=torch.float64)
    weights = weights / weights.sum()
    blended = blended_logits(several, weights, temperature=temperature)
    for i in range(5):
        found = _softmax(blended[i].tolist(), temperature)
        for c in range(4):
            parts = [_softmax(several[i, k].tolist(), temperature)[c] for k in range(3)]
            mean = sum(w * p for w, p in zip(weights.tolist(), parts, strict=True))
            assert found[c] == pytest.approx(mean, rel=1e-9)


def test_a_blend_may_weigh_every_image_by_itself() -> None:
    several = _logits(2, 2, 4)
    weights = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    found = blended_logits(several, weights, temperature=2.0).softmax(1)
    torch.testing.assert_close(found, several[[0, 1], [0, 1]].softmax(1))


def test_a_blend_of_extreme_logits_is_finite() -> None:
    several = torch.tensor([[[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0]]])
    found = blended_logits(several, torch.tensor([0.25, 0.75]), temperature=1.0)
    assert found.isfinite().all()
    torch.testing.assert_close(found.softmax(1), torch.tensor([[0.25, 0.75, 0.0]]))
