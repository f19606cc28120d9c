"""Method ``reviewkd``: what the student knows at depth is reviewed with what it saw before.

From the deepest map to the first, each place's map is fused with what came from below, and the
result imitates the teacher's map of that place. The fusions are learned along and dropped after
training. As in published code the mean of the last map over its pixels is the deepest place.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from autokd.distill.losses.kd import kd
from autokd.distill.losses.map_layers import Standardised
from autokd.distill.losses.map_terms import channel_pairs, embeddings, map_pairs
from autokd.distill.losses.options import gate
from autokd.distill.losses.seen import Seen, Setting

__all__ = ["Reviewkd", "pyramid_distance"]

_WIDEST = 512
"""Most channels that are passed from place to place, as in published code."""


class Reviewkd(nn.Module):
    """Distance of the student's fused maps from the teacher's, at several resolutions.

    Args:
        setting: Gives the maps' channels.
        weight: Of the distance, >= 0; 0.6 to 8 in published comparisons, by pair of networks.
        warmup_fraction: Share of the training over which the weight rises from 0, in [0, 1];
            20 of 240 epochs in published comparisons.
        temperature: Softening of the soft targets, > 0.
        soft_weight: Weight of the soft targets, in [0, 1]; the hard labels get the rest.

    Raises:
        ShapeError: If the setting has no maps, or not as many of student and teacher.

    Source: Chen et al. 2021, arXiv:2104.09044, section 3.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        weight: float,
        warmup_fraction: float,
        temperature: float,
        soft_weight: float,
    ) -> None:
        super().__init__()
        self._weight = weight
        self._warmup_fraction = warmup_fraction
        self._soft = {"temperature": temperature, "soft_weight": soft_weight}
        channels = channel_pairs(setting)
        deepest = channels[-1]
        width = min(_WIDEST, deepest[0])
        self.fusions = nn.ModuleList([_Fusion(*deepest, width=width, is_first=True)])
        self.fusions.extend(
            _Fusion(*pair, width=width, is_first=False) for pair in reversed(channels)
        )

    def forward(self, seen: Seen) -> Tensor:
        """Compute the loss.

        Args:
            seen: The batch, with maps.

        Returns:
            Labels and soft targets, plus the weighted sum of the distances at all places, shape
            ``()``.

        Raises:
            ShapeError: If there are no teacher logits, or no matching maps.
        """
        student, teacher = (rows[:, :, None, None] for rows in embeddings(seen))
        pairs = [(student, teacher), *reversed(map_pairs(seen))]
        passed: Tensor | None = None
        distances = []
        for fusion, (student, teacher) in zip(self.fusions, pairs, strict=True):
            reviewed, passed = fusion(student, passed)
            distances.append(pyramid_distance(reviewed, teacher))
        warm = gate(seen.progress, warm_up=self._warmup_fraction, off=1.0)
        return kd(seen, **self._soft) + self._weight * warm * torch.stack(distances).sum()


def pyramid_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Compare maps as they are, and averaged to 4 x 4, 2 x 2 and 1 x 1 regions.

    Args:
        student: ``(batch, channels, height, width)``.
        teacher: ``(batch, channels, height, width)``, of the same shape.

    Returns:
        Mean squared distances, each level with half the weight of the one before, the weights
        divided by their sum, shape ``()``. Levels that are no coarser than the maps are left out.

    Source: Chen et al. 2021, arXiv:2104.09044, section 3, hierarchical context loss; the weights
        are those of published code.
    """
    levels = [size for size in (4, 2, 1) if size < min(student.shape[2:])]
    distance, weight, total = F.mse_loss(student, teacher), 1.0, 1.0
    for size in levels:
        weight /= 2
        total += weight
        coarse, taught = (F.adaptive_avg_pool2d(each, size) for each in (student, teacher))
        distance = distance + weight * F.mse_loss(coarse, taught)
    return distance / total


class _Fusion(nn.Module):
    """One place: takes the student's map and what was passed from below."""

    def __init__(self, student: int, teacher: int, *, width: int, is_first: bool) -> None:
        super().__init__()
        self.enter = nn.Sequential(
            nn.Conv2d(student, width, kernel_size=1, bias=False), Standardised(width)
        )
        self.attend = None if is_first else nn.Conv2d(2 * width, 2, kernel_size=1)
        self.leave = nn.Sequential(
            nn.Conv2d(width, teacher, kernel_size=3, padding=1, bias=False), Standardised(teacher)
        )

    def forward(self, maps: Tensor, passed: Tensor | None) -> tuple[Tensor, Tensor]:
        """Give what imitates the teacher, and what is passed on."""
        maps = self.enter(maps)
        if self.attend is not None and passed is not None:
            passed = F.interpolate(passed, size=maps.shape[2:], mode="nearest")
            own, other = self.attend(torch.cat([maps, passed], dim=1)).sigmoid().split(1, dim=1)
            maps = maps * own + passed * other
        return self.leave(maps), maps
