"""What a distillation method gets to see: once when it is made, and then at every step.

This is the whole protocol between methods and the trainer. A method without a memory is a function
``loss(seen, **parameters)``; one that learns or remembers is a `torch.nn.Module` made as
``Loss(setting, **parameters)``, whose parameters the student's optimizer trains, and whose
parameters and buffers are its state. Both give a tensor of shape ``()``. Fields that a method does
not need are empty.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from autokd.data import Split
from autokd.distill.losses.shapes import check_same

__all__ = ["Loss", "Seen", "Setting", "Tuning", "standardised"]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One batch, as a method sees it.

    Attributes:
        student_logits: float32, ``(batch, classes)``; carries gradients.
        labels: Class indices, int64, ``(batch,)``; of mixed views class probabilities, float32,
            ``(batch, classes)``.
        teacher_logits: float32, ``(batch, classes)``, or None without a teacher.
        images: On the [0, 1] scale, float32, ``(batch, channels, size, size)``; None where a test
            has none.
        indices: Which training images these are, int64, ``(batch,)``.
        more_logits: Logits of the networks under ``[[teachers]]``, float32, ``(batch, teachers,
            classes)``; the study's teacher is not among them.
        assistant_logits: Logits of the networks under ``[[assistants]]``, in their order, float32,
            ``(batch, assistants, classes)``.
        student_maps: The student's maps at the ends of its stages, highest resolution first, each
            float32 ``(batch, channels, height, width)``; carry gradients.
        teacher_maps: The teacher's maps at as many places, highest resolution first; resolutions
            and channels may differ from the student's. Of the teacher, without gradients.
        progress: Share of the top rung's steps that are done, float32, ``()``, in [0, 1); on the
            device, so that a recorded step can be replayed with another one.
        standardises: Whether logits are standardised before they are compared.
    """

    student_logits: Tensor
    labels: Tensor
    teacher_logits: Tensor | None = None
    images: Tensor | None = None
    indices: Tensor | None = None
    more_logits: Tensor | None = None
    assistant_logits: Tensor | None = None
    student_maps: tuple[Tensor, ...] = ()
    teacher_maps: tuple[Tensor, ...] = ()
    progress: Tensor = field(default_factory=lambda: torch.zeros(()))
    standardises: bool = False

    def pair(self) -> tuple[Tensor, Tensor]:
        """Give the logits to be compared.

        Returns:
            Student and teacher logits, ``(batch, classes)`` both, standardised if the point says
            so; the teacher's without gradients.

        Raises:
            ShapeError: If there are no teacher logits, or their shape differs.
        """
        teacher = check_same(self.student_logits, self.teacher_logits).detach()
        student, teacher = self.student_logits, teacher.to(self.student_logits.dtype)
        if self.standardises:
            return standardised(student), standardised(teacher)
        return student, teacher


@dataclass(frozen=True, slots=True, eq=False)
class Tuning:
    """Held-out images for methods that learn from them; never the validation images.

    Attributes:
        split: Images, uint8, and labels, on the device.
        teacher_logits: float32, ``(n, classes)``.
        more_logits: float32, ``(n, teachers, classes)``.
        assistant_logits: float32, ``(n, assistants, classes)``.
    """

    split: Split
    teacher_logits: Tensor
    more_logits: Tensor
    assistant_logits: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What a method may know when it is made.

    Attributes:
        num_classes: Classes, >= 2.
        labels: Labels of all training images, int64, ``(n,)``, on the device.
        n_epochs: Epochs of the top rung, >= 1.
        student: The student that is trained; a method must not change it.
        peer: Makes another untrained network of the student's architecture, on the device, from a
            seed.
        seed: Of whatever the method draws.
        teachers: Networks under ``[[teachers]]``.
        assistants: Networks under ``[[assistants]]``.
        student_channels: Channels of `Seen.student_maps`.
        teacher_channels: Channels of `Seen.teacher_maps`.
        tuning: Held-out images, where the method needs them.
    """

    num_classes: int
    labels: Tensor
    n_epochs: int
    student: nn.Module
    peer: Callable[[int], nn.Module]
    seed: int = 0
    teachers: int = 0
    assistants: int = 0
    student_channels: tuple[int, ...] = ()
    teacher_channels: tuple[int, ...] = ()
    tuning: Tuning | None = None


Loss = Callable[[Seen], Tensor]
"""A method with its parameters filled in."""


def standardised(logits: Tensor) -> Tensor:
    """Bring each row of logits to mean 0 and standard deviation 1.

    Args:
        logits: ``(batch, classes)``.

    Returns:
        The same shape; a constant row becomes 0.

    Source: Sun et al. 2024, arXiv:2403.01276, algorithm 1; its base temperature is a method's
        temperature.
    """
    centred = logits - logits.mean(dim=1, keepdim=True)
    # Inside the root, so that a constant row has a gradient too.
    return centred * (centred.square().mean(dim=1, keepdim=True) + 1e-12).rsqrt()
