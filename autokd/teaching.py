"""The tables of a study file that say who teaches: teachers, assistants, and their maps.

Whether the study's methods have in them what they need is checked in `autokd.requirements`.
"""

import re
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from autokd.checking import Checked, Sourced, illegal, nearest

__all__ = ["ZOO", "ZOO_DEPTHS", "AssistantSpec", "Features", "Source", "TeacherSpec", "zoo_depth"]

Source = Literal["zoo", "checkpoint", "torchvision", "module", "probabilities"]
"""Where a teacher can come from."""

ZOO = tuple(f"resnet{depth}" for depth in (8, 14, 20, 32, 44, 56, 110))
"""Names of the zoo that are offered; any other depth of the same form works too."""

ZOO_DEPTHS = range(8, 111, 6)
"""Layers with weights that a network of the zoo can have: 6n + 2."""

_NETWORKS: tuple[Source, ...] = ("zoo", "checkpoint", "torchvision", "module")
"""Sources that have more than answers."""

_PositiveInt = Annotated[int, Field(ge=1)]
_PositiveFloat = Annotated[float, Field(gt=0)]


def zoo_depth(name: str) -> int | None:
    """Read the depth of a network of the zoo from its name.

    Args:
        name: ``resnet20``.

    Returns:
        Layers with weights, 6n + 2, in [8, 110]; None if the zoo has no such network.
    """
    found = re.fullmatch(r"resnet(\d+)", name)
    return int(found[1]) if found and int(found[1]) in ZOO_DEPTHS else None


class TeacherSpec(Sourced):
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
        mean: Mean by which the teacher's images are normalised, on the [0, 1] scale, one number a
            channel; None means that of the training images, for ``torchvision`` that of the
            published weights, and for ``module`` that the network does it by itself.
        std: Standard deviation, as ``mean``.
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
    read_by: ClassVar = {
        "model": _NETWORKS,
        "weights": ("torchvision",),
        "file": ("checkpoint", "probabilities"),
        "key_prefix": ("checkpoint",),
        "mean": _NETWORKS,
        "std": _NETWORKS,
        "epochs": ("zoo",),
        "stop_fraction": ("zoo",),
        "learning_rate": ("zoo",),
        "seed": ("zoo",),
        "saw_validation": ("checkpoint", "torchvision", "module", "probabilities"),
    }

    source: Source
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
        if self.source == "zoo":
            _check_zoo(str(self.model))
        if self.source == "checkpoint" and ":" not in str(self.model):
            _check_zoo(str(self.model), other="'package.module:function'")
        return self

    def quick(self) -> "TeacherSpec":
        """Shorten what takes long.

        Returns:
            The same teacher, trained for one epoch if the study trains it, however bad it is.
        """
        epochs = 1 if self.source == "zoo" else self.epochs
        return self.model_copy(update={"epochs": epochs, "min_top1": 0.0})

    @property
    def is_of_zoo(self) -> bool:
        """Whether its network is one of the zoo's, which the study trains or fills from a file."""
        return self.source in ("zoo", "checkpoint") and zoo_depth(str(self.model)) is not None


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

    @model_validator(mode="after")
    def _is_of_zoo(self) -> Self:
        _check_zoo(self.model)
        return self


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


def _check_zoo(model: str, *, other: str = "") -> None:
    if zoo_depth(model) is None:
        legal = f"one of {list(ZOO)}" + (f" or {other}" if other else "")
        raise illegal("model", f"must be {legal}, found {model!r}{nearest(model, ZOO)}")
