"""The tables of a study file that say who teaches: teachers, assistants, and their maps.

Whether the study's methods have in them what they need is checked in `autokd.requirements`.
"""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from autokd.checking import Checked, illegal

__all__ = ["AssistantSpec", "Features", "TeacherSpec"]

_PositiveInt = Annotated[int, Field(ge=1)]
_PositiveFloat = Annotated[float, Field(gt=0)]


class TeacherSpec(Checked):
    """Where a teacher comes from.

    Attributes:
        source: ``zoo`` (trained by the study), ``checkpoint`` (weights from a file),
            ``torchvision``, ``module`` for a module given in Python, or ``probabilities`` for a
            network that nobody can ask: its answers to all images are in a file.
        model: A zoo model such as ``resnet20``, a torchvision name, or
            ``"package.module:function"`` that returns a module; not for probabilities.
        weights: torchvision weights by name, ``IMAGENET1K_V1``, or ``DEFAULT``.
        file: Relative to ``--data`` or else to the current folder. A checkpoint: safetensors, or a
            PyTorch file. Probabilities: npz with the array ``train``, and ``test`` where the data
            source has test images of its own, float, ``(n, classes)``, rows in the data source's
            own order before any cut.
        key_prefix: Stripped from every key of the checkpoint, ``module.``.
        mean: Normalisation of a published teacher, one number a channel; None computes it from the
            training images.
        std: As ``mean``.
        epochs: Epochs when the study trains it.
        stop_fraction: Share of these epochs after which its training stops early, in (0, 1]; the
            learning rate is still that of all epochs.
        learning_rate: Peak learning rate when the study trains it.
        seed: Seed of its weights and batches; it stays when the study's seed changes.
        min_top1: A teacher below this validation top1 is refused, in [0, 1].
        saw_validation: Whether a teacher from elsewhere was trained on the images that validation
            is cut from.
    """

    later: ClassVar = frozenset({"stop_fraction"})

    source: Literal["zoo", "checkpoint", "torchvision", "module", "probabilities"]
    model: str | None = None
    weights: str | None = None
    file: str | None = None
    key_prefix: str = ""
    mean: Annotated[tuple[float, ...], Field(strict=False)] | None = None
    std: Annotated[tuple[_PositiveFloat, ...], Field(strict=False)] | None = None
    epochs: _PositiveInt = 30
    stop_fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    learning_rate: _PositiveFloat = 0.1
    seed: int = 0
    min_top1: Annotated[float, Field(ge=0, le=1)] = 0.0
    saw_validation: bool = False

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.source not in ("module", "probabilities") and self.model is None:
            raise illegal("model", f"is missing: source {self.source!r} needs one")
        if self.source in ("checkpoint", "probabilities") and self.file is None:
            raise illegal("file", f"is missing: source {self.source!r} needs one")
        if len(self.mean or ()) != len(self.std or ()):
            found = f"{list(self.mean or ())} and {list(self.std or ())}"
            raise illegal("mean", f"must have a number for each channel as std has, found {found}")
        if self.source != "zoo" and self.stop_fraction != 1:
            trained = f"source {self.source!r}, which the study does not train"
            raise illegal("stop_fraction", f"must be 1 for {trained}, found {self.stop_fraction}")
        return self


class AssistantSpec(Checked):
    """A network between teacher and student in size, which the study distils once and keeps.

    Attributes:
        model: A zoo model such as ``resnet14``.
        epochs: Epochs of its training.
        learning_rate: Peak learning rate.
        seed: Seed of its weights and batches; it stays when the study's seed changes.
        temperature: Softening in its own distillation, in [0.1, 100].
        soft_weight: Weight of the soft targets in its own distillation, in [0, 1].
        taught_by: ``teacher``, or ``previous``: the assistant before it, the first one by the
            teacher.
    """

    model: str
    epochs: _PositiveInt = 30
    learning_rate: _PositiveFloat = 0.1
    seed: int = 0
    temperature: Annotated[float, Field(ge=0.1, le=100)] = 4.0
    soft_weight: Annotated[float, Field(ge=0, le=1)] = 0.9
    taught_by: Literal["teacher", "previous"] = "previous"


class Features(Checked):
    """Which maps of the teacher are compared with the student's, and how they are kept.

    Attributes:
        hints: ``stages``: the last map of each of the teacher's resolutions. ``clustered``: the
            centres of its layers' clusters, by how alike they answer.
        clusters: Centres, where they are clustered, in [1, 10].
        table_gb: Largest table of maps, 10^9 bytes, >= 0; where more would be needed, the teacher
            itself answers at every step.
    """

    hints: Literal["stages", "clustered"] = "stages"
    clusters: Annotated[int, Field(ge=1, le=10)] = 3
    table_gb: Annotated[float, Field(ge=0)] = 2.0
