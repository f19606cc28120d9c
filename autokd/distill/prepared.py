"""A study that is ready for its first trial: images, facts about the teacher, its answers.

The teacher itself is not part of it: trials read its logits only.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from autokd.data import Dataset
from autokd.distill.device import Precision
from autokd.distill.outputs import TeacherOutputs
from autokd.distill.source import TrainingSource
from autokd.graphs import InputShape
from autokd.study import StudySpec

__all__ = ["PreparedStudy", "TeacherFacts"]


@dataclass(frozen=True, slots=True)
class TeacherFacts:
    """What is known of the teacher.

    Attributes:
        name: A zoo or torchvision name, a function, or the class of a module given in Python.
        params: Weights, count.
        top1: On validation, in [0, 1].
        test_top1: On test, in [0, 1]; nothing is chosen by it.
        saw_validation: Whether it was trained on the validation images too, so that `top1` is
            optimistic.
        digest: SHA-256 of its weights.
    """

    name: str
    params: int
    top1: float
    test_top1: float
    saw_validation: bool
    digest: str

    def as_dict(self) -> dict[str, Any]:
        """Give the facts as JSON can hold them.

        Returns:
            Each attribute under its name.
        """
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class PreparedStudy:
    """A study that can be searched.

    Attributes:
        spec: The study.
        dataset: Its images, on the device or, where they do not fit there, on the CPU.
        outputs: What the teacher answers.
        facts: About the teacher.
        device: Where trials compute.
        folder: Where its arrays are kept, or None.
        precision: What students train in.
    """

    spec: StudySpec
    dataset: Dataset
    outputs: TeacherOutputs
    facts: TeacherFacts
    device: torch.device
    folder: Path | None = None
    precision: Precision = "float32"

    @property
    def shape(self) -> InputShape:
        """What students read and answer."""
        return self.dataset.shape

    def source(self, *, first_view: int = 0) -> TrainingSource:
        """Give what students are trained on.

        Args:
            first_view: View of the first epoch, >= 0.

        Returns:
            Training images with the teacher's logits.
        """
        return TrainingSource(
            self.dataset.train,
            self.spec.views,
            self.outputs.views,
            first_view=first_view,
            table_kind=self.outputs.kind,
            num_classes=self.shape.num_classes,
            trained_on=self.device,
        )
