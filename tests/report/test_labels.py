from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from autokd.report.labels import labels

NAMES = ["a", "b", "a (1)", "a (2)", "a (1) (1)", "a (2) (1)"]


def test_folders_of_equal_name_are_numbered_by_their_place() -> None:
    assert labels([Path(name) for name in ("a/x", "b/x", "c/y")]) == ["x (1)", "x (2)", "y"]


def test_a_folder_that_is_called_like_a_numbered_one_keeps_its_name() -> None:
    folders = [Path("x/a"), Path("y/a"), Path("z/a (1)")]
    assert labels(folders) == ["a (1) (1)", "a (2)", "a (1)"]


@given(st.lists(st.sampled_from(NAMES), max_size=12))
def test_labels_always_differ_and_begin_with_the_folders_name(names: list[str]) -> None:
    found = labels([Path("runs") / name for name in names])
    assert len(set(found)) == len(found) == len(names)
    for label, name in zip(found, names, strict=True):
        assert label.startswith(name)
        assert (label == name) is (names.count(name) == 1)


def test_a_folder_without_a_name_is_called_by_its_path() -> None:
    assert labels([Path("/"), Path("runs/a")]) == ["/", "a"]
