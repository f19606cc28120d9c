"""Method ``feed``: the student's last map, translated, points where the teacher's does.

The translator is on the student's side, so that what it learns to undo need not be learned by the
student, and it is dropped after training. The source has one for each of several teachers; a
study's further teachers are known by their logits alone, so there is one here.
"""

from torch import Tensor, nn

from autokd.distill.losses.kd import kd
from autokd.distill.losses.map_terms import channel_pairs, map_pairs, unit_rows
from autokd.distill.losses.seen import Seen, Setting

__all__ = ["Feed"]


class Feed(nn.Module):
    """Absolute distance of two maps of length 1, the student's through three convolutions.

    Args:
        setting: Gives the maps' channels.
        weight: Of the distance, >= 0. The published beta is not known to us: the default is ours.
        temperature: Softening of the soft targets, > 0.
        soft_weight: Weight of the soft targets, in [0, 1]; the hard labels get the rest.

    Raises:
        ShapeError: If the setting has no maps, or not as many of student and teacher.

    Source: Park and Kwak 2019, arXiv:1909.10754, the loss of pFEED with one teacher; its NTL is
        ``translator``. Between its 3 x 3 convolutions stand leaky rectifiers of slope 0.1, which
        is ours: what stands there is not known to us.
    """

    def __init__(
        self, setting: Setting, *, weight: float, temperature: float, soft_weight: float
    ) -> None:
        super().__init__()
        self._weight = weight
        self._soft = {"temperature": temperature, "soft_weight": soft_weight}
        student, teacher = channel_pairs(setting)[-1]
        self.translator = nn.Sequential(
            nn.Conv2d(student, teacher, kernel_size=3, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(teacher, teacher, kernel_size=3, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(teacher, teacher, kernel_size=3, padding=1),
        )

    def forward(self, seen: Seen) -> Tensor:
        """Compute the loss.

        Args:
            seen: The batch, with maps; the last ones are compared.

        Returns:
            Labels and soft targets, plus the weighted distance: the sum over channels and pixels
            of absolute differences, mean over the batch, shape ``()``. Each map has length 1 as a
            whole, so the sum grows with the root of their number.

        Raises:
            ShapeError: If there are no teacher logits, or no matching maps.
        """
        student, teacher = map_pairs(seen)[-1]
        student = unit_rows(self.translator(student).flatten(1))
        distance = (student - unit_rows(teacher.flatten(1))).abs().sum(dim=1).mean()
        return kd(seen, **self._soft) + self._weight * distance
