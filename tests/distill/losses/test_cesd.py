from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from autokd.distill.losses.cesd import cesd, chosen_experts
from autokd.distill.losses.kd import kd
from autokd.distill.losses.seen import Seen
from autokd.errors import ShapeError

LABELS = torch.arange(6) % 4


def _logits(*shape: int, scale: float = 3.0) -> Tensor:
    return scale * torch.randn(*shape, dtype=torch.float64)


def _seen(student: Tensor, progress: float = 0.9) -> Seen:
    generator = torch.Generator().manual_seed(3)
    return Seen(
        student,
        LABELS,
        3 * torch.randn(6, 4, generator=generator, dtype=torch.float64),
        assistant_logits=3 * torch.randn(6, 2, 4, generator=generator, dtype=torch.float64),
        progress=torch.tensor(progress),
    )


def test_easy_images_go_to_the_smallest_assistant_and_hard_ones_to_the_teacher() -> None:
    student = _logits(6, 4)
    seen = _seen(student)
    assert seen.teacher_logits is not None
    assert seen.assistant_logits is not None
    order = sorted(
        range(6),
        key=lambda i: functional.cross_entropy(seen.teacher_logits[i], LABELS[i]).item(),  # type: ignore[index]
    )
    targets = seen.teacher_logits.clone()
    for i in order[:2]:
        targets[i] = seen.assistant_logits[i, 1]
    for i in order[2:4]:
        targets[i] = seen.assistant_logits[i, 0]
    found = cesd(seen, temperature=2.0, soft_weight=0.7, curriculum=False)
    wanted = kd(Seen(student, LABELS, targets), temperature=2.0, soft_weight=0.7)
    torch.testing.assert_close(found, wanted)


@given(
    difficulties=st.lists(st.floats(0, 1e4), min_size=1, max_size=20),
    n_experts=st.integers(1, 5),
)
def test_every_image_has_one_expert_and_experts_share_the_images(
    difficulties: list[float], n_experts: int
) -> None:
    chosen = chosen_experts(torch.tensor(difficulties), n_experts=n_experts)
    counts = torch.bincount(chosen, minlength=n_experts)
    assert len(counts) == n_experts
    assert counts.sum() == len(difficulties)
    assert counts.max() - counts.min() <= 1
    by_difficulty = chosen[torch.tensor(difficulties).argsort(stable=True)].tolist()
    assert all(easier <= harder for easier, harder in pairwise(by_difficulty))


def test_of_equally_hard_images_the_first_is_the_easier() -> None:
    assert chosen_experts(torch.ones(4), n_experts=2).tolist() == [0, 0, 1, 1]


def test_an_image_alone_goes_to_the_smallest_expert() -> None:
    assert chosen_experts(torch.tensor([5.0]), n_experts=3).tolist() == [0]


@pytest.mark.parametrize(
    ("progress", "experts"),
    [(0.0, [0, 0, 0]), (0.32, [0, 0, 0]), (0.34, [0, 1, 1]), (0.67, [0, 1, 2])],
)
def test_the_curriculum_admits_one_more_expert_at_a_time(
    progress: float, experts: list[int]
) -> None:
    difficulties = torch.tensor([0.1, 0.5, 0.9])
    found = chosen_experts(difficulties, n_experts=3, progress=torch.tensor(progress))
    assert found.tolist() == experts


def test_at_first_the_smallest_assistant_teaches_everything() -> None:
    student = _logits(6, 4)
    seen = _seen(student, progress=0.0)
    assert seen.assistant_logits is not None
    found = cesd(seen, temperature=2.0, soft_weight=0.7, curriculum=True)
    small = Seen(student, LABELS, seen.assistant_logits[:, 1])
    torch.testing.assert_close(found, kd(small, temperature=2.0, soft_weight=0.7))


def test_without_the_curriculum_progress_does_not_matter() -> None:
    student = _logits(6, 4)
    values = [
        cesd(_seen(student, progress), temperature=2.0, soft_weight=0.7, curriculum=False)
        for progress in (0.0, 0.9)
    ]
    assert values[0] == values[1]
    assert (
        cesd(_seen(student, 0.0), temperature=2.0, soft_weight=0.7, curriculum=True) != values[0]
    )


def test_derivative_agrees_with_finite_differences() -> None:
    assert torch.autograd.gradcheck(
        lambda logits: cesd(_seen(logits), temperature=2.5, soft_weight=0.7, curriculum=True),
        _logits(6, 4).requires_grad_(),
    )


@pytest.mark.parametrize("missing", ["teacher", "assistant"])
def test_a_missing_expert_is_refused(missing: str) -> None:
    several = None if missing == "assistant" else torch.zeros(6, 1, 4)
    own = None if missing == "teacher" else torch.zeros(6, 4)
    seen = Seen(torch.zeros(6, 4), LABELS, own, assistant_logits=several)
    with pytest.raises(ShapeError, match="found none"):
        cesd(seen, temperature=1.0, soft_weight=0.5, curriculum=False)
