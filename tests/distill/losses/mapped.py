"""Batches with maps, in float64, and what the tests of methods that compare maps share."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from autokd.distill.losses.kd import kd
from autokd.distill.losses.seen import Loss, Seen, Setting

__all__ = [
    "check_gradients",
    "check_plain_without_weight",
    "check_state_goes_on",
    "given_maps",
    "make_seen",
    "make_setting",
    "rotation",
    "term",
]

Shape = tuple[int, int, int]
STUDENT: tuple[Shape, ...] = ((2, 4, 4), (3, 2, 2))
TEACHER: tuple[Shape, ...] = ((4, 4, 4), (5, 2, 2))


def make_seen(
    student: Sequence[Shape] = STUDENT,
    teacher: Sequence[Shape] = TEACHER,
    *,
    batch: int = 4,
    seed: int = 0,
    scale: float = 1.0,
    dtype: torch.dtype = torch.float64,
) -> Seen:
    """Draw a batch of three classes; student and teacher maps want gradients."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)

    return Seen(
        student_logits=draw(batch, 3).requires_grad_(),
        labels=torch.arange(batch) % 3,
        teacher_logits=draw(batch, 3).requires_grad_(),
        indices=torch.arange(batch) * 2,
        student_maps=tuple((scale * draw(batch, *s)).requires_grad_() for s in student),
        teacher_maps=tuple((scale * draw(batch, *s)).requires_grad_() for s in teacher),
        progress=torch.tensor(0.5),
    )


def given_maps(student: Tensor, teacher: Tensor) -> Seen:
    """Make a batch whose only maps are these, ``(batch, channels, height, width)``."""
    seen = make_seen(batch=len(student))
    return replace(seen, student_maps=(student,), teacher_maps=(teacher,))


def make_setting(
    student: Sequence[Shape] = STUDENT, teacher: Sequence[Shape] = TEACHER, *, n_images: int = 12
) -> Setting:
    """Describe a training set of three classes."""
    return Setting(
        num_classes=3,
        labels=torch.arange(n_images) % 3,
        n_epochs=4,
        student=nn.Identity(),
        peer=lambda seed: nn.Identity(),
        student_channels=tuple(shape[0] for shape in student),
        teacher_channels=tuple(shape[0] for shape in teacher),
    )


def term(loss: Loss, seen: Seen) -> Tensor:
    """Give what a method adds to the hard labels."""
    return loss(seen) - torch.nn.functional.cross_entropy(seen.student_logits, seen.labels)


def rotation(width: int) -> Tensor:
    """Draw a rotation, ``(width, width)``."""
    matrix = torch.randn(width, width, dtype=torch.float64)
    turned: Tensor = torch.linalg.qr(matrix).Q
    return turned


def check_gradients(loss: Loss, seen: Seen) -> None:
    """Compare derivatives with finite differences: logits, student maps, learned weights."""
    learned = list(loss.parameters()) if isinstance(loss, nn.Module) else []

    def value(logits: Tensor, *others: Tensor) -> Tensor:
        maps = others[: len(seen.student_maps)]
        return loss(replace(seen, student_logits=logits, student_maps=maps))

    inputs = (seen.student_logits, *seen.student_maps, *learned)
    assert torch.autograd.gradcheck(value, inputs)
    torch.autograd.backward(loss(seen))
    reached = [weight.grad for weight in (*seen.student_maps, *learned)]
    assert any(gradient is not None and bool(gradient.any()) for gradient in reached)
    assert all(each.grad is None for each in seen.teacher_maps)
    assert seen.teacher_logits is not None
    assert seen.teacher_logits.grad is None


def check_plain_without_weight(make: Callable[..., Loss]) -> None:
    """Compare a method whose weights are 0 with plain distillation.

    Args:
        make: Makes the method from temperature and soft_weight.
    """
    seen = make_seen()
    for soft_weight in (0.0, 0.3, 1.0):
        found = make(temperature=3.0, soft_weight=soft_weight)(seen)
        torch.testing.assert_close(found, kd(seen, temperature=3.0, soft_weight=soft_weight))


def check_state_goes_on(make: Callable[[], nn.Module]) -> None:
    """Train a method, hand its state to a new one, and compare what both do from there."""
    torch.manual_seed(0)
    first, second = make().double(), make().double()
    _learn(first, seed=1)
    second.load_state_dict(first.state_dict())
    found = [[_learn(loss, seed=2), _learn(loss, seed=3)] for loss in (first, second)]
    assert found[0] == found[1]


def _learn(loss: nn.Module, *, seed: int) -> float:
    torch.manual_seed(seed)
    value: Tensor = loss(make_seen(seed=seed))
    gradients = torch.autograd.grad(value, list(loss.parameters()))
    with torch.no_grad():
        for weight, gradient in zip(loss.parameters(), gradients, strict=True):
            weight.sub_(gradient, alpha=0.1)
    return value.item()
