"""How narrowly a teacher decides: the angle between an image's features and the decision.

A linear layer decides between its first two classes by a plane through the features. Phuong and
Lampert's teachers have planes through the origin; a bias moves this one away, so the origin is
moved along, to the foot of the perpendicular from the old origin to the plane. What is measured is
the angle between the features, seen from there, and the plane: 0 degrees on the plane, 90 on its
normal. Without a bias the origin stays. The angle does not change when features are scaled and
weights inversely, which leaves the network the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from autokd.diagnose.head import LinearHead
from autokd.errors import TeacherError

__all__ = [
    "CLOSE_DEGREES",
    "Angles",
    "Bin",
    "agreement_by_angle",
    "boundary_angles",
    "measure_angles",
]

CLOSE_DEGREES = 10.0
"""Angles below count as close to the decision. Ours; the curve of `Angles.tail` has all others."""

_N_BINS = 5


@dataclass(frozen=True, slots=True)
class Bin:
    """Images of similar angle.

    Attributes:
        low: Smallest angle, degrees.
        high: Largest angle, degrees.
        n_images: Images.
        agreements: Share of them on which a student says what the teacher says, by student.
    """

    low: float
    high: float
    n_images: int
    agreements: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Angles:
    """How narrowly a teacher decides on each validation image.

    Attributes:
        angles: Degrees in [0, 90], by image: 0 on the plane between its first two classes.
        bins: As many images in each, smallest angles first; empty where no student was trained.
    """

    angles: tuple[float, ...]
    bins: tuple[Bin, ...] = ()

    @property
    def is_close(self) -> float:
        """Share of images with an angle below `CLOSE_DEGREES`, in [0, 1]."""
        return fmean(angle < CLOSE_DEGREES for angle in self.angles)

    @property
    def median(self) -> float:
        """Median angle, degrees; of an even number the lower of the two."""
        return sorted(self.angles)[(len(self.angles) - 1) // 2]

    def tail(self, degrees: Sequence[float]) -> list[float]:
        """Say how many images are far from the decision's normal.

        Args:
            degrees: Angles to the normal, each in [0, 90].

        Returns:
            For each the share of images whose angle to the normal is at least as large: 1 at 0.

        Source: Phuong and Lampert 2019, arXiv:2105.13093: p(theta), the probability that the angle
            between an image and the teacher's weights is theta or more.
        """
        return [fmean(90 - angle >= each for angle in self.angles) for each in degrees]

    def as_dict(self) -> dict[str, Any]:
        """Give the numbers as JSON can hold them.

        Returns:
            Angles, p(theta) by whole degrees, what is close, and agreement by bin.
        """
        return {
            "angles_degrees": [round(angle, 4) for angle in self.angles],
            "median_degrees": self.median,
            "close_degrees": CLOSE_DEGREES,
            "is_close": self.is_close,
            "p_theta": self.tail(range(91)),
            "bins": [
                {
                    "low_degrees": each.low,
                    "high_degrees": each.high,
                    "n_images": each.n_images,
                    "agreements": list(each.agreements),
                }
                for each in self.bins
            ],
        }


def measure_angles(head: LinearHead, agrees: Tensor | None = None) -> Angles:
    """Measure how narrowly a teacher decides, and whether students differ there.

    Args:
        head: The teacher's last layer, and the features of the validation images.
        agrees: Whether each student says what the teacher says, bool, ``(students, n)``; None
            where there are none.

    Returns:
        The angles.

    Raises:
        TeacherError: If the first two classes of an image have the same weights.
    """
    angles = boundary_angles(head)
    bins = () if agrees is None else agreement_by_angle(angles, agrees)
    return Angles(tuple(angles.tolist()), bins)


def boundary_angles(head: LinearHead) -> Tensor:
    """Measure the angle between features and the plane that decides about them.

    With the weights' difference w and the biases' difference c of the first two classes, the plane
    is ``w x + c = 0``, its foot ``-c w / |w|^2``, and the angle of features x is ``arcsin((w x +
    c) / (|w| |x - foot|))``. Features on the foot are on the plane, at 0 degrees.

    Args:
        head: The last layer, and features, ``(n, features)``.

    Returns:
        Degrees in [0, 90], float64, ``(n,)``.

    Raises:
        TeacherError: If the first two classes of an image have the same weights.
    """
    x, weight, bias = head.features.double(), head.weight.double(), head.bias.double()
    first, second = (x @ weight.T + bias).topk(2, dim=1).indices.T
    w, c = weight[first] - weight[second], bias[first] - bias[second]
    length = w.norm(dim=1)
    if bool((length == 0).any()):
        at = int((length == 0).nonzero()[0])
        raise TeacherError(
            f"classes {int(first[at])} and {int(second[at])} have the same weights in the "
            "teacher's last layer: there is no plane between them"
        )
    height = ((w * x).sum(dim=1) + c) / length
    reach = (x + (c / length.square())[:, None] * w).norm(dim=1)
    sine = torch.where(reach > 0, height / reach, 0.0)
    return sine.clamp(0, 1).arcsin().rad2deg()  # only rounding takes a sine out of [0, 1]


def agreement_by_angle(
    angles: Tensor, agrees: Tensor, *, n_bins: int = _N_BINS
) -> tuple[Bin, ...]:
    """Compare students with the teacher where it decides narrowly, and where it does not.

    Args:
        angles: Degrees, ``(n,)``, n >= 1.
        agrees: Whether each student says what the teacher says, bool, ``(students, n)``.
        n_bins: Bins, >= 1; they hold the same number of images, give or take one. There are no
            more than images.

    Returns:
        The bins, smallest angles first.
    """
    parts = angles.argsort(stable=True).tensor_split(min(n_bins, len(angles)))
    return tuple(
        Bin(
            float(angles[part].min()),
            float(angles[part].max()),
            len(part),
            tuple(agrees[:, part].double().mean(dim=1).tolist()),
        )
        for part in parts
    )
