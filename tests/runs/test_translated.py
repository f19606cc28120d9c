import pytest
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import OperationalError

from autokd.errors import RunError
from autokd.runs.translated import translated

URL = "postgresql+psycopg://me:secret@here:5432/db"


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("SELECT 1", {}, Exception("no such table\nmore")),
        StorageInternalError("no such table\nmore"),
        ImportError("no such table\nmore"),
    ],
)
def test_foreign_errors_become_one_line_without_the_password(error: Exception) -> None:
    with pytest.raises(RunError) as caught, translated(URL):
        raise error
    said = str(caught.value)
    assert said.startswith("storage postgresql+psycopg://me@here:5432/db cannot be used: ")
    assert said.endswith("no such table")
    assert caught.value.__cause__ is error


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), translated(URL):
        raise KeyError("slot")
