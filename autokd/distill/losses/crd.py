"""Method ``crd``: an image's two embeddings find each other among those of other images.

Both networks' embeddings are mapped to one space. Each side remembers where every training image
was last, and the other side's embedding of an image has to tell that image's memory from those of
images of other classes. This costs two memories of ``(images, embedding)``, and at each step
``batch * (n_negatives + 1)`` products with rows of either, hence fewer negatives than published
by default. Places are drawn on the device, from its default generator: a step can be recorded.
"""

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from autokd.distill.losses.kd import kd
from autokd.distill.losses.map_terms import channel_pairs, embeddings, unit_rows
from autokd.distill.losses.seen import Seen, Setting
from autokd.errors import ShapeError

__all__ = ["Crd", "contrast", "cosines"]

_MOMENTUM = 0.5
"""Of the memories, as in published code."""

_FEW = 16
"""Rows for each wanted one, up to which all are multiplied."""


class Crd(nn.Module):
    """Noise-contrastive estimate of which embedding belongs to an image, from both sides.

    Args:
        setting: Gives the maps' channels, and the labels of all training images.
        weight: Of the contrast, >= 0; 0.8 in published comparisons.
        contrast_temperature: Softening of cosines, > 0; 0.07 in published comparisons.
        n_negatives: Negatives for each image, >= 1, drawn with replacement; 16384 in published
            comparisons.
        embedding: Width of the common space, >= 1; 128 in published comparisons.
        temperature: Softening of the soft targets, > 0.
        soft_weight: Weight of the soft targets, in [0, 1]; the hard labels get the rest.

    Raises:
        ShapeError: If the setting has no maps, or not as many of student and teacher.

    Source: Tian et al. 2020, arXiv:1910.10699, section 3.1 and its appendix on noise-contrastive
        estimation, with a memory of momentum 0.5 and negatives of other classes.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        weight: float,
        contrast_temperature: float,
        n_negatives: int,
        embedding: int,
        temperature: float,
        soft_weight: float,
    ) -> None:
        super().__init__()
        self._weight = weight
        self._n_negatives = n_negatives
        self._soft = {"temperature": temperature, "soft_weight": soft_weight}
        self._n_images = len(setting.labels)
        student, teacher = channel_pairs(setting)[-1]
        self.student_head = nn.Linear(student, embedding)
        self.teacher_head = nn.Linear(teacher, embedding)
        self.student_memory = _Memory(self._n_images, embedding, contrast_temperature)
        self.teacher_memory = _Memory(self._n_images, embedding, contrast_temperature)
        self.others = _Others(setting.labels, setting.num_classes)

    def forward(self, seen: Seen) -> Tensor:
        """Compute the loss, and remember the batch's embeddings.

        Args:
            seen: The batch, with maps and indices; the means of the last maps over pixels are
                the embeddings.

        Returns:
            Labels and soft targets, plus the weighted contrasts, one anchored at the student's
            embeddings and one at the teacher's, shape ``()``.

        Raises:
            ShapeError: If there are no teacher logits, no matching maps or no indices.
        """
        if seen.indices is None:
            raise ShapeError("indices of the images, (batch,), are needed, found none")
        student, teacher = embeddings(seen)
        student = unit_rows(self.student_head(student))
        teacher = unit_rows(self.teacher_head(teacher))
        negatives = self.others(seen.indices, n=self._n_negatives)
        places = torch.cat([seen.indices.unsqueeze(1), negatives], dim=1)
        of_student = contrast(self.teacher_memory(student, places), n_images=self._n_images)
        of_teacher = contrast(self.student_memory(teacher, places), n_images=self._n_images)
        self.student_memory.remember(seen.indices, student)
        self.teacher_memory.remember(seen.indices, teacher)
        return kd(seen, **self._soft) + self._weight * (of_student + of_teacher)


def contrast(log_likelihoods: Tensor, *, n_images: int) -> Tensor:
    """Tell an image's own memory from noise, which is any image's with the same probability.

    In logarithms, so that neither a small temperature overflows nor a small probability needs a
    constant beside it.

    Args:
        log_likelihoods: Of the image's own memory in column 0 and of its negatives' in the
            others, ``(batch, 1 + negatives)``.
        n_images: Training images, >= 1.

    Returns:
        Cross-entropy in nats of telling them apart, sum over columns and mean over the batch,
        shape ``()``.

    Source: Tian et al. 2020, arXiv:1910.10699, section 3.1: h = P / (P + N / M), with N negatives
        and M images.
    """
    n_negatives = log_likelihoods.shape[1] - 1
    odds = log_likelihoods - math.log(n_negatives / n_images)
    return F.softplus(-odds[:, 0]).mean() + F.softplus(odds[:, 1:]).sum(dim=1).mean()


def cosines(rows: Tensor, anchors: Tensor, places: Tensor) -> Tensor:
    """Multiply each anchor with some of the rows.

    With few rows all products are taken and those that are wanted are picked, which moves far
    less memory than picking rows; with many it computes more than it saves. The border is ours,
    measured on a CPU.

    Args:
        rows: Memory, ``(images, width)``; changed later, so nothing here keeps it.
        anchors: ``(batch, width)``.
        places: Which rows, int64, ``(batch, places)``.

    Returns:
        Inner products, ``(batch, places)``.
    """
    if len(rows) <= _FEW * places.shape[1]:
        return (anchors @ rows.clone().T).gather(1, places)
    picked = rows.index_select(0, places.flatten()).view(*places.shape, -1)
    return (picked * anchors.unsqueeze(1)).sum(dim=2)


class _Memory(nn.Module):
    """Where one network last saw every training image."""

    rows: Tensor
    log_total: Tensor
    is_new: Tensor

    def __init__(self, n_images: int, width: int, temperature: float) -> None:
        super().__init__()
        self._temperature = temperature
        bound = (3 / width) ** 0.5  # uniform rows of mean square length 1, as in published code
        self.register_buffer("rows", torch.empty(n_images, width).uniform_(-bound, bound))
        self.register_buffer("log_total", torch.zeros(()))
        self.register_buffer("is_new", torch.ones((), dtype=torch.bool))

    def forward(self, anchors: Tensor, places: Tensor) -> Tensor:
        """Give the logarithm of the likelihood of each place, ``(batch, places)``."""
        scores = cosines(self.rows, anchors, places) / self._temperature
        with torch.no_grad():
            # The first batch's mean stands for that of all images, from then on: a constant.
            share = scores.numel() / len(self.rows)
            total = scores.flatten().logsumexp(dim=0) - math.log(share)
            self.log_total.copy_(torch.where(self.is_new, total, self.log_total))
            self.is_new.zero_()
        return scores - self.log_total.clone()

    @torch.no_grad()
    def remember(self, indices: Tensor, embeddings: Tensor) -> None:
        """Move the memory of some images, ``(batch,)``, to their embeddings."""
        rows = _MOMENTUM * self.rows[indices] + (1 - _MOMENTUM) * embeddings
        self.rows.index_copy_(0, indices, unit_rows(rows))


class _Others(nn.Module):
    """Draws images of other classes; where there is but one class, an image of that."""

    labels: Tensor
    order: Tensor
    counts: Tensor
    starts: Tensor

    def __init__(self, labels: Tensor, num_classes: int) -> None:
        super().__init__()
        counts = torch.bincount(labels, minlength=num_classes)
        parts = {
            "labels": labels,
            "order": labels.argsort(stable=True),
            "counts": counts,
            "starts": counts.cumsum(0) - counts,
        }
        for name, part in parts.items():
            self.register_buffer(name, part, persistent=False)

    def forward(self, indices: Tensor, *, n: int) -> Tensor:
        """Draw for each image, ``(batch,)``, evenly and with replacement, ``(batch, n)``."""
        own = self.labels[indices].unsqueeze(1)
        n_others = len(self.order) - self.counts[own]
        draws = torch.rand(len(indices), n, device=indices.device) * n_others
        # In order of class, the images of one class are a gap to be jumped. Rounding may bring a
        # draw up to the end, which is one too far.
        place = torch.minimum(draws.long(), n_others - 1)
        place = place + torch.where(place >= self.starts[own], self.counts[own], 0)
        return self.order[place % len(self.order)]
