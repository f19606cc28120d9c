"""What each quantity can tell, and what it cannot: two sentences that go wherever it goes."""

from dataclasses import dataclass

__all__ = ["AGREEMENT", "ANGLES", "MEANINGS", "SEPARATION", "TRANSFER", "Meaning"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """How far a quantity can be trusted.

    Attributes:
        can: What it can tell, one sentence.
        cannot: What it cannot tell, one sentence.
    """

    can: str
    cannot: str

    @property
    def text(self) -> str:
        """Both sentences."""
        return f"{self.can} {self.cannot}"


TRANSFER = Meaning(
    "It can tell whether this student errs less when it sees more of the training images for the "
    "same number of steps, and whether it gets by with fewer of them when it is distilled.",
    "It cannot confirm or refute strong monotonicity, which is proved for linear students trained "
    "to the end on the teacher's answers alone, on average over sets of images: a difference "
    "within the spread of a few seeds is none.",
)
SEPARATION = Meaning(
    "It can tell how far apart the teacher's last layer finds the classes, and which of them it "
    "finds close together.",
    "It cannot tell how well a student will learn, and does not compare teachers with different "
    "numbers of features, nor data sets.",
)
ANGLES = Meaning(
    "It can tell on how many images the teacher's last layer decides narrowly, which is where a "
    "linear student needs most images to decide alike.",
    "It cannot tell how far an image is from another decision in pixels, it describes features "
    "that a student does not have, and it does not compare teachers with different numbers of "
    "features, since in many dimensions most angles to a plane are small.",
)
AGREEMENT = Meaning(
    "It can tell whether students differ from the teacher mostly where the teacher decides "
    "narrowly.",
    "It cannot tell who is right there, nor that the angle is the reason: an image that is hard "
    "for everybody has both.",
)

MEANINGS = {
    "transfer": TRANSFER,
    "separation": SEPARATION,
    "angles": ANGLES,
    "agreement": AGREEMENT,
}
"""Every quantity's meaning by its name in the JSON file."""
