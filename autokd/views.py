"""A study's ``[views]``: which augmented passes over the training images all trials share.

Pixels are not touched here: `autokd.data.augment` shows images as this record says.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from autokd.checking import Checked, illegal

__all__ = ["TableKind", "ViewRole", "ViewsSpec"]

TableKind = Literal["tape", "exhaustive", "constant"]
"""How a table of teacher outputs is laid out: view by view, augmentation by augmentation, or one
part for every view, where the teacher does not look at views."""

ViewRole = Literal["plain", "weak", "strong"]
"""Views that a teacher looks at in place of the students' own."""

_VIEWS_OF_A_STUDY = 4
"""Views that one study reads for each epoch of its top rung: one in the search, three in the
retraining that follows it by default."""


class ViewsSpec(Checked):
    """Which augmented passes over the training images all trials share.

    Attributes:
        seed: Seed of the views; it stays when the study's seed changes.
        crop_padding: Pixels added on each side (edge pixels repeated) before a crop of the old
            size; 0 means no crop.
        flip: Whether views are mirrored left to right with probability one half.
        cutout: Side of a grey square at a random place of each image, pixels; 0 means none. It
            must be smaller than the images.
        mix: ``none``, or how each image is mixed with another one of its view: ``mixup`` blends
            them, ``cutmix`` pastes a rectangle of the other one.
        table: How the teacher's outputs are kept: ``tape`` holds one part for each view;
            ``exhaustive`` one for each way in which crop and flip can show an image, whatever the
            seed and the number of views, and goes with neither cutout nor mixing; ``auto`` takes
            the one for which the teacher is asked less often (`table_kind`).
    """

    seed: int = 0
    crop_padding: Annotated[int, Field(ge=0, le=32)] = 0
    flip: bool = False
    cutout: Annotated[int, Field(ge=0, le=223)] = 0
    mix: Literal["none", "mixup", "cutmix"] = "none"
    table: Literal["tape", "exhaustive", "auto"] = "tape"

    @property
    def n_augmentations(self) -> int:
        """Ways in which crop and flip can show an image, >= 1."""
        places = (2 * self.crop_padding + 1) ** 2
        return 2 * places if self.flip else places

    @property
    def is_finite(self) -> bool:
        """Whether crop and flip are all that happens to an image."""
        return self.mix == "none" and not self.cutout

    def table_kind(self, epochs: int) -> TableKind:
        """Choose how the teacher's outputs are kept.

        Both kinds hold the same answers to the same pixels; what differs is how often the teacher
        is asked. A tape costs one pass over the images for each view: K in the search and, by
        default, 3 K in the retraining that follows. An exhaustive table costs one pass for each
        augmentation, once, and serves every seed of the views, every number of epochs and later
        studies. ``auto`` takes it where it costs no more passes than the 4 K of the tape.

        Args:
            epochs: Epochs of the top rung, K, >= 1.

        Returns:
            ``tape`` or ``exhaustive``.
        """
        if self.table != "auto":
            return self.table
        pays = self.is_finite and self.n_augmentations <= _VIEWS_OF_A_STUDY * epochs
        return "exhaustive" if pays else "tape"

    def seen_as(self, role: ViewRole, *, size: int) -> "ViewsSpec":
        """Say what a teacher sees that looks with another strength than the students.

        The seed stays, and every draw is a hash of it: an image is flipped for the teacher where
        it is flipped for the student, and crops are shifted the same way, less far or farther.

        Args:
            role: ``plain``: images as they are. ``weak``: half the crop padding, rounded down, and
                no cutout. ``strong``: twice the padding, and a cutout of a quarter of the image's
                side or the students' own where that is larger. The strengths are ours: the source
                searches for them.
            size: Height and width of the images, pixels, >= 1.

        Returns:
            These views in that role, not mixed.

        Source: role-wise data augmentation, Fu et al. 2020, arXiv:2004.08861.
        """
        padding, cutout = {
            "plain": (0, 0),
            "weak": (self.crop_padding // 2, 0),
            "strong": (2 * self.crop_padding, max(size // 4, self.cutout)),
        }[role]
        flip = self.flip and role != "plain"
        changes = {"crop_padding": padding, "cutout": cutout, "flip": flip, "mix": "none"}
        return self.model_copy(update=changes)

    def pixels(self) -> dict[str, Any]:
        """Name what decides the pixels of the views, for the keys of caches.

        Returns:
            Settings by name; cutout and mixing only where they do something, so that what was
            cached before there were any stays valid.
        """
        found = self.model_dump(mode="json", include={"seed", "crop_padding", "flip"})
        if self.cutout:
            found["cutout"] = self.cutout
        if self.mix != "none":
            found["mix"] = self.mix
        return found

    @model_validator(mode="after")
    def _can_be_kept(self) -> Self:
        if self.table == "exhaustive" and not self.is_finite:
            what = f"mix is {self.mix!r}" if self.mix != "none" else f"cutout is {self.cutout}"
            raise illegal(
                "table",
                f"must be 'tape' where {what}, since no table holds all such images, "
                "found 'exhaustive'",
            )
        return self
