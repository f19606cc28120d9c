import dataclasses
from pathlib import Path

import pytest

from autokd.data.sources.request import Request
from autokd.study import DataSpec


def test_a_request_without_arrays_says_none_and_cannot_be_changed() -> None:
    request = Request(DataSpec(source="digits"), None)
    assert request.arrays is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        request.root = Path()  # type: ignore[misc]
