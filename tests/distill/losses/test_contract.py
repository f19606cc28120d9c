"""What every method keeps to, whatever it does."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from autokd.data import Split
from autokd.distill.losses import Loss, Seen, Setting, Tuning, make_loss
from autokd.methods import METHODS, options_of
from autokd.parameters import Point

N_IMAGES, SIZE = 24, 8
STUDENT_CHANNELS, TEACHER_CHANNELS = (3, 4, 6), (5, 7, 9)
N_MORE, N_ASSISTANTS = 2, 2

NAMES = sorted(METHODS)
MIXED = [name for name in NAMES if not METHODS[name].needs.class_labels]


def _point(name: str, **options: bool | float) -> Point:
    method = METHODS[name]
    point: dict[str, bool | float | int | str] = {"kd.method": name}
    for parameter in method.parameters:
        assert parameter.default is not None
        point[f"kd.{method.table}.{parameter.name}"] = parameter.default
    return {**point, **{f"kd.{key}": value for key, value in options.items()}}


def _network(seed: int, classes: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, 2),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4, classes),
        )


def _logits(shape: Sequence[int], scale: float, seed: int) -> Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _maps(batch: int, channels: Sequence[int], seed: int) -> tuple[Tensor, ...]:
    return tuple(
        _logits((batch, width, SIZE >> stage, SIZE >> stage), 1.0, seed + stage)
        for stage, width in enumerate(channels)
    )


def _setting(classes: int) -> Setting:
    images = (40 * _logits((12, 1, SIZE, SIZE), 1.0, 8) + 128).clamp(0, 255).to(torch.uint8)
    return Setting(
        num_classes=classes,
        labels=torch.arange(N_IMAGES) % classes,
        n_epochs=4,
        student=_network(0, classes),
        peer=lambda seed: _network(seed, classes),
        seed=5,
        teachers=N_MORE,
        assistants=N_ASSISTANTS,
        student_channels=STUDENT_CHANNELS,
        teacher_channels=TEACHER_CHANNELS,
        tuning=Tuning(
            Split(images, torch.arange(12) % classes),
            _logits((12, classes), 2.0, 20),
            _logits((12, N_MORE, classes), 2.0, 21),
            _logits((12, N_ASSISTANTS, classes), 2.0, 22),
        ),
    )


def _seen(
    *,
    batch: int = 6,
    classes: int = 4,
    scale: float = 2.0,
    is_mixed: bool = False,
    progress: float = 0.4,
) -> Seen:
    labels = torch.arange(batch) % classes
    if is_mixed:
        labels = torch.softmax(_logits((batch, classes), 1.0, 9), dim=1)
    return Seen(
        student_logits=_logits((batch, classes), scale, 1).requires_grad_(),
        labels=labels,
        teacher_logits=_logits((batch, classes), scale, 2).requires_grad_(),
        images=_logits((batch, 1, SIZE, SIZE), 0.2, 3),
        indices=torch.arange(batch) * 2,
        more_logits=_logits((batch, N_MORE, classes), scale, 4).requires_grad_(),
        assistant_logits=_logits((batch, N_ASSISTANTS, classes), scale, 5).requires_grad_(),
        student_maps=tuple(m.requires_grad_() for m in _maps(batch, STUDENT_CHANNELS, 30)),
        teacher_maps=tuple(m.requires_grad_() for m in _maps(batch, TEACHER_CHANNELS, 40)),
        progress=torch.tensor(progress),
    )


def _value(loss: Loss, seen: Seen) -> Tensor:
    value = loss(seen)
    assert value.shape == ()
    assert value.dtype == torch.float32
    torch.autograd.backward(value)
    return value.detach()


def check_finite(loss: Loss, seen: Seen) -> None:
    assert _value(loss, seen).isfinite()
    learned = loss.parameters() if isinstance(loss, nn.Module) else ()
    for tensor in (seen.student_logits, *seen.student_maps, *learned):
        assert tensor.grad is None or tensor.grad.isfinite().all()


@pytest.mark.parametrize("classes", [2, 4, 1000])
@pytest.mark.parametrize("batch", [1, 6])
@pytest.mark.parametrize("name", NAMES)
def test_values_and_gradients_are_finite(name: str, batch: int, classes: int) -> None:
    loss = make_loss(_point(name), _setting(classes))
    for progress in (0.0, 0.4, 0.99):
        check_finite(loss, _seen(batch=batch, classes=classes, progress=progress))


@pytest.mark.parametrize("name", NAMES)
def test_extreme_logits_give_finite_values_and_gradients(name: str) -> None:
    loss = make_loss(_point(name), _setting(4))
    for progress in (0.0, 0.4, 0.99):
        check_finite(loss, _seen(scale=1e4, progress=progress))


@pytest.mark.parametrize("name", MIXED)
def test_labels_may_be_probabilities_unless_a_method_says_otherwise(name: str) -> None:
    check_finite(make_loss(_point(name), _setting(4)), _seen(is_mixed=True))


@pytest.mark.parametrize("name", NAMES)
def test_the_student_learns_and_no_teacher_does(name: str) -> None:
    seen = _seen()
    _value(make_loss(_point(name), _setting(4)), seen)
    reached = [seen.student_logits, *seen.student_maps]
    assert any(each.grad is not None and bool(each.grad.any()) for each in reached)
    taught = (seen.teacher_logits, seen.more_logits, seen.assistant_logits, *seen.teacher_maps)
    assert all(each is not None and each.grad is None for each in taught)


@pytest.mark.parametrize("name", NAMES)
def test_equal_settings_give_equal_values(name: str) -> None:
    values = []
    for _ in range(2):
        loss = make_loss(_point(name), _setting(4))
        torch.manual_seed(3)
        values.append([_value(loss, _seen()) for _ in range(3)])
    assert values[0] == values[1]


@pytest.mark.parametrize("name", NAMES)
def test_state_that_is_saved_and_loaded_goes_on_as_it_would_have(name: str) -> None:
    loss = make_loss(_point(name), _setting(4))
    for _ in range(2):
        _value(loss, _seen())
    if not isinstance(loss, nn.Module):
        pytest.skip("a function has no state")
    other = make_loss(_point(name), _setting(4))
    assert isinstance(other, nn.Module)
    other.load_state_dict(loss.state_dict())
    for progress in (0.4, 0.9):
        values = []
        for each in (loss, other):
            torch.manual_seed(7)
            values.append(_value(each, _seen(progress=progress)))
        assert values[0] == values[1]


@pytest.mark.parametrize("name", NAMES)
def test_making_a_method_leaves_the_global_generator_as_it_was(name: str) -> None:
    setting, before = _setting(4), torch.get_rng_state()
    make_loss(_point(name), setting)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", [name for name in NAMES if METHODS[name].matches_logits])
def test_standardised_logits_are_what_is_compared(name: str) -> None:
    assert "standardise" in {option.name for option in options_of(METHODS[name])}
    values = []
    for point in (_point(name), _point(name, standardise=True)):
        loss = make_loss(point, _setting(4))
        value = _value(loss, _seen(scale=5.0))
        assert value.isfinite()
        values.append(value)
    assert values[0] != values[1]
