"""Method ``sokd``: a bridge on top of the frozen teacher learns together with the student.

The teacher stays as it is; what adapts to the student is a small network that reads one of the
teacher's inner maps, learns from labels, teacher and student, and alone teaches the student. In
the source it has the architecture of the teacher's last stage. A teacher here may be any network,
so the bridge is ours: two 3 x 3 convolutions, the first of stride 2, each with batch norm and
ReLU, then pooling and a linear layer. It runs in float32, and is dropped after training.
"""

from collections.abc import Sequence
from typing import TypeVar

from torch import Tensor, nn

from autokd.distill.losses.beside import run_beside
from autokd.distill.losses.seen import Seen, Setting
from autokd.distill.losses.shapes import check_same
from autokd.distill.losses.terms import hard_loss, soft_loss
from autokd.errors import ShapeError

__all__ = ["Sokd"]

_T = TypeVar("_T")


class Sokd(nn.Module):
    """Hard labels and the bridge for the student; hard labels, teacher and student for the bridge.

    Attributes:
        bridge: From the last but one of the teacher's maps, or its only one, to logits.

    Args:
        setting: Gives the teacher's channels and the number of classes.
        bridge_weight: Weight of the bridge as the student's teacher, >= 0.
        student_weight: Weight of the student as the bridge's teacher, >= 0.
        teacher_weight: Weight of the teacher as the bridge's teacher, >= 0.
        temperature: Softening in the divergences, > 0; 4 in the source. All weights are 1 there.

    Raises:
        ShapeError: If the setting has no maps of the teacher.

    Source: Liu et al. 2021, arXiv:2111.11747, section 3; every term's target is detached, as in
        the authors' code. There the teacher's batch norms follow the training; here they are
        frozen with the rest of it.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        bridge_weight: float,
        student_weight: float,
        teacher_weight: float,
        temperature: float,
    ) -> None:
        super().__init__()
        self._bridge_weight = bridge_weight
        self._student_weight = student_weight
        self._teacher_weight = teacher_weight
        self._temperature = temperature
        read = _last_but_one(setting.teacher_channels)
        width = setting.teacher_channels[-1]
        self.bridge = nn.Sequential(
            *_block(read, width, stride=2),
            *_block(width, width, stride=1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(width, setting.num_classes),
        )

    def forward(self, seen: Seen) -> Tensor:
        """Compute the loss of the student and of the bridge.

        Args:
            seen: The batch; reads student and teacher logits, ``(batch, classes)``, labels and
                the teacher's maps.

        Returns:
            Sum of the student's and the bridge's loss in nats, shape ``()``: neither receives
            gradients of the other's.

        Raises:
            ShapeError: If teacher logits or maps are missing, or shapes do not go together.
        """
        student, labels = seen.student_logits, seen.labels
        teacher = check_same(student, seen.teacher_logits)
        maps = _last_but_one(seen.teacher_maps).detach().float()
        bridge = run_beside(self.bridge, maps).to(student.dtype)
        to_student = hard_loss(student, labels) + self._bridge_weight * self._soft(student, bridge)
        to_bridge = (
            hard_loss(bridge, labels)
            + self._teacher_weight * self._soft(bridge, teacher)
            + self._student_weight * self._soft(bridge, student)
        )
        return to_student + to_bridge

    def _soft(self, learner: Tensor, other: Tensor) -> Tensor:
        return soft_loss(learner, other, temperature=self._temperature)


def _last_but_one(items: Sequence[_T]) -> _T:
    if not items:
        raise ShapeError("maps of the teacher are needed, found none")
    return items[max(len(items) - 2, 0)]


def _block(width: int, channels: int, *, stride: int) -> tuple[nn.Module, ...]:
    conv = nn.Conv2d(width, channels, 3, stride, padding=1, bias=False)
    return conv, nn.BatchNorm2d(channels), nn.ReLU()
