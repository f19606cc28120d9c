"""Method ``pskd``: no teacher but the student's own predictions of the epoch before."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from autokd.distill.losses.seen import Seen, Setting
from autokd.distill.losses.shapes import check_indices
from autokd.distill.losses.terms import hard_loss
from autokd.errors import ShapeError

__all__ = ["Pskd"]

# Progress is float32, so that the first step of epoch 7 of 10 may stand a little before 0.7. Far
# less than a step, far more than the rounding.
_ROUNDING = 1e-3


class Pskd(nn.Module):
    """Cross-entropy with labels that are mixed with the last prediction of the same image.

    In epoch e of E, counted from 1, the prediction has the share ``final_weight * e / E``. It is
    what the student said when it was trained on the image in the epoch before, of another view and
    in training mode; there is no pass of its own. Before the first one it is the label, so that
    the first epoch has hard labels.

    Attributes:
        predictions: Probabilities of every training image, float32, ``(n, classes)``: four bytes
            times images times classes on the device.

    Args:
        setting: Labels of all training images, classes and epochs.
        final_weight: Share of the predictions in the last epoch, in [0, 1].

    Source: Kim et al. 2021, arXiv:2006.12000; its alpha_T is ``final_weight``.
    """

    predictions: Tensor

    def __init__(self, setting: Setting, *, final_weight: float) -> None:
        super().__init__()
        shape = (len(setting.labels), setting.num_classes)
        unsure = torch.zeros(shape, device=setting.labels.device)
        certain = unsure.scatter_(1, setting.labels.unsqueeze(1), 1.0)
        self.register_buffer("predictions", certain)
        self._final_weight = final_weight
        self._n_epochs = setting.n_epochs

    def share(self, progress: Tensor) -> Tensor:
        """Say how much the last predictions count.

        Args:
            progress: Share of the training that is done, ``()``, in [0, 1).

        Returns:
            Share of the predictions in the targets, ``()``, in [0, ``final_weight``].
        """
        epoch = (progress * self._n_epochs + _ROUNDING).floor() + 1.0
        return self._final_weight * epoch.clamp(max=self._n_epochs) / self._n_epochs

    def forward(self, seen: Seen) -> Tensor:
        """Compute the loss, and remember what the student predicts.

        Args:
            seen: The batch; reads student logits, ``(batch, classes)``, class indices, image
                indices and progress.

        Returns:
            Mean over the batch in nats, shape ``()``.

        Raises:
            ShapeError: If the shapes do not go together, labels are probabilities, or it is not
                said which images these are.
        """
        logits, share = seen.student_logits, self.share(seen.progress)
        hard = hard_loss(logits, check_indices(logits, seen.labels))
        if seen.indices is None:
            raise ShapeError("image indices of shape (batch,) are needed, found none")
        before = self.predictions[seen.indices]
        now = logits.detach().softmax(dim=1).to(self.predictions.dtype)
        self.predictions.index_copy_(0, seen.indices, now)
        # Cross-entropy is linear in its targets, so they need not be mixed.
        return (1.0 - share) * hard + share * F.cross_entropy(logits, before.to(logits.dtype))
