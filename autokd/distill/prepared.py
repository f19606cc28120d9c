"""A study that is ready for its first trial: images, and what those who teach answer.

The networks that teach are not part of it: trials read their answers only, and of the teacher the
maps that methods compare.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from autokd.data import Dataset
from autokd.distill.answers import Answers
from autokd.distill.device import Precision
from autokd.distill.losses.seen import Setting, Tuning
from autokd.distill.maps import LiveMaps, MapTable
from autokd.distill.outputs import TeacherOutputs, are_alike
from autokd.distill.source import TrainingSource
from autokd.distill.stages import student_stages
from autokd.distill.taps import paired
from autokd.errors import DefinitionError
from autokd.graphs import InputShape
from autokd.methods import settle
from autokd.parameters import Point
from autokd.students import Student, build
from autokd.study import StudySpec

__all__ = ["PreparedStudy", "TeacherFacts"]


@dataclass(frozen=True, slots=True)
class TeacherFacts:
    """What is known of a network that teaches.

    Attributes:
        name: A zoo or torchvision name, a function, the class of a module given in Python, or the
            file of probabilities.
        params: Weights, count; None where nobody knows.
        top1: On validation, in [0, 1].
        test_top1: On test, in [0, 1]; nothing is chosen by it.
        saw_validation: Whether it was trained on the validation images too, so that `top1` is
            optimistic.
        digest: SHA-256 of its weights, or of its answers where there is nothing else.
        trained_s: Seconds that its training took, in this study or an earlier one; None where it
            was trained elsewhere, or nobody noted it.
        answers: Some of its logits for validation images, by which a module is known again whose
            code has changed and whose weights have not; None where the digest is of its answers,
            or nobody noted any.
    """

    name: str
    params: int | None
    top1: float
    test_top1: float
    saw_validation: bool
    digest: str
    trained_s: float | None = None
    answers: Sequence[float] | None = None

    @property
    def size(self) -> str:
        """Its size in words."""
        return "unknown size" if self.params is None else f"{self.params:,} params"

    def changed_since(self, noted: Mapping[str, Any], *, same_images: bool = True) -> str:
        """Say in what it is another network than an earlier one.

        Args:
            noted: What `as_dict` gave of that one.
            same_images: Whether both were asked about the same ones; what they answer to others
                is not compared.

        Returns:
            ``weights`` or ``answers``; empty where it is the same.
        """
        if self.digest != noted["digest"]:
            return "weights"
        # Runs that were begun before answers were noted have none.
        earlier = noted.get("answers")
        if self.answers is None or earlier is None or not same_images:
            return ""
        return "" if are_alike(torch.tensor(self.answers), torch.tensor(earlier)) else "answers"

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
        more: What the networks under ``[[teachers]]`` answer; empty where no method reads it.
        assistants: The same for ``[[assistants]]``.
        more_facts: About the networks of `more`.
        assistant_facts: About the networks of `assistants`.
        maps: The teacher's maps, or None where no method reads them.
    """

    spec: StudySpec
    dataset: Dataset
    outputs: TeacherOutputs
    facts: TeacherFacts
    device: torch.device
    folder: Path | None = None
    precision: Precision = "float32"
    more: tuple[TeacherOutputs, ...] = ()
    assistants: tuple[TeacherOutputs, ...] = ()
    more_facts: tuple[TeacherFacts, ...] = ()
    assistant_facts: tuple[TeacherFacts, ...] = ()
    maps: LiveMaps | MapTable | None = None

    @property
    def shape(self) -> InputShape:
        """What students read and answer."""
        return self.dataset.shape

    @property
    def assistants_s(self) -> float:
        """Seconds that the training of the assistants took, in this study or an earlier one."""
        return sum(facts.trained_s or 0.0 for facts in self.assistant_facts)

    def covers(self, n_views: int) -> bool:
        """Say whether as many views can be trained on.

        Args:
            n_views: Views, counted from 0, >= 1.

        Returns:
            True if every network that teaches has answered them all, maps included.
        """
        networks = (self.outputs, *self.more, *self.assistants)
        has_maps = self.maps is None or self.maps.covers(n_views)
        return has_maps and all(outputs.covers(n_views) for outputs in networks)

    def source(self, point: Point, *, first_view: int = 0) -> TrainingSource:
        """Give what a student is trained on.

        Args:
            point: The student's point: what its method reads, and which views the teacher sees.
            first_view: View of the first epoch, >= 0.

        Returns:
            Training images with the answers that the method needs.

        Raises:
            DefinitionError: If the point names a method that is not there.
        """
        method, values = settle(point)
        needs, role = method.needs, str(values.get("teacher_views", "same"))
        return TrainingSource(
            self.dataset.train,
            self.spec.views,
            self.outputs.tables()[role] if needs.teacher else None,
            first_view=first_view,
            more=_answers(self.more, role) if needs.teachers else (),
            assistants=_answers(self.assistants, role) if needs.assistants else (),
            maps=self.maps if needs.features else None,
            num_classes=self.shape.num_classes,
            trained_on=self.device,
        )

    def setting(
        self,
        student: nn.Module,
        point: Point,
        *,
        seed: int,
        n_epochs: int | None = None,
        peer: Callable[[int], nn.Module] | None = None,
    ) -> Setting:
        """Give what a student's method may know when it is made.

        Args:
            student: The student, on the study's device.
            point: Its point.
            seed: Of whatever the method draws.
            n_epochs: Epochs of the whole training, >= 1; None means those of the top rung.
            peer: Makes another untrained network like the student, on the CPU, from a seed; None
                builds it from the student's graph.

        Returns:
            The setting; of other networks and of held-out images only what the method needs.

        Raises:
            DefinitionError: If the point names a method that is not there.
        """
        needs = settle(point)[0].needs
        device, make = self.device, peer or self._peers(student)
        ours, theirs = self._channels(student) if needs.features else ((), ())
        return Setting(
            num_classes=self.shape.num_classes,
            labels=self.dataset.train.labels.to(device),
            n_epochs=n_epochs or self.spec.fidelity.ladder.rungs[-1],
            student=student,
            peer=lambda seed: make(seed).to(device),
            seed=seed,
            teachers=len(self.more) if needs.teachers else 0,
            assistants=len(self.assistants) if needs.assistants else 0,
            student_channels=ours,
            teacher_channels=theirs,
            tuning=self._tuning() if needs.tuning else None,
        )

    def _channels(self, student: nn.Module) -> tuple[tuple[int, ...], tuple[int, ...]]:
        assert self.maps is not None  # prepared, since a method of the study needs them
        stages = student_stages(student, self.shape, device=self.device)
        return paired([stage.channels for stage in stages], self.maps.channels)

    def _peers(self, student: nn.Module) -> Callable[[int], nn.Module]:
        shape, dataset = self.shape, self.dataset

        def make(seed: int) -> nn.Module:
            if not isinstance(student, Student):
                raise DefinitionError(
                    "the method needs another network like the student, which has no graph to "
                    "build it from: `peer` must make it"
                )
            return build(student.graph, shape, mean=dataset.mean, std=dataset.std, seed=seed)

        return make

    def _tuning(self) -> Tuning:
        split, device = self.dataset.tuning, self.device
        assert split is not None  # cut, since a method of the study needs it
        return Tuning(
            split.to(device),
            _tuned(self.outputs).to(device),
            _stacked(self.more, len(split), self.shape.num_classes).to(device),
            _stacked(self.assistants, len(split), self.shape.num_classes).to(device),
        )


def _answers(networks: Sequence[TeacherOutputs], role: str) -> tuple[Answers, ...]:
    return tuple(outputs.tables()[role] for outputs in networks)


def _tuned(outputs: TeacherOutputs) -> Tensor:
    assert outputs.tuning is not None  # worked out wherever there are tuning images
    return outputs.tuning


def _stacked(networks: Sequence[TeacherOutputs], n_images: int, num_classes: int) -> Tensor:
    found = [_tuned(outputs) for outputs in networks]
    return torch.stack(found, dim=1) if found else torch.empty(n_images, 0, num_classes)
