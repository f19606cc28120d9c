import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from autokd.distill.losses.camkd import Camkd, confidence_weights
from autokd.distill.losses.seen import Seen, Setting
from autokd.distill.losses.terms import hard_loss, soft_loss
from autokd.errors import ShapeError

LABELS = torch.tensor([0, 3, 1])


def _setting(n_epochs: int = 5) -> Setting:
    student = nn.Linear(1, 4)
    return Setting(
        4,
        LABELS,
        n_epochs,
        student,
        peer=lambda seed: student,
        teachers=2,
        student_channels=(2, 3),
        teacher_channels=(4, 5),
    )


def _logits(*shape: int, scale: float = 3.0) -> Tensor:
    return scale * torch.randn(*shape, dtype=torch.float64)


def _seen(progress: float = 0.5) -> Seen:
    return Seen(
        _logits(3, 4).requires_grad_(),
        LABELS,
        _logits(3, 4),
        more_logits=_logits(3, 2, 4),
        student_maps=(_logits(3, 2, 8, 8), _logits(3, 3, 4, 4).requires_grad_()),
        teacher_maps=(_logits(3, 4, 8, 8), _logits(3, 5, 2, 2)),
        progress=torch.tensor(progress),
    )


def _made(*, alpha: float = 0.7, beta: float = 3.0, n_epochs: int = 5) -> Camkd:
    return Camkd(_setting(n_epochs), temperature=2.0, alpha=alpha, beta=beta).double()


def _kernel(loss: Camkd) -> Tensor:
    kernel = loss.adaptor[0].weight
    assert isinstance(kernel, Tensor)
    return kernel


def _adapted(loss: Camkd, maps: Tensor) -> Tensor:
    pooled = functional.avg_pool2d(maps, 2)
    mapped = torch.einsum("oc,bchw->bohw", _kernel(loss)[:, :, 0, 0], pooled)
    return functional.batch_norm(mapped, None, None, training=True)


def _several(seen: Seen) -> list[Tensor]:
    assert seen.teacher_logits is not None
    assert seen.more_logits is not None
    return [seen.teacher_logits, seen.more_logits[:, 0], seen.more_logits[:, 1]]


def test_weights_are_one_minus_the_softmax_of_cross_entropies() -> None:
    several = _logits(3, 3, 4)
    found = confidence_weights(several, LABELS)
    for i in range(3):
        costs = [functional.cross_entropy(several[i, k], LABELS[i]).item() for k in range(3)]
        powers = [math.exp(cost) for cost in costs]
        for k in range(3):
            wanted = (1 - powers[k] / sum(powers)) / 2
            assert found[i, k].item() == pytest.approx(wanted, rel=1e-9)


@given(
    seed=st.integers(0, 1000), n_teachers=st.integers(2, 5), scale=st.sampled_from([0.1, 3, 1e4])
)
def test_weights_sum_to_one_and_the_better_teacher_has_more(
    seed: int, n_teachers: int, scale: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    several = scale * torch.randn(3, n_teachers, 4, generator=generator, dtype=torch.float64)
    weights = confidence_weights(several, LABELS)
    torch.testing.assert_close(weights.sum(1), torch.ones(3, dtype=torch.float64))
    assert (weights >= 0).all()
    for i in range(3):
        costs = functional.cross_entropy(
            several[i], LABELS[i].repeat(n_teachers), reduction="none"
        )
        assert (weights[i][costs.argsort()].diff() <= 1e-12).all()


def test_equal_teachers_have_equal_weights() -> None:
    several = _logits(3, 1, 4).expand(-1, 4, -1)
    found = confidence_weights(several, LABELS)
    torch.testing.assert_close(found, torch.full((3, 4), 0.25, dtype=torch.float64))


def test_equal_teachers_teach_as_one_does() -> None:
    seen = _seen()
    assert seen.teacher_logits is not None
    seen = replace(seen, more_logits=seen.teacher_logits.unsqueeze(1).expand(-1, 2, -1))
    student, teacher = seen.pair()
    plain = hard_loss(student, LABELS) + 0.7 * soft_loss(student, teacher, temperature=2.0)
    torch.testing.assert_close(_made(beta=0.0)(seen), plain)


def test_labels_may_be_probabilities() -> None:
    several = _logits(3, 3, 4)
    found = confidence_weights(several, functional.one_hot(LABELS, 4).double())
    torch.testing.assert_close(found, confidence_weights(several, LABELS))


def test_terms_are_weighted_image_by_image() -> None:
    loss, seen = _made(), _seen()
    weights = confidence_weights(torch.stack(_several(seen), dim=1), LABELS)
    total = hard_loss(seen.student_logits, LABELS)
    adapted = _adapted(loss, seen.student_maps[1])
    for i in range(3):
        for k, teacher in enumerate(_several(seen)):
            row = soft_loss(seen.student_logits[i : i + 1], teacher[i : i + 1], temperature=2.0)
            total = total + 0.7 * weights[i, k] * row / 3
        distance = (adapted[i] - seen.teacher_maps[1][i]).square().mean()
        total = total + 3.0 * weights[i, 0] * distance / 3
    torch.testing.assert_close(loss(seen), total)


@pytest.mark.parametrize("n_epochs", [2, 3, 7, 9, 200])
def test_maps_count_from_the_second_epoch_on(n_epochs: int) -> None:
    loss, off = _made(n_epochs=n_epochs), _made(beta=0.0)
    before, after = _seen((1 - 1e-3) / n_epochs), _seen(1 / n_epochs)
    assert loss(before) == off(before)
    assert loss(after) > off(after) + 0.1


def test_a_training_of_one_epoch_has_no_maps() -> None:
    seen = _seen(0.999)
    assert _made(n_epochs=1)(seen) == _made(beta=0.0)(seen)


def test_derivative_agrees_with_finite_differences() -> None:
    loss, seen = _made(), _seen()

    def value(logits: Tensor, maps: Tensor, kernel: Tensor) -> Tensor:
        shown = replace(seen, student_logits=logits, student_maps=(seen.student_maps[0], maps))
        parameters = {"adaptor.0.weight": kernel}
        result: Tensor = torch.func.functional_call(loss, parameters, (shown,))
        return result

    inputs = (seen.student_logits, seen.student_maps[1], _kernel(loss))
    assert torch.autograd.gradcheck(value, inputs)


def test_a_loaded_adaptor_goes_on_as_the_saved_one() -> None:
    saved, loaded, seen = _made(), _made(), _seen()
    loaded.load_state_dict(saved.state_dict())
    assert loaded(seen) == saved(seen)


def test_a_single_teacher_is_refused() -> None:
    with pytest.raises(ShapeError, match="at least 2 teachers are needed, found 1"):
        _made()(replace(_seen(), more_logits=None))


def test_missing_maps_are_refused() -> None:
    with pytest.raises(ShapeError, match="found 0 and 0"):
        Camkd(
            replace(_setting(), student_channels=(), teacher_channels=()),
            temperature=1.0,
            alpha=1.0,
            beta=1.0,
        )
    with pytest.raises(ShapeError, match="found 0 and 1"):
        _made()(replace(_seen(), student_maps=()))
