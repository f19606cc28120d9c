import copy

import pytest
import torch
from torch import Tensor, nn

from autokd.distill.losses.pskd import Pskd
from autokd.distill.losses.seen import Seen, Setting
from autokd.distill.losses.terms import hard_loss
from autokd.errors import ShapeError

LABELS = torch.tensor([2, 0, 1, 3, 3, 1, 0, 2])
N_EPOCHS = 5


def _method(*, n_epochs: int = N_EPOCHS, final_weight: float = 0.8) -> Pskd:
    setting = Setting(4, LABELS, n_epochs, nn.Identity(), lambda seed: nn.Identity())
    return Pskd(setting, final_weight=final_weight)


def _seen(epoch: int, indices: list[int], logits: Tensor) -> Seen:
    rows = torch.tensor(indices)
    return Seen(logits, LABELS[rows], indices=rows, progress=torch.tensor(epoch / N_EPOCHS))


def test_the_first_epoch_equals_hard_labels() -> None:
    method = _method()
    for indices in ([0, 3, 5], [1, 2], [4, 6, 7]):
        logits = torch.randn(len(indices), 4).requires_grad_()
        found, hard = method(_seen(0, indices, logits)), hard_loss(logits, LABELS[indices])
        torch.testing.assert_close(found, hard)
        (gradient,) = torch.autograd.grad(found, logits)
        (expected,) = torch.autograd.grad(hard, logits)
        torch.testing.assert_close(gradient, expected)


def test_later_epochs_mix_the_labels_with_the_epoch_before() -> None:
    method, before = _method(), torch.eye(4)[LABELS]
    for epoch in range(N_EPOCHS):
        share = 0.8 * (epoch + 1) / N_EPOCHS
        now = before.clone()
        for indices in torch.randperm(8).chunk(3):
            logits = torch.randn(len(indices), 4)
            target = (1 - share) * torch.eye(4)[LABELS[indices]] + share * before[indices]
            expected = -(target * logits.log_softmax(dim=1)).sum(dim=1).mean()
            found = method(_seen(epoch, indices.tolist(), logits))
            torch.testing.assert_close(found, expected)
            now[indices] = logits.softmax(dim=1)
        before = now
        torch.testing.assert_close(method.predictions, before)


def test_what_is_remembered_carries_no_gradient() -> None:
    method = _method()
    logits = torch.randn(3, 4).requires_grad_()
    method(_seen(0, [0, 1, 2], logits))
    assert not method.predictions.requires_grad
    again = torch.randn(3, 4).requires_grad_()
    torch.autograd.backward(method(_seen(1, [0, 1, 2], again)))
    assert logits.grad is None
    assert again.grad is not None


def test_derivative_agrees_with_finite_differences() -> None:
    method = _method().double()
    torch.nn.init.uniform_(method.predictions, 0.1, 0.9)

    def loss(logits: Tensor) -> Tensor:
        # Each call remembers, so each one starts from the same memory.
        return copy.deepcopy(method).forward(_seen(2, [0, 3, 5], logits))

    logits = torch.randn(3, 4, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(loss, logits)


def test_share_is_that_of_the_epoch_at_each_of_its_steps() -> None:
    n_epochs, n_steps = 300, 391
    steps = torch.arange(n_epochs * n_steps)
    found = _method(n_epochs=n_epochs).share(steps / (n_epochs * n_steps))
    expected = 0.8 * (steps // n_steps + 1) / n_epochs
    torch.testing.assert_close(found, expected)
    assert found[-1].item() == pytest.approx(0.8)


def test_no_weight_at_the_end_is_hard_labels_throughout() -> None:
    method = _method(final_weight=0.0)
    for epoch in range(N_EPOCHS):
        logits = torch.randn(8, 4)
        found = method(_seen(epoch, list(range(8)), logits))
        torch.testing.assert_close(found, hard_loss(logits, LABELS))


def test_memory_is_part_of_the_state() -> None:
    method, other = _method(), _method()
    method(_seen(0, [0, 1, 2], torch.randn(3, 4)))
    other.load_state_dict(method.state_dict())
    logits = torch.randn(3, 4)
    assert method(_seen(1, [0, 1, 2], logits)) == other(_seen(1, [0, 1, 2], logits))


def test_nothing_is_decided_on_the_host() -> None:
    # A tensor without data refuses to be read.
    method, logits = _method().to("meta"), torch.zeros(3, 4, device="meta")
    rows, progress = torch.arange(3, device="meta"), torch.zeros((), device="meta")
    assert method(Seen(logits, rows, indices=rows, progress=progress)).is_meta


def test_images_that_nobody_names_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"image indices of shape \(batch,\) are needed"):
        _method()(Seen(torch.zeros(8, 4), LABELS))


def test_labels_that_are_probabilities_are_refused() -> None:
    seen = Seen(torch.zeros(2, 4), torch.full((2, 4), 0.25), indices=torch.arange(2))
    with pytest.raises(ShapeError, match="class indices"):
        _method()(seen)
