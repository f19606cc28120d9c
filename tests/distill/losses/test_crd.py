import math
from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from autokd.distill.losses.crd import Crd, contrast, cosines
from autokd.distill.losses.seen import Seen
from autokd.errors import ShapeError
from tests.distill.losses.mapped import (
    check_gradients,
    check_plain_without_weight,
    check_state_goes_on,
    make_seen,
    make_setting,
    term,
)
from tests.distill.recording import TapeRecorder

N_IMAGES, N_NEGATIVES, WIDTH = 12, 5, 4


def _make(
    weight: float = 0.8,
    contrast_temperature: float = 0.07,
    n_images: int = N_IMAGES,
    **soft: float,
) -> Crd:
    soft = {"temperature": 4.0, "soft_weight": 0.0, **soft}
    return Crd(
        make_setting(n_images=n_images),
        weight=weight,
        contrast_temperature=contrast_temperature,
        n_negatives=N_NEGATIVES,
        embedding=WIDTH,
        **soft,
    ).double()


def _negatives(loss: Crd, seen: Seen, seed: int) -> list[list[int]]:
    """Draw what the loss is going to draw with this seed."""
    assert seen.indices is not None
    torch.manual_seed(seed)
    drawn: list[list[int]] = loss.others(seen.indices, n=N_NEGATIVES).tolist()
    torch.manual_seed(seed)
    return drawn


def _embedded(head: torch.nn.Linear, maps: Tensor) -> Tensor:
    rows: Tensor = head(maps.detach().flatten(2).mean(2)).detach()
    return torch.stack([row / sum(x**2 for x in row.tolist()) ** 0.5 for row in rows])


def _scores(memory: Tensor, anchors: Tensor, places: list[list[int]]) -> list[list[float]]:
    return [
        [math.exp((memory[place] @ anchor).item() / 0.07) for place in row]
        for anchor, row in zip(anchors, places, strict=True)
    ]


def _contrast(scores: list[list[float]], total: float) -> float:
    """Add up the logarithms of being told right, as the formula is written."""
    noise = N_NEGATIVES / N_IMAGES
    value = 0.0
    for row in scores:
        own, *others = (score / total for score in row)
        value -= math.log(own / (own + noise))
        value -= sum(math.log(noise / (other + noise)) for other in others)
    return value / len(scores)


def _total(scores: list[list[float]]) -> float:
    every = [score for row in scores for score in row]
    return N_IMAGES * sum(every) / len(every)


def test_term_is_the_contrast_of_both_sides_with_the_totals_of_the_first_batch() -> None:
    loss = _make()
    totals: list[float] = []
    for step in range(3):
        seen = make_seen(seed=step)
        assert seen.indices is not None
        student = _embedded(loss.student_head, seen.student_maps[-1])
        teacher = _embedded(loss.teacher_head, seen.teacher_maps[-1])
        negatives = _negatives(loss, seen, step)
        own = seen.indices.tolist()
        places = [[index, *row] for index, row in zip(own, negatives, strict=True)]
        sides = [
            _scores(loss.teacher_memory.rows, student, places),
            _scores(loss.student_memory.rows, teacher, places),
        ]
        totals = totals or [_total(scores) for scores in sides]
        expected = sum(map(_contrast, sides, totals))
        assert term(loss, seen).item() == pytest.approx(0.8 * expected, rel=1e-9)


def test_a_memory_moves_half_way_and_only_for_the_images_of_the_batch() -> None:
    loss, seen = _make(), make_seen()
    assert seen.indices is not None
    before = {name: memory.clone() for name, memory in loss.named_buffers() if "rows" in name}
    loss(seen)
    for name, head, maps in (
        ("student_memory", loss.student_head, seen.student_maps[-1]),
        ("teacher_memory", loss.teacher_head, seen.teacher_maps[-1]),
    ):
        expected = before[f"{name}.rows"]
        for index, row in zip(seen.indices.tolist(), _embedded(head, maps), strict=True):
            moved = 0.5 * expected[index] + 0.5 * row
            expected[index] = moved / moved.norm()
        torch.testing.assert_close(getattr(loss, name).rows, expected)


def test_contrast_is_the_cross_entropy_of_telling_data_from_noise() -> None:
    log_likelihoods = torch.randn(4, 1 + N_NEGATIVES, dtype=torch.float64)
    scores = log_likelihoods.exp().tolist()
    found = contrast(log_likelihoods, n_images=N_IMAGES).item()
    assert found == pytest.approx(_contrast(scores, total=1.0), rel=1e-12)


def test_likelihoods_that_are_as_noise_cost_what_guessing_costs() -> None:
    like_noise = torch.full((3, 2), -math.log(50.0), dtype=torch.float64)
    assert contrast(like_noise, n_images=50).item() == pytest.approx(2 * math.log(2))


def test_derivative_of_contrast_agrees_with_finite_differences() -> None:
    rows = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda each: contrast(each, n_images=20), rows)


