from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from autokd.data import Split, to_unit
from autokd.distill.losses.amal import Amal
from autokd.distill.losses.kd import kd
from autokd.distill.losses.seen import Seen, Setting, Tuning
from autokd.errors import ShapeError

N, N_TUNING, CLASSES, TEACHERS = 12, 8, 4, 2
INDICES = torch.tensor([7, 2, 11])
LABELS = torch.arange(N) % CLASSES


def _student() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(9, CLASSES))


def _tuning(n: int = N_TUNING) -> Tuning:
    images = torch.randint(0, 256, (n, 1, 3, 3), dtype=torch.uint8)
    labels = torch.arange(n) % CLASSES
    return Tuning(Split(images, labels), *(torch.zeros(n, 1, CLASSES) for _ in range(3)))


def _setting(*, n_epochs: int = 10, teachers: int = TEACHERS) -> Setting:
    student = _student()
    return Setting(
        CLASSES,
        LABELS,
        n_epochs,
        student,
        peer=lambda seed: student,
        teachers=teachers,
        tuning=_tuning(),
    )


def _made(
    setting: Setting, *, refresh_fraction: float = 0.2, n_tuning: int = 8, step_size: float = 4.0
) -> Amal:
    return Amal(
        setting,
        temperature=2.0,
        initial_weight=0.9,
        refresh_fraction=refresh_fraction,
        step_size=step_size,
        virtual_rate=0.3,
        n_tuning=n_tuning,
        n_inner=1,
    )


def _seen(setting: Setting, *, progress: float = 0.0) -> Seen:
    images = torch.rand(3, 1, 3, 3)
    more = 3 * torch.randn(3, setting.teachers, CLASSES) if setting.teachers else None
    return Seen(
        setting.student(images),
        LABELS[INDICES],
        3 * torch.randn(3, CLASSES),
        images=images,
        indices=INDICES,
        more_logits=more,
        progress=torch.tensor(progress),
    )


def _terms(student: Tensor, seen: Seen) -> Tensor:
    """Give every image's losses, each through the method that it is known from."""
    assert seen.teacher_logits is not None
    assert seen.more_logits is not None
    teachers = [seen.teacher_logits, seen.more_logits[:, 0], seen.more_logits[:, 1]]
    rows = []
    for i in range(len(student)):
        row = [functional.cross_entropy(student[i : i + 1], seen.labels[i : i + 1])]
        for teacher in teachers:
            alone = Seen(student[i : i + 1], seen.labels[i : i + 1], teacher[i : i + 1])
            row.append(kd(alone, temperature=2.0, soft_weight=1.0))
        rows.append(torch.stack(row))
    return torch.stack(rows)


def test_at_first_it_is_plain_distillation() -> None:
    setting = _setting(teachers=0)
    seen = _seen(setting)
    found = _made(setting)(seen)
    torch.testing.assert_close(found, kd(seen, temperature=2.0, soft_weight=0.9))


def test_every_image_has_its_own_weights() -> None:
    setting = _setting()
    loss, seen = _made(setting), _seen(setting)
    loss.weights.copy_(torch.rand(N, 2 + TEACHERS))
    wanted = (loss.weights[INDICES] * _terms(seen.student_logits, seen)).sum(1).mean()
    torch.testing.assert_close(loss(seen), wanted)


def test_a_refresh_moves_weights_down_the_tuning_loss_after_a_real_step() -> None:
    setting = _setting()
    assert setting.tuning is not None
    loss, seen = _made(setting), _seen(setting, progress=0.2)
    weights = loss.weights[INDICES].double().requires_grad_()
    loss(seen)

    # The student of this test is one linear layer, so that autograd can take the whole step.
    layer = setting.student[1]  # type: ignore[index]
    kernel, bias = (each.detach().double().requires_grad_() for each in layer.parameters())
    assert seen.images is not None
    doubled = replace(seen, teacher_logits=seen.teacher_logits.double())  # type: ignore[union-attr]
    doubled = replace(doubled, more_logits=seen.more_logits.double())  # type: ignore[union-attr]
    logits = functional.linear(seen.images.flatten(1).double(), kernel, bias)
    step_loss = (weights * _terms(logits, doubled)).sum(1).mean()
    steps = torch.autograd.grad(step_loss, [kernel, bias], create_graph=True)
    tuning = to_unit(setting.tuning.split.images).flatten(1).double()
    after = functional.linear(tuning, kernel - 0.3 * steps[0], bias - 0.3 * steps[1])
    held_out = functional.cross_entropy(after, setting.tuning.split.labels)
    (slopes,) = torch.autograd.grad(held_out, weights)
    assert slopes.abs().max() > 1e-4

    wanted = (weights - 4.0 * slopes).detach().clamp(1e-7, 2 - 1e-7)
    torch.testing.assert_close(loss.weights[INDICES].double(), wanted, rtol=0, atol=1e-5)


