import pytest
import torch
from torch import Tensor, nn

from autokd.distill.losses.options import WithOptions, gate, with_options
from autokd.distill.losses.seen import Seen
from autokd.distill.losses.terms import hard_loss

LABELS = torch.tensor([0, 2, 1, 1])


def _seen(progress: float = 0.0) -> Seen:
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    teacher = torch.randn(4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return Seen(logits, LABELS, teacher, progress=torch.tensor(progress))


def _distance(seen: Seen) -> Tensor:
    student, teacher = seen.pair()
    return (student - teacher).square().sum()


class _Learned(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, seen: Seen) -> Tensor:
        return self.scale * _distance(seen)


def test_no_option_leaves_the_method_as_it_is() -> None:
    assert with_options(_distance, {}) is _distance
    defaults = {"standardise": False, "soft_warmup_fraction": 0.0, "kd_off_fraction": 1.0}
    assert with_options(_distance, defaults) is _distance


def test_after_it_is_switched_off_only_hard_labels_count() -> None:
    loss = with_options(_distance, {"kd_off_fraction": 0.5})
    before, after = _seen(0.49), _seen(0.5)
    assert torch.equal(loss(before), _distance(before))
    assert torch.equal(loss(after), hard_loss(after.student_logits, LABELS))


@pytest.mark.parametrize(("progress", "share"), [(0.0, 0.0), (0.1, 0.25), (0.4, 1.0), (0.9, 1.0)])
def test_warming_up_moves_evenly_from_hard_labels_to_the_method(
    progress: float, share: float
) -> None:
    loss, seen = with_options(_distance, {"soft_warmup_fraction": 0.4}), _seen(progress)
    expected = share * _distance(seen) + (1 - share) * hard_loss(seen.student_logits, LABELS)
    torch.testing.assert_close(loss(seen), expected)


def test_standardised_logits_do_not_feel_scale_and_shift() -> None:
    loss, seen = with_options(_distance, {"standardise": True}), _seen()
    moved = Seen(7 * seen.student_logits + 3, LABELS, seen.teacher_logits)
    torch.testing.assert_close(loss(moved), loss(seen))
    assert not torch.isclose(_distance(moved), _distance(seen))


def test_what_a_method_learns_is_found_through_its_options() -> None:
    inner = _Learned()
    loss = with_options(inner, {"kd_off_fraction": 0.5})
    assert isinstance(loss, WithOptions)
    assert list(loss.parameters()) == [inner.scale]
    loss(_seen(0.9)).backward()
    assert inner.scale.grad == 0


def test_a_gate_opens_and_shuts() -> None:
    times = torch.tensor([0.0, 0.05, 0.1, 0.5, 0.79, 0.8, 0.99])
    found = torch.stack([gate(time, warm_up=0.1, off=0.8) for time in times])
    torch.testing.assert_close(found, torch.tensor([0.0, 0.5, 1.0, 1.0, 1.0, 0.0, 0.0]))
