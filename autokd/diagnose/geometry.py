"""How far apart the classes are in the features that a teacher decides by.

Each class has a centre, the mean of its images' features. The scatter ratio compares how far the
centres lie from each other with how far images lie from their centres; an image's margin compares
its distance to its own centre with that to the nearest other one. Both stay the same when features
are rotated, moved or scaled.
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from autokd.errors import ShapeError

__all__ = ["ClassSeparation", "Separation", "class_separation"]


@dataclass(frozen=True, slots=True)
class ClassSeparation:
    """How one class stands among the others.

    Attributes:
        label: Class index.
        n_images: Images, >= 1.
        spread: Root mean square distance of its images to its centre, in units of the features.
        nearest: Class whose centre is the nearest; ties go to the lower index.
        distance: From its centre to that of the nearest class, in the same units.
        margin: Mean margin of its images, in [-1, 1]; NaN where it has a single image, since an
            image is compared with the centre of the others.
        is_own: Share of its images that are nearer to its centre than to any other, in [0, 1]; NaN
            for a single image.
    """

    label: int
    n_images: int
    spread: float
    nearest: int
    distance: float
    margin: float
    is_own: float


@dataclass(frozen=True, slots=True)
class Separation:
    """How far apart all classes are.

    Attributes:
        ratio: Scatter between classes over scatter within them, >= 0; infinite where the images of
            a class are all alike, NaN where all images are.
        margin: Mean margin of all images, in [-1, 1], classes of a single image left out.
        n_features: Features, count.
        classes: Each class, by index.
    """

    ratio: float
    margin: float
    n_features: int
    classes: tuple[ClassSeparation, ...]

    def as_dict(self) -> dict[str, Any]:
        """Give the numbers as JSON can hold them, but for those that are not finite.

        Returns:
            Each attribute under its name.
        """
        return asdict(self)


def class_separation(features: Tensor, labels: Tensor, *, num_classes: int) -> Separation:
    """Measure how far apart classes are.

    The ratio is ``sum_c n_c |m_c - m|^2 / sum_i |x_i - m_c(i)|^2``, with class means m_c and the
    mean m of all images. The margin of an image is ``(b - a) / (b + a)``, where a is the distance
    to the mean of the other images of its class, and b that to the nearest mean of another class:
    1 on its own centre, 0 half-way, below 0 nearer to another one.

    Args:
        features: ``(n, features)``.
        labels: Class indices, int64, ``(n,)``; each class has at least one image.
        num_classes: Classes, >= 2.

    Returns:
        The separation.

    Raises:
        ShapeError: If a class has no image.
    """
    x, onehot = features.double().flatten(1), F.one_hot(labels, num_classes).double()
    counts = onehot.sum(dim=0)
    if not bool((counts > 0).all()):
        missing = int((counts == 0).nonzero()[0])
        raise ShapeError(f"every class needs an image, class {missing} has none")
    centres = (onehot.T @ x) / counts[:, None]
    squares = (x - centres[labels]).square().sum(dim=1)
    between = (counts * (centres - x.mean(dim=0)).square().sum(dim=1)).sum()
    margins = _margins(x, labels, centres, counts)
    known = margins[margins.isfinite()]
    return Separation(
        ratio=float(between / squares.sum()),
        margin=float(known.mean()),
        n_features=x.shape[1],
        classes=_classes(centres, squares, margins, labels),
    )


def _margins(x: Tensor, labels: Tensor, centres: Tensor, counts: Tensor) -> Tensor:
    distances = torch.stack([(x - centre).norm(dim=1) for centre in centres], dim=1)
    n = counts[labels]
    # Without the image itself, its class's mean lies n / (n - 1) times as far from it.
    own = distances.gather(1, labels[:, None])[:, 0] * n / (n - 1)
    other = distances.scatter(1, labels[:, None], torch.inf).amin(dim=1)
    margins = (other - own) / (other + own)
    margins[(other == 0) & (own == 0)] = 0.0
    margins[n == 1] = torch.nan
    return margins


def _classes(
    centres: Tensor, squares: Tensor, margins: Tensor, labels: Tensor
) -> tuple[ClassSeparation, ...]:
    apart = torch.stack([(centres - centre).norm(dim=1) for centre in centres])
    distances, nearest = apart.fill_diagonal_(torch.inf).min(dim=1)
    found = []
    for label in range(len(centres)):
        own = margins[labels == label]
        found.append(
            ClassSeparation(
                label=label,
                n_images=len(own),
                spread=float(squares[labels == label].mean().sqrt()),
                nearest=int(nearest[label]),
                distance=float(distances[label]),
                margin=float(own.mean()),
                is_own=float((own > 0).double().where(own.isfinite(), torch.nan).mean()),
            )
        )
    return tuple(found)
