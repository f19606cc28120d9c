import inspect

import pytest

from autokd.distill.progress import silent


def test_silence_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    silent("views", 1, 2)
    assert capsys.readouterr() == ("", "")
    assert list(inspect.signature(silent).parameters) == ["what", "done", "total"]
