from dataclasses import FrozenInstanceError

import pytest

from autokd.sampler import Preview, Previewer


def test_a_key_is_all_that_a_preview_must_know() -> None:
    preview = Preview("k")
    assert (dict(preview.known), dict(preview.point), preview.features) == ({}, {}, ())
    assert preview.is_feasible


def test_a_preview_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        Preview("k").key = "other"  # type: ignore[misc]


def test_any_function_of_a_point_is_a_previewer() -> None:
    def preview(point: object) -> Preview:
        return Preview(str(point), known={1: 3.0})

    previewer: Previewer = preview
    assert previewer({"x": 1}) == Preview("{'x': 1}", {1: 3.0})
