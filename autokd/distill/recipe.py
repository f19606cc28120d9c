"""How one student is taught: the loss that its point names, and what that loss reads.

Between a study, where everything is ready, and a training, which knows nothing of points.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import nn

from autokd.distill.losses import Loss, make_loss
from autokd.distill.maps import last_maps
from autokd.distill.prepared import PreparedStudy
from autokd.distill.source import TrainingSource
from autokd.distill.stages import student_stages
from autokd.distill.taps import paired
from autokd.methods import settle
from autokd.parameters import Point

__all__ = ["Recipe", "make_recipe"]


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """What a training of one student needs besides the student.

    Attributes:
        source: Batches.
        loss: The loss.
        taps: Names of the student's parts whose outputs the loss reads.
        eager: Whether the loss decides something on the host.
    """

    source: TrainingSource
    loss: Loss
    taps: tuple[str, ...]
    eager: bool


def make_recipe(
    study: PreparedStudy,
    student: nn.Module,
    point: Point,
    *,
    seed: int,
    n_epochs: int,
    first_view: int = 0,
    peer: Callable[[int], nn.Module] | None = None,
) -> Recipe:
    """Choose what a student is taught with.

    Args:
        study: The prepared study.
        student: The student, on the study's device: built from a graph, or any network that takes
            images in [0, 1], ``(batch, channels, size, size)``, and gives logits, ``(batch,
            classes)``.
        point: Its point.
        seed: Of what the method draws.
        n_epochs: Epochs of the whole training, >= 1.
        first_view: View of the first epoch, >= 0.
        peer: Makes another untrained network like the student, on the CPU, from a seed; None
            builds it from the student's graph.

    Returns:
        The recipe.

    Raises:
        DefinitionError: If the point names a method that is not there, or one that needs a peer
            which nothing can make.
        TeacherError: If the method compares maps and the student has no layers that give any.
    """
    method, _ = settle(point)
    setting = study.setting(student, point, seed=seed, n_epochs=n_epochs, peer=peer)
    source = study.source(point, first_view=first_view)
    taps: tuple[str, ...] = ()
    if source.maps is not None:
        stages = student_stages(student, study.shape, device=study.device)
        taps, hints = paired([stage.name for stage in stages], source.maps.channels)
        source = replace(source, maps=last_maps(source.maps, len(hints)))
    return Recipe(source, make_loss(point, setting), taps, method.needs.eager)
