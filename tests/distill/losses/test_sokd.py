import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from autokd.distill.losses.seen import Seen, Setting
from autokd.distill.losses.sokd import Sokd
from autokd.errors import ShapeError

LABELS = torch.tensor([0, 3, 1])


def _setting(channels: tuple[int, ...] = (2, 5, 7)) -> Setting:
    student = nn.Linear(1, 4)
    return Setting(4, LABELS, 5, student, peer=lambda seed: student, teacher_channels=channels)


def _made(channels: tuple[int, ...] = (2, 5, 7)) -> Sokd:
    return Sokd(
        _setting(channels),
        bridge_weight=0.7,
        student_weight=0.3,
        teacher_weight=1.5,
        temperature=2.0,
    )


def _seen() -> Seen:
    maps = tuple(torch.randn(3, width, 8 >> i, 8 >> i) for i, width in enumerate((2, 5, 7)))
    return Seen(
        (3 * torch.randn(3, 4)).requires_grad_(),
        LABELS,
        3 * torch.randn(3, 4),
        teacher_maps=tuple(each.requires_grad_() for each in maps),
    )


def _bridge(loss: Sokd, seen: Seen) -> Tensor:
    logits: Tensor = loss.bridge(seen.teacher_maps[1].detach())
    return logits


def _divergence(p_logits: Tensor, q_logits: Tensor) -> float:
    total = 0.0
    for row, other in zip(p_logits.tolist(), q_logits.tolist(), strict=True):
        p = [math.exp(value / 2) for value in row]
        q = [math.exp(value / 2) for value in other]
        pairs = zip([x / sum(p) for x in p], [x / sum(q) for x in q], strict=True)
        total += sum(a * math.log(a / b) for a, b in pairs)
    return 4.0 * total / len(p_logits)


def test_the_bridge_learns_from_all_and_alone_teaches_the_student() -> None:
    loss, seen = _made(), _seen()
    assert seen.teacher_logits is not None
    student, bridge = seen.student_logits.detach(), _bridge(loss, seen).detach()
    wanted = (
        functional.cross_entropy(student, LABELS).item()
        + 0.7 * _divergence(bridge, student)
        + functional.cross_entropy(bridge, LABELS).item()
        + 1.5 * _divergence(seen.teacher_logits, bridge)
        + 0.3 * _divergence(student, bridge)
    )
    assert loss(seen).item() == pytest.approx(wanted, rel=1e-5)


def test_neither_receives_gradients_of_the_others_loss() -> None:
    loss, seen = _made(), _seen()
    assert seen.teacher_logits is not None
    student, bridge = seen.student_logits.detach().requires_grad_(), _bridge(loss, seen)
    bridge = bridge.detach().requires_grad_()

    def soft(learner: Tensor, other: Tensor) -> Tensor:
        return 4.0 * functional.cross_entropy(learner / 2, (other.detach() / 2).softmax(1))

    own = functional.cross_entropy(student, LABELS) + 0.7 * soft(student, bridge)
    others = functional.cross_entropy(bridge, LABELS) + 0.3 * soft(bridge, student)
    others = others + 1.5 * soft(bridge, seen.teacher_logits)
    (to_student,) = torch.autograd.grad(own, student)
    (to_bridge,) = torch.autograd.grad(others, bridge)
    layer = loss.bridge[-1]
    assert isinstance(layer, nn.Linear)
    found = torch.autograd.grad(loss(seen), [seen.student_logits, layer.bias])
    torch.testing.assert_close(found[0], to_student)
    torch.testing.assert_close(found[1], to_bridge.sum(0))


def test_derivative_agrees_with_finite_differences() -> None:
    loss, seen = _made(), _seen()
    bridge = _bridge(loss, seen).detach().double()

    def own(logits: Tensor) -> Tensor:
        return functional.cross_entropy(logits, LABELS) + loss._soft(logits, bridge)

    assert torch.autograd.gradcheck(own, seen.student_logits.double())


def test_only_the_last_but_one_map_is_read_and_gets_no_gradient() -> None:
    loss, seen = _made(), _seen()
    value = loss(seen)
    value.backward()
    assert all(each.grad is None for each in seen.teacher_maps)
    first, read, last = seen.teacher_maps
    assert loss(replace(seen, teacher_maps=(first + 1, read, last + 1))) == value
    assert loss(replace(seen, teacher_maps=(first, read * 2 + 1, last))) != value


def test_a_teacher_with_one_map_is_bridged_from_it() -> None:
    loss, seen = _made((7,)), _seen()
    assert loss(replace(seen, teacher_maps=seen.teacher_maps[-1:])).isfinite()


def test_a_single_image_of_a_single_pixel_has_a_loss() -> None:
    loss, seen = _made((2, 5)), _seen()
    assert seen.teacher_logits is not None
    alone = Seen(
        seen.student_logits[:1],
        LABELS[:1],
        seen.teacher_logits[:1],
        teacher_maps=(torch.randn(1, 2, 1, 1), torch.randn(1, 5, 1, 1)),
    )
    assert loss(alone).isfinite()


def test_a_loaded_bridge_goes_on_as_the_saved_one() -> None:
    saved, loaded, seen = _made(), _made(), _seen()
    saved(seen)
    loaded.load_state_dict(saved.state_dict())
    assert loaded(seen) == saved(seen)


def test_missing_maps_are_refused() -> None:
    with pytest.raises(ShapeError, match="maps of the teacher are needed, found none"):
        _made(())
    with pytest.raises(ShapeError, match="maps of the teacher are needed, found none"):
        _made()(replace(_seen(), teacher_maps=()))


def test_missing_teacher_logits_are_refused() -> None:
    with pytest.raises(ShapeError, match="teacher logits of shape"):
        _made()(replace(_seen(), teacher_logits=None))
