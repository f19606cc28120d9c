"""Method ``fitnet``: the student's maps, linearly translated, imitate the teacher's.

Only the regressors are learned, one for each place; they are dropped after training. The source
trains up to one hint first and distils afterwards; here, as in later comparisons, the term stands
beside the labels all the time. Those use one hint; we average over all places, so that the weight
means the same however many there are. As theirs, our regressors end in batch normalisation:
without it a weight of 100 makes their training unstable at usual learning rates.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from autokd.distill.losses.kd import kd
from autokd.distill.losses.map_layers import Standardised
from autokd.distill.losses.map_terms import channel_pairs, map_pairs
from autokd.distill.losses.seen import Seen, Setting

__all__ = ["Fitnet"]


class Fitnet(nn.Module):
    """Squared distance of the student's maps, through regressors, from the teacher's.

    Args:
        setting: Gives the maps' channels.
        weight: Of the distance, >= 0; 100 in published comparisons with one hint.
        temperature: Softening of the soft targets, > 0.
        soft_weight: Weight of the soft targets, in [0, 1]; the hard labels get the rest.

    Raises:
        ShapeError: If the setting has no maps, or not as many of student and teacher.

    Source: Romero et al. 2015, arXiv:1412.6550, equation 3, whose r is a 1 x 1 convolution with
        batch normalisation here (theirs has a larger kernel where resolutions differ; we average
        the finer map instead). No rectifier follows, since the teacher's maps may be negative.
    """

    def __init__(
        self, setting: Setting, *, weight: float, temperature: float, soft_weight: float
    ) -> None:
        super().__init__()
        self._weight = weight
        self._soft = {"temperature": temperature, "soft_weight": soft_weight}
        channels = channel_pairs(setting)
        self.regressors = nn.ModuleList(
            nn.Sequential(nn.Conv2d(*pair, kernel_size=1, bias=False), Standardised(pair[1]))
            for pair in channels
        )

    def forward(self, seen: Seen) -> Tensor:
        """Compute the loss.

        Args:
            seen: The batch, with maps.

        Returns:
            Labels and soft targets, plus the weighted mean of the squared distances over images,
            channels, pixels and places, shape ``()``.

        Raises:
            ShapeError: If there are no teacher logits, or no matching maps.
        """
        distances = [
            F.mse_loss(regressor(student), teacher)
            for regressor, (student, teacher) in zip(self.regressors, map_pairs(seen), strict=True)
        ]
        return kd(seen, **self._soft) + self._weight * torch.stack(distances).mean()
