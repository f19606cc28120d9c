import pytest

from autokd.methods import METHODS, OPTIONS, options_of

SCHEDULES = ["kd_off_fraction", "soft_warmup_fraction"]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("none", []),
        ("pskd", []),
        ("dml", []),
        ("kd", [*SCHEDULES, "teacher_views", "standardise"]),
        ("meal", [*SCHEDULES, "teacher_views"]),
        ("takd", [*SCHEDULES, "teacher_views"]),
        ("fitnet", SCHEDULES),
        ("funmatch", [*SCHEDULES, "standardise"]),
    ],
)
def test_options_are_those_that_the_method_can_take(name: str, options: list[str]) -> None:
    assert [option.name for option in options_of(METHODS[name])] == options


def test_every_option_is_taken_by_some_method() -> None:
    assert {o for method in METHODS.values() for o in options_of(method)} == set(OPTIONS)


def test_logits_can_be_standardised_in_every_method_that_compares_those_of_one_teacher() -> None:
    logits = ["kd", "dkd", "nkd", "ctkd", "bdkd", "continuation", "annealing", "dist"]
    assert all(METHODS[name].matches_logits for name in logits)


def test_no_option_changes_anything_by_default() -> None:
    assert {option.name: option.default for option in OPTIONS} == {
        "kd_off_fraction": 1.0,
        "soft_warmup_fraction": 0.0,
        "teacher_views": "same",
        "standardise": False,
    }


def test_a_teacher_has_at_most_four_kinds_of_views() -> None:
    views = next(option for option in OPTIONS if option.name == "teacher_views")
    assert len(views.choices) <= 4
