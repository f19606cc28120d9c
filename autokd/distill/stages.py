"""Where a student's maps are taken: at the ends of its stages, whatever made it.

Students of a search are built from graphs, which say where their stages end. Any other network can
be taught by the same methods, such as one that was designed by hand to compare with; its stages
are found as a teacher's are.
"""

import torch
from torch import nn

from autokd.distill.hints import stage_names
from autokd.distill.maps import Hint, hints_at
from autokd.distill.taps import student_taps
from autokd.graphs import InputShape
from autokd.students import Student

__all__ = ["student_stages"]


def student_stages(
    student: nn.Module, shape: InputShape, *, device: torch.device | str = "cpu"
) -> tuple[Hint, ...]:
    """Say where a student's stages end, and what maps it has there.

    Args:
        student: Takes images in [0, 1], ``(batch, channels, size, size)``.
        shape: What it reads.
        device: Where it is.

    Returns:
        One place for each stage, highest resolution first.

    Raises:
        TeacherError: If a network that was not built from a graph has no layers that give maps.
    """
    if isinstance(student, Student):
        names = student_taps(student.graph)
    else:
        names = stage_names(student, shape, device=device)
    return hints_at(student, names, shape, device=device)
