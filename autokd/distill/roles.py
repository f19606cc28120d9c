"""What a teacher answers that looks at the images in a role of its own.

Such a teacher sees plainer or more strongly augmented images than the student does. Each role has
a table beside that of the students' views.
"""

from pathlib import Path
from typing import get_args

from torch import nn

from autokd.data import Dataset
from autokd.distill.answers import Answers
from autokd.distill.outputs import view_outputs
from autokd.distill.progress import Progress, silent
from autokd.domains import values
from autokd.space import SearchSpace
from autokd.views import TableKind, ViewRole, ViewsSpec

__all__ = ["role_outputs", "roles_of"]


def role_outputs(
    teacher: nn.Module,
    dataset: Dataset,
    *,
    views: ViewsSpec,
    role: ViewRole,
    n_views: int,
    folder: Path,
    progress: Progress = silent,
) -> tuple[Answers, Path]:
    """Read or work out the teacher's logits where it looks at the images in a role of its own.

    Args:
        teacher: The teacher, on the data's device.
        dataset: The images.
        views: What a view shows the students.
        role: What it shows the teacher.
        n_views: Views that are needed, >= 1.
        folder: Where they are kept, from `outputs_folder` for ``views``.
        progress: Told after each part that was worked out.

    Returns:
        The answers, and their file: a tape, or one constant part of ``(n_train, classes)`` where
        the role shows each image in one way only.

    Raises:
        RunError: If the folder cannot be written, or the disk is too small.
        TeacherError: If a logit does not fit into float16.
    """
    seen = views.seen_as(role, size=dataset.shape.size)
    is_fixed = seen.is_finite and seen.n_augmentations == 1
    kind: TableKind = "constant" if is_fixed else "tape"
    # An exhaustive table's folder serves all seeds; a tape is one seed's.
    name = role if is_fixed else f"{role}-{views.seed}"
    parts = view_outputs(
        teacher,
        dataset,
        views=seen,
        n_views=n_views,
        folder=folder,
        kind=kind,
        name=name,
        progress=progress,
    )
    return Answers(parts, kind), folder / f"{name}.npy"


def roles_of(space: SearchSpace) -> tuple[ViewRole, ...]:
    """List the roles of the teacher's own that a search space names.

    Args:
        space: The search space.

    Returns:
        What ``kd.teacher_views``, or that of one method, can be other than ``same``.
    """
    domains = [d.domain for d in space.dimensions() if d.name.endswith(".teacher_views")]
    named = {value for domain in domains for value in values(domain)}
    return tuple(role for role in get_args(ViewRole) if role in named)