def test_other_images_keep_their_weights() -> None:
    setting = _setting()
    loss = _made(setting)
    before = loss.weights.clone()
    loss(_seen(setting, progress=0.2))
    changed = (loss.weights != before).any(dim=1)
    assert sorted(INDICES.tolist()) == changed.nonzero().squeeze(1).tolist()


def test_the_loss_is_taken_with_the_refreshed_weights() -> None:
    setting = _setting()
    loss, seen = _made(setting), _seen(setting, progress=0.2)
    found = loss(seen)
    wanted = (loss.weights[INDICES] * _terms(seen.student_logits, seen)).sum(1).mean()
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize(
    ("n_epochs", "fraction", "epochs"),
    [
        (200, 0.05, [*range(10, 200, 10)]),
        (9, 0.05, [*range(1, 9)]),
        (10, 0.34, [3, 6, 9]),
        (4, 1.0, []),
        (1, 0.5, []),
    ],
)
def test_weights_are_refreshed_in_whole_epochs_but_the_first(
    n_epochs: int, fraction: float, epochs: list[int]
) -> None:
    loss = _made(_setting(n_epochs=n_epochs), refresh_fraction=fraction)
    for within in (0.0, 0.5, 0.99):
        shares = [float(torch.tensor((epoch + within) / n_epochs)) for epoch in range(n_epochs)]
        assert [e for e, progress in enumerate(shares) if loss.refreshes(progress)] == epochs


def test_tuning_images_are_taken_in_turn() -> None:
    setting = _setting()
    loss, seen = _made(setting, n_tuning=3), _seen(setting, progress=0.2)
    positions = []
    for _ in range(4):
        loss(seen)
        positions.append(int(loss.position))
    assert positions == [3, 6, 1, 4]


def test_more_tuning_images_than_there_are_means_all() -> None:
    setting = _setting()
    seen = _seen(setting, progress=0.2)
    all_of_them, more = _made(setting, n_tuning=8), _made(setting, n_tuning=1000)
    assert all_of_them(seen) == more(seen)
    assert torch.equal(all_of_them.weights, more.weights)


def test_the_student_is_not_trained_twice() -> None:
    setting = _setting()
    loss = _made(setting)
    assert list(loss.parameters()) == []
    assert set(loss.state_dict()) == {"weights", "position"}


def test_a_refresh_leaves_the_students_gradients_alone() -> None:
    setting = _setting()
    loss, seen = _made(setting, step_size=0.0), _seen(setting, progress=0.2)
    still = replace(seen, progress=torch.tensor(0.0))
    found = torch.autograd.grad(loss(seen), seen.student_logits, retain_graph=True)[0]
    wanted = torch.autograd.grad(loss(still), seen.student_logits)[0]
    assert torch.equal(found, wanted)
    assert all(parameter.grad is None for parameter in setting.student.parameters())


def test_weights_and_position_survive_saving_and_loading() -> None:
    setting = _setting()
    saved, loaded = _made(setting, n_tuning=3), _made(setting, n_tuning=3)
    seen = _seen(setting, progress=0.2)
    saved(seen)
    loaded.load_state_dict(saved.state_dict())
    assert loaded(seen) == saved(seen)
    assert torch.equal(loaded.weights, saved.weights)


def test_derivative_agrees_with_finite_differences() -> None:
    setting = _setting()
    loss, seen = _made(setting).double(), _seen(setting)
    assert torch.autograd.gradcheck(
        lambda logits: loss(replace(seen, student_logits=logits)),
        seen.student_logits.detach().double().requires_grad_(),
    )


def test_missing_tuning_images_are_refused() -> None:
    with pytest.raises(ShapeError, match="tuning images are needed to learn the weights"):
        _made(replace(_setting(), tuning=None))
    with pytest.raises(ShapeError, match="tuning images are needed to learn the weights"):
        _made(replace(_setting(), tuning=_tuning(0)))


def test_missing_images_or_indices_are_refused() -> None:
    setting = _setting()
    seen = _seen(setting)
    for missing in (replace(seen, images=None), replace(seen, indices=None)):
        with pytest.raises(ShapeError, match="images and their indices are needed"):
            _made(setting)(missing)
