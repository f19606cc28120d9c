import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from autokd.distill.losses.dml import Dml
from autokd.distill.losses.seen import Seen, Setting
from autokd.errors import ShapeError

LABELS = torch.tensor([0, 3, 1])


def _network(seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, 3, 3, 2, bias=False),
            nn.BatchNorm2d(3),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(3, 4),
        ).double()


def _setting(seed: int = 0) -> Setting:
    return Setting(4, LABELS, 5, _network(0), peer=_network, seed=seed)


def _made(*, weight: float = 0.7, temperature: float = 2.0, seed: int = 0) -> Dml:
    return Dml(_setting(seed), weight=weight, temperature=temperature)


def _seen() -> Seen:
    student = 3 * torch.randn(3, 4, dtype=torch.float64)
    images = torch.rand(3, 1, 8, 8, dtype=torch.float64)
    return Seen(student.requires_grad_(), LABELS, images=images)


def _divergence(p_logits: Tensor, q_logits: Tensor, temperature: float) -> float:
    total = 0.0
    for row, other in zip(p_logits.tolist(), q_logits.tolist(), strict=True):
        p = [math.exp(value / temperature) for value in row]
        q = [math.exp(value / temperature) for value in other]
        pairs = zip([x / sum(p) for x in p], [x / sum(q) for x in q], strict=True)
        total += sum(a * math.log(a / b) for a, b in pairs)
    return temperature**2 * total / len(p_logits)


def _peer(loss: Dml, seen: Seen) -> Tensor:
    assert seen.images is not None
    logits: Tensor = loss.peer(seen.images).float()
    return logits.double()


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_both_learn_from_labels_and_from_each_other(temperature: float) -> None:
    loss, seen = _made(temperature=temperature), _seen()
    student, peer = seen.student_logits.detach(), _peer(loss, seen).detach()
    wanted = (
        functional.cross_entropy(student, LABELS).item()
        + functional.cross_entropy(peer, LABELS).item()
        + 0.7 * _divergence(peer, student, temperature)
        + 0.7 * _divergence(student, peer, temperature)
    )
    assert loss(seen).item() == pytest.approx(wanted, rel=1e-6)


def test_neither_receives_gradients_of_the_others_loss() -> None:
    loss, seen = _made(), _seen()
    peer = _peer(loss, seen)
    (found,) = torch.autograd.grad(loss(seen), seen.student_logits)
    student = seen.student_logits.detach().requires_grad_()
    target = (peer.detach() / 2).softmax(1)
    own = functional.cross_entropy(student, LABELS)
    own = own + 0.7 * 4.0 * functional.cross_entropy(student / 2, target)
    (wanted,) = torch.autograd.grad(own, student)
    torch.testing.assert_close(found, wanted)


def test_the_peer_learns() -> None:
    loss, seen = _made(), _seen()
    gradients = torch.autograd.grad(loss(seen), list(loss.peer.parameters()))
    assert len(gradients) == 5
    assert all(bool(gradient.any()) for gradient in gradients)


def test_without_weight_the_student_learns_from_labels_alone() -> None:
    seen = _seen()
    (found,) = torch.autograd.grad(_made(weight=0.0)(seen), seen.student_logits)
    alone = functional.cross_entropy(seen.student_logits, LABELS)
    torch.testing.assert_close(found, torch.autograd.grad(alone, seen.student_logits)[0])


def test_derivative_agrees_with_finite_differences() -> None:
    loss, seen = _made(), _seen()
    # Of the student's own loss: in the peer's, the student is detached but still moves the value.
    peer = _peer(loss, seen).detach()

    def own(logits: Tensor) -> Tensor:
        return loss._loss(logits, peer, LABELS)

    assert torch.autograd.gradcheck(own, seen.student_logits)


def test_the_seed_decides_about_the_peer_which_is_not_the_student() -> None:
    one, same, other = (_made(seed=seed).peer.state_dict() for seed in (0, 0, 1))
    student = _network(0).state_dict()
    assert all(torch.equal(one[name], same[name]) for name in one)
    for different in (other, student):
        assert not torch.equal(one["0.weight"], different["0.weight"])


def test_a_loaded_peer_goes_on_as_the_saved_one() -> None:
    saved, loaded, seen = _made(seed=0), _made(seed=1), _seen()
    saved(seen)
    loaded.load_state_dict(saved.state_dict())
    assert loaded(seen) == saved(seen)


def test_a_single_image_has_a_loss() -> None:
    seen = _seen()
    assert seen.images is not None
    tiny = seen.images[:1, :, :3, :3]  # one pixel after the convolution
    alone = replace(seen, student_logits=seen.student_logits[:1], labels=LABELS[:1], images=tiny)
    assert _made()(alone).isfinite()


def test_missing_images_are_refused() -> None:
    with pytest.raises(ShapeError, match="images for the peer are needed, found none"):
        _made()(replace(_seen(), images=None))
