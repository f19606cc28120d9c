"""What one network says of every view of the training images, and how to look it up."""

from dataclasses import dataclass

from torch import Tensor

from autokd.data import draw_augmentations
from autokd.errors import ShapeError
from autokd.views import TableKind, ViewsSpec

__all__ = ["Answers"]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The logits of one network, part by part.

    Attributes:
        parts: ``(parts, n, classes)``, of any floating type, on any device.
        kind: What a part is: a view of a tape, an augmentation of an exhaustive table, or the one
            answer to every view, ``constant``.
    """

    parts: Tensor
    kind: TableKind = "tape"

    @property
    def num_classes(self) -> int:
        """Classes."""
        return self.parts.shape[2]

    def check(self, n_images: int, views: ViewsSpec) -> None:
        """Refuse answers that are not for these images and views.

        Args:
            n_images: Training images.
            views: What a view is.

        Raises:
            ShapeError: If they are for others.
        """
        shape = tuple(self.parts.shape)
        if len(shape) != 3 or shape[1] != n_images:
            raise ShapeError(f"teacher logits must be (views, {n_images}, classes), found {shape}")
        needed = {"exhaustive": views.n_augmentations, "constant": 1}.get(self.kind, shape[0])
        if shape[0] != needed:
            what = "augmentations" if self.kind == "exhaustive" else "answer for all views"
            raise ShapeError(
                f"these views have {needed} {what}, found teacher logits of {shape[0]}"
            )

    def covers(self, n_views: int) -> bool:
        """Say whether as many views can be trained on.

        Args:
            n_views: Views, counted from 0, >= 1.

        Returns:
            True if none is missing.
        """
        return self.kind != "tape" or len(self.parts) >= n_views

    def at(self, indices: Tensor, *, view: int, views: ViewsSpec) -> Tensor:
        """Look up some images of a view.

        Args:
            indices: Training images, int64, ``(batch,)``.
            view: Number of the view, >= 0.
            views: What a view is.

        Returns:
            Logits, ``(batch, classes)``, as they are kept.
        """
        indices = indices.to(self.parts.device)
        match self.kind:
            case "tape":
                return self.parts[view][indices]
            case "constant":
                return self.parts[0][indices]
            case "exhaustive":
                return self.parts[draw_augmentations(indices, view=view, spec=views), indices]
