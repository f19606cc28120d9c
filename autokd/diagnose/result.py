"""All that a diagnosis found, and what it was found on."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import autokd
from autokd.diagnose.angles import Angles
from autokd.diagnose.geometry import Separation
from autokd.diagnose.meaning import MEANINGS
from autokd.diagnose.transfer import Transfer
from autokd.parameters import Point

__all__ = ["Diagnosis"]

_FORMAT = 1


@dataclass(frozen=True, slots=True, eq=False)
class Diagnosis:
    """What was measured on a run; a part that was not asked for is None.

    Attributes:
        run: Name of the run folder.
        title: The study's title.
        trial: Slot of the student.
        point: Its point.
        teacher: Facts about the teacher: name, top1, whether it saw the validation images.
        device: Where students were trained.
        n_train: Training images.
        n_validation: Validation images, which everything is measured on.
        class_names: Names by class index.
        transfer: Risk over shares of the training images.
        separation: How far apart the classes are in the teacher's features.
        angles: How narrowly the teacher decides.
    """

    run: str
    title: str
    trial: int
    point: Point
    teacher: Mapping[str, Any]
    device: str
    n_train: int
    n_validation: int
    class_names: tuple[str, ...]
    transfer: Transfer | None = None
    separation: Separation | None = None
    angles: Angles | None = None

    def as_dict(self) -> dict[str, Any]:
        """Give all numbers as JSON can hold them, each quantity with what it means.

        Returns:
            Every attribute under its name; numbers that are not finite are None.
        """
        parts = {
            "transfer": self.transfer,
            "separation": self.separation,
            "angles": self.angles,
        }
        found: dict[str, Any] = {
            "format": _FORMAT,
            "autokd": autokd.__version__,
            "run": self.run,
            "title": self.title,
            "trial": self.trial,
            "point": dict(self.point),
            "teacher": dict(self.teacher),
            "device": self.device,
            "n_train": self.n_train,
            "n_validation": self.n_validation,
            "class_names": list(self.class_names),
            **{name: part and part.as_dict() for name, part in parts.items()},
            "meaning": {name: asdict(meaning) for name, meaning in MEANINGS.items()},
        }
        finite: dict[str, Any] = _finite(found)
        return finite


def _finite(value: Any) -> Any:
    match value:
        case dict():
            return {key: _finite(each) for key, each in value.items()}
        case list() | tuple():
            return [_finite(each) for each in value]
        case float() if not math.isfinite(value):
            return None
    return value