class _Frozen(torch.nn.Module):
    """The loss as it stands: each call finds the same memories and draws the same negatives."""

    def __init__(self, loss: Crd) -> None:
        super().__init__()
        self.loss = loss
        self._kept = {name: buffer.clone() for name, buffer in loss.named_buffers()}

    def forward(self, seen: Seen) -> Tensor:
        with torch.no_grad():
            for name, buffer in self.loss.named_buffers():
                buffer.copy_(self._kept[name])
        torch.manual_seed(0)
        value: Tensor = self.loss(seen)
        return value


def test_derivative_agrees_with_finite_differences() -> None:
    loss = _make()
    loss(make_seen(seed=1))  # the totals are set by a first batch and are constants from then on
    check_gradients(_Frozen(loss), make_seen())


@pytest.mark.parametrize("n_images", [4, 80, 81, 400])
def test_products_and_their_gradients_are_the_same_with_few_rows_and_with_many(
    n_images: int,
) -> None:
    rows = torch.randn(n_images, WIDTH, dtype=torch.float64)
    anchors = torch.randn(3, WIDTH, dtype=torch.float64, requires_grad=True)
    places = torch.randint(0, n_images, (3, 5))
    found, kept = cosines(rows, anchors, places), rows.clone()
    rows.zero_()  # as a memory that is written to before the gradients are asked for
    for anchor, picked, row in zip(anchors, places.tolist(), found, strict=True):
        expected = [float(kept[place] @ anchor.detach()) for place in picked]
        assert row.tolist() == pytest.approx(expected)
    weights = torch.randn(3, 5, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((weights * found).sum(), anchors)
    torch.testing.assert_close(gradient, (weights.unsqueeze(1) @ kept[places]).squeeze(1))


def test_negatives_are_images_of_other_classes_drawn_evenly() -> None:
    loss = _make(n_images=9)
    indices = torch.tensor([0, 1, 8])
    drawn = loss.others(indices, n=30_000)
    for index, row in zip(indices.tolist(), drawn.tolist(), strict=True):
        counts = Counter(row)
        assert set(counts) == {other for other in range(9) if other % 3 != index % 3}
        assert max(counts.values()) - min(counts.values()) < 500  # 5,000 each, deviation 65


def test_where_there_is_one_class_negatives_are_of_that() -> None:
    setting = replace(make_setting(), labels=torch.zeros(6, dtype=torch.int64))
    loss = Crd(
        setting,
        weight=1.0,
        contrast_temperature=0.07,
        n_negatives=3,
        embedding=4,
        temperature=4.0,
        soft_weight=0.0,
    )
    drawn = loss.others(torch.arange(6), n=20)
    assert drawn.min() >= 0
    assert drawn.max() < 6


@pytest.mark.parametrize("contrast_temperature", [0.001, 10.0])
@pytest.mark.parametrize("scale", [0.0, 1e4, 1e18])
def test_dead_and_extreme_maps_give_finite_values_and_gradients(
    scale: float, contrast_temperature: float
) -> None:
    loss = _make(contrast_temperature=contrast_temperature).float()
    for step in range(3):
        seen = make_seen(batch=1, scale=scale, dtype=torch.float32, seed=step)
        value = loss(seen)
        value.backward()
        assert value.isfinite()
        for tensor in (seen.student_maps[-1], *loss.parameters()):
            assert tensor.grad is not None
            assert tensor.grad.isfinite().all()
    assert all(buffer.isfinite().all() for buffer in loss.buffers())


def _tensors(seen: Seen) -> list[Tensor]:
    assert seen.indices is not None
    assert seen.teacher_logits is not None
    rest = (*seen.student_maps, *seen.teacher_maps)
    return [seen.student_logits, seen.teacher_logits, seen.indices, *rest]


def _fill(place: Seen, seen: Seen) -> None:
    with torch.no_grad():
        for room, part in zip(_tensors(place), _tensors(seen), strict=True):
            room.copy_(part)


def test_a_step_can_be_recorded_and_replayed_on_other_batches() -> None:
    live, recorded = _make(), _make()
    recorded.load_state_dict(live.state_dict())
    place, value = make_seen(seed=1), torch.zeros((), dtype=torch.float64)

    def work() -> None:
        value.copy_(recorded(place).detach())

    torch.manual_seed(1)
    replay = TapeRecorder().record(work)
    for step in (1, 2, 3):
        if step > 1:  # recording did the first
            torch.manual_seed(step)
            _fill(place, make_seen(seed=step))
        replay()
        torch.manual_seed(step)
        assert live(make_seen(seed=step)).item() == value.item()


def test_without_weight_it_is_plain_distillation() -> None:
    check_plain_without_weight(lambda **soft: _make(0.0, **soft))


def test_state_that_is_loaded_goes_on_as_it_would_have() -> None:
    check_state_goes_on(_make)


def test_images_without_indices_are_refused() -> None:
    with pytest.raises(ShapeError, match="indices of the images"):
        _make()(replace(make_seen(), indices=None))
