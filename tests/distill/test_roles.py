from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from autokd.data import Dataset, to_unit, view_images
from autokd.distill.outputs import view_outputs
from autokd.distill.roles import role_outputs, roles_of
from autokd.distill.source import TrainingSource
from autokd.views import ViewRole, ViewsSpec
from tests.distill.conftest import MakeSpec

VIEWS = ViewsSpec(seed=3, crop_padding=4, flip=True)


class _Pixels(nn.Module):
    """Answers with pixels; counts images."""

    def __init__(self) -> None:
        super().__init__()
        self.n_images = 0

    def forward(self, images: Tensor) -> Tensor:
        self.n_images += len(images)
        return images[:, 0, 3, 3:6] * torch.tensor([1.0, 10.0, 100.0])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "outputs" / "key"


@pytest.mark.parametrize(
    ("role", "padding", "cutout"), [("plain", 0, 0), ("weak", 2, 0), ("strong", 8, 2)]
)
def test_a_student_is_taught_what_the_teacher_says_of_its_own_view(
    role: ViewRole, padding: int, cutout: int, dataset: Dataset, folder: Path
) -> None:
    teacher = _Pixels()
    answers, file = role_outputs(
        teacher, dataset, views=VIEWS, role=role, n_views=3, folder=folder
    )
    seen = ViewsSpec(seed=3, crop_padding=padding, flip=role != "plain", cutout=cutout)
    source = TrainingSource(dataset.train, VIEWS, answers)
    for view in range(3):
        for batch in source.batches(view, 10):
            assert batch.indices is not None
            assert batch.teacher_logits is not None
            pixels = view_images(dataset.train.images, batch.indices, view=view, spec=seen)
            assert torch.equal(batch.teacher_logits, teacher(to_unit(pixels)).half().float())
    assert file.parent == folder
    assert file.exists()


def test_plain_images_are_answered_once_for_all_views(dataset: Dataset, folder: Path) -> None:
    teacher = _Pixels()
    for n_views in (2, 5):
        answers, _ = role_outputs(
            teacher, dataset, views=VIEWS, role="plain", n_views=n_views, folder=folder
        )
        assert (answers.kind, len(answers.parts)) == ("constant", 1)
        assert answers.covers(1000)
    assert teacher.n_images == 48


def test_a_weak_view_of_what_hardly_moves_is_the_plain_image(
    dataset: Dataset, folder: Path
) -> None:
    views = ViewsSpec(crop_padding=1)
    answers, _ = role_outputs(
        _Pixels(), dataset, views=views, role="weak", n_views=4, folder=folder
    )
    assert answers.kind == "constant"


def test_roles_and_seeds_have_tables_of_their_own_beside_that_of_the_views(
    dataset: Dataset, folder: Path
) -> None:
    given: dict[str, Any] = {"n_views": 2, "folder": folder}
    view_outputs(_Pixels(), dataset, views=VIEWS, kind="exhaustive", **given)
    other = VIEWS.model_copy(update={"seed": 9})
    files = {
        role_outputs(_Pixels(), dataset, views=views, role=role, **given)[1]
        for views in (VIEWS, other)
        for role in ("plain", "weak", "strong")
    }
    assert len(files) == 5  # the plain image has no seed
    assert folder / "views.npy" not in files
    teacher = _Pixels()
    role_outputs(teacher, dataset, views=VIEWS, role="strong", **given)
    assert teacher.n_images == 0


def test_the_roles_of_a_study_are_those_that_its_space_can_name(make_spec: MakeSpec) -> None:
    def roles(**kd: Any) -> tuple[ViewRole, ...]:
        raw = make_spec(methods=("kd", "dkd")).search_space.model_dump(mode="json")
        changed = {**raw, "kd": {**raw["kd"], **kd}}
        return roles_of(make_spec(search_space=changed).search_space)

    assert roles() == ()
    searched = {"type": "categorical", "choices": ["strong", "same", "plain"]}
    assert roles(teacher_views=searched) == ("plain", "strong")
    assert roles(dkd={"teacher_views": {"type": "fixed", "value": "weak"}}) == ("weak",)
    assert roles(teacher_views={"type": "fixed", "value": "same"}) == ()
