"""A study's views: what is refused, what decides pixels, and which table is kept."""

from typing import Any

import pytest

from autokd.checking import validate
from autokd.errors import DefinitionError
from autokd.views import ViewRole, ViewsSpec


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"crop_padding": -1}, r"\[crop_padding\] must be greater than or equal to 0"),
        ({"flip": "yes"}, r"\[flip\] must be true or false, found 'yes'$"),
        ({"cutout": 224}, r"\[cutout\] must be less than or equal to 223, found 224$"),
        ({"mix": "cutmx"}, r"\[mix\] must be one of .*; did you mean 'cutmix'\?$"),
        ({"table": "all"}, r"\[table\] must be one of \['tape', 'exhaustive', 'auto'\]"),
        (
            {"table": "exhaustive", "mix": "mixup"},
            r"\[table\] must be 'tape' where mix is 'mixup', .*, found 'exhaustive'$",
        ),
        (
            {"table": "exhaustive", "cutout": 2},
            r"\[table\] must be 'tape' where cutout is 2, .*, found 'exhaustive'$",
        ),
    ],
)
def test_illegal_value_is_refused_with_key_and_legal_values(
    raw: dict[str, Any], message: str
) -> None:
    with pytest.raises(DefinitionError, match=rf"^s\.toml: {message}"):
        validate(ViewsSpec, raw, source="s.toml")


@pytest.mark.parametrize(
    ("padding", "flip", "n"), [(0, False, 1), (0, True, 2), (2, True, 50), (4, True, 162)]
)
def test_crop_and_flip_can_show_an_image_in_finitely_many_ways(
    padding: int, flip: bool, n: int
) -> None:
    views = ViewsSpec(crop_padding=padding, flip=flip)
    assert views.n_augmentations == n
    assert views.is_finite


@pytest.mark.parametrize("change", [{"cutout": 1}, {"mix": "mixup"}, {"mix": "cutmix"}])
def test_cut_and_mixed_views_are_not_finite(change: dict[str, Any]) -> None:
    assert not ViewsSpec(**change).is_finite


def test_the_table_is_a_tape_unless_asked_otherwise() -> None:
    assert ViewsSpec().table_kind(100) == "tape"
    assert ViewsSpec(table="exhaustive", crop_padding=32).table_kind(1) == "exhaustive"


def test_auto_takes_all_augmentations_where_the_tape_would_not_be_shorter() -> None:
    views = ViewsSpec(table="auto", crop_padding=1, flip=True)  # 18 augmentations
    assert views.table_kind(4) == "tape"  # 4 views in the search and 12 in the retraining
    assert views.table_kind(5) == "exhaustive"
    for change in ({"mix": "cutmix"}, {"cutout": 3}):
        assert views.model_copy(update=change).table_kind(1000) == "tape"


@pytest.mark.parametrize(
    ("role", "padding", "cutout", "flip"),
    [("plain", 0, 0, False), ("weak", 2, 0, True), ("strong", 10, 7, True)],
)
def test_a_teachers_own_view_is_weaker_or_stronger_with_the_same_draws(
    role: ViewRole, padding: int, cutout: int, flip: bool
) -> None:
    views = ViewsSpec(seed=4, crop_padding=5, flip=True, cutout=1, table="tape")
    seen = views.seen_as(role, size=28)
    assert (seen.seed, seen.mix) == (4, "none")
    assert (seen.crop_padding, seen.cutout, seen.flip) == (padding, cutout, flip)


def test_a_strong_view_is_never_weaker_than_the_students() -> None:
    views = ViewsSpec(crop_padding=32, cutout=20)
    seen = views.seen_as("strong", size=28)
    assert (seen.crop_padding, seen.cutout, seen.flip) == (64, 20, False)
    assert seen.n_augmentations == 129**2


def test_what_decides_pixels_leaves_out_the_table_and_what_does_nothing() -> None:
    plain: dict[str, Any] = {"seed": 1, "crop_padding": 2, "flip": True}
    # Tables and teachers cached before there were cutout and mixing are found under these.
    assert ViewsSpec(**plain, table="auto").pixels() == plain
    whole: dict[str, Any] = {**plain, "cutout": 3, "mix": "mixup"}
    assert ViewsSpec(**whole).pixels() == whole
