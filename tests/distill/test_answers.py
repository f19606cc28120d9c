import pytest
import torch
from torch import Tensor

from autokd.data import draw_augmentations
from autokd.distill.answers import Answers
from autokd.errors import ShapeError
from autokd.views import ViewsSpec

VIEWS = ViewsSpec(seed=3, crop_padding=1, flip=True)
INDICES = torch.tensor([4, 0, 3])


def _parts(n: int) -> Tensor:
    """Hold logits by which one can tell part and image."""
    part, image = torch.arange(float(n))[:, None, None], torch.arange(5.0)[None, :, None]
    return 100 * part + image + torch.zeros(1, 1, 3)


def test_a_tape_is_read_by_view_and_image() -> None:
    found = Answers(_parts(4)).at(INDICES, view=2, views=VIEWS)
    assert torch.equal(found[:, 0], 200.0 + INDICES)


def test_a_constant_table_answers_every_view_alike() -> None:
    answers = Answers(_parts(1), "constant")
    answers.check(5, VIEWS)
    for view in (0, 77):
        assert torch.equal(answers.at(INDICES, view=view, views=VIEWS)[:, 0], INDICES.float())


def test_an_exhaustive_table_is_read_by_augmentation() -> None:
    answers = Answers(_parts(18), "exhaustive")
    answers.check(5, VIEWS)
    drawn = draw_augmentations(INDICES, view=9, spec=VIEWS)
    found = answers.at(INDICES, view=9, views=VIEWS)[:, 0]
    assert torch.equal(found, 100.0 * drawn + INDICES)


def test_only_a_tape_can_be_too_short() -> None:
    assert Answers(_parts(4)).covers(4)
    assert not Answers(_parts(4)).covers(5)
    assert Answers(_parts(1), "constant").covers(1000)
    assert Answers(_parts(18), "exhaustive").covers(1000)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (Answers(_parts(2)[:, :4]), r"\(views, 5, classes\), found \(2, 4, 3\)"),
        (Answers(_parts(2)[0]), r"\(views, 5, classes\), found \(5, 3\)"),
        (Answers(_parts(17), "exhaustive"), "18 augmentations, found teacher logits of 17"),
        (Answers(_parts(2), "constant"), "1 answer for all views, found teacher logits of 2"),
    ],
)
def test_answers_for_other_images_or_views_are_refused(answers: Answers, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        answers.check(5, VIEWS)
