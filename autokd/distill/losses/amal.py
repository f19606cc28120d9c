"""Method ``amal``: how much each image's label and soft targets count is learned on tuning images.

Every training image has a weight for its hard label and one for each teacher's soft targets. In
some epochs they are refreshed, batch by batch: the student's last layer takes a virtual step on
the weighted losses, and the weights move down the derivative of the tuning images' loss after that
step (`autokd.distill.losses.virtual_step`). Images that pull the last layer where tuning images
want it gain weight.

As in the authors' code the student is in evaluation mode for that, and the constants are theirs.
Three things are ours. They freeze the student for a pass over all images; here the pass is the
epoch itself, and the student goes on learning. Their virtual step takes three batches, here one:
an image's derivative is the same to first order, and nothing is kept between steps. Their virtual
rate is the optimizer's, which no method knows here; ours stays where theirs starts.
"""

import torch
from torch import Tensor, nn

from autokd.data import to_unit
from autokd.distill.losses.seen import Seen, Setting, Tuning
from autokd.distill.losses.several import soft_losses_of_each, teacher_logits
from autokd.distill.losses.terms import hard_losses
from autokd.distill.losses.virtual_step import LastLayer, logit_gradients, moved_weights
from autokd.errors import ShapeError

__all__ = ["Amal"]

_ROUNDING = 1e-4
"""Epochs by which the rounded progress may fall short of an epoch's first step."""


class Amal(nn.Module):
    """Hard labels and soft targets, weighted image by image with learned weights.

    Attributes:
        weights: Of each training image's hard label, and of the soft targets of the study's
            teacher and each under ``[[teachers]]``, float32, ``(n, 1 + teachers)``.
        position: Tuning image that the next refreshed batch starts from, int64, ``()``.

    Args:
        setting: Gives the student, the tuning images, and the numbers of images, epochs and
            teachers.
        temperature: Softening of both sides in the soft terms, > 0; 4 in the authors' code.
        initial_weight: First weight of each teacher's soft targets, in [0, 1]; the hard label gets
            the rest; 0.9 there.
        refresh_fraction: Share of the training from one refreshing epoch to the next, in (0, 1],
            rounded to whole epochs, at least one; never the first epoch. 10 of 200 epochs there.
        step_size: Of a step of the weights, >= 0; 1500 there, at which most weights of small
            data sets are at a limit after few refreshes; 10 leaves them in between.
        virtual_rate: Learning rate of the virtual step, > 0.
        n_tuning: Tuning images of one virtual step, >= 1, taken in turn; all where there are
            fewer. 1,000 for three batches of 128 there.
        n_inner: Steps of the weights in one refreshed batch, >= 1; 5 there.

    Raises:
        ShapeError: If the setting has no tuning images, or the student does not end in a linear
            layer with as many outputs as there are classes.

    Source: Sivasubramanian et al. 2023, arXiv:2202.03250, whose lambda is ``weights``.
    """

    weights: Tensor
    position: Tensor

    def __init__(
        self,
        setting: Setting,
        *,
        temperature: float,
        initial_weight: float,
        refresh_fraction: float,
        step_size: float,
        virtual_rate: float,
        n_tuning: int,
        n_inner: int,
    ) -> None:
        super().__init__()
        self._tuning = _tuning(setting)
        self._n_tuning = min(n_tuning, len(self._tuning.split))
        # No module, so that the student's parameters are not this one's too.
        self._last_layer = LastLayer(setting.student, num_classes=setting.num_classes)
        self._temperature = temperature
        self._n_epochs = setting.n_epochs
        self._period = max(round(refresh_fraction * setting.n_epochs), 1)
        self._step_size = step_size
        self._virtual_rate = virtual_rate
        self._n_inner = n_inner
        weights = torch.full((len(setting.labels), 2 + setting.teachers), initial_weight)
        weights[:, 0] = 1.0 - initial_weight
        self.register_buffer("weights", weights.to(setting.labels.device))
        self.register_buffer("position", torch.zeros_like(setting.labels[0]))

    def forward(self, seen: Seen) -> Tensor:
        """Compute the loss; in a refreshing epoch, with weights that are refreshed first.

        Args:
            seen: The batch; reads student and teacher logits, ``(batch, classes)``, further
                teachers' logits, ``(batch, teachers, classes)``, labels, images, indices and
                progress, the last on the host.

        Returns:
            Mean over the batch of the weighted losses in nats, shape ``()``; NaN for an empty
            batch.

        Raises:
            ShapeError: If teacher logits, images or indices are missing, or the shapes do not go
                together.
        """
        if seen.images is None or seen.indices is None:
            raise ShapeError("images and their indices are needed, found none")
        student, several = seen.student_logits, teacher_logits(seen)
        hard = hard_losses(student, seen.labels).unsqueeze(1)
        soft = soft_losses_of_each(student, several, temperature=self._temperature)
        if self.refreshes(float(seen.progress)):
            self._refresh(seen.images, seen.indices, labels=seen.labels, several=several)
        weights = self.weights[seen.indices].to(student.dtype)
        return (weights * torch.cat([hard, soft], dim=1)).sum(dim=1).mean()

    def refreshes(self, progress: float) -> bool:
        """Say whether weights are refreshed now.

        Args:
            progress: Share of the training that is done, in [0, 1).

        Returns:
            True in every ``refresh_fraction`` of the epochs but the first.
        """
        epoch = int(progress * self._n_epochs + _ROUNDING)
        return epoch > 0 and epoch % self._period == 0

    @torch.no_grad()
    def _refresh(
        self, images: Tensor, indices: Tensor, *, labels: Tensor, several: Tensor
    ) -> None:
        logits, inputs = self._last_layer(images)
        split = self._tuning.split
        rows = (self.position + torch.arange(self._n_tuning, device=indices.device)) % len(split)
        tuning_logits, tuning_inputs = self._last_layer(to_unit(split.images[rows]))
        self.weights[indices] = moved_weights(
            self.weights[indices],
            gradients=logit_gradients(logits, labels, several, temperature=self._temperature),
            inputs=inputs,
            tuning_logits=tuning_logits,
            tuning_inputs=tuning_inputs,
            tuning_labels=split.labels[rows],
            rate=self._virtual_rate,
            step_size=self._step_size,
            n_inner=self._n_inner,
        )
        self.position.add_(self._n_tuning).remainder_(len(split))


def _tuning(setting: Setting) -> Tuning:
    if setting.tuning is None or len(setting.tuning.split) == 0:
        raise ShapeError("tuning images are needed to learn the weights, found none")
    return setting.tuning
