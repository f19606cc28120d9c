import traceback
from pathlib import Path

import pytest
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import OperationalError

from autokd.errors import RunError
from autokd.runs.ledger import Ledger
from autokd.runs.reading import Reader
from autokd.runs.storage import check_storage
from autokd.runs.translated import opening, translated

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


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg://me:secret@host:port/db", "postgresql+psycopg://me@host:port/db"),
        ("postgresql+psycopg://me:sec@ret:secret@host/db", "postgresql+psycopg://me@host/db"),
    ],
)
def test_a_port_that_is_no_number_is_refused_without_the_password(url: str, shown: str) -> None:
    for ask in (check_storage, lambda url: Reader(url, "s"), lambda url: Ledger(url, "s")):
        with pytest.raises(RunError) as caught:
            ask(url)
        assert str(caught.value) == (
            f"storage {shown} cannot be used: a port or parameter in its URL has no legal value; "
            "in a user or password, write @ as %40, : as %3A and / as %2F"
        )
        assert "secret" not in "".join(traceback.format_exception(caught.value))


def test_a_parameter_without_a_legal_value_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.db").touch()
    url = f"sqlite:///{tmp_path}/x.db?timeout=abc"
    for ask in (check_storage, lambda url: Reader(url, "s"), lambda url: Ledger(url, "s")):
        with pytest.raises(RunError, match=r"a port or parameter in its URL has no legal value$"):
            ask(url)


def test_only_opening_takes_a_bad_value_for_the_urls() -> None:
    with pytest.raises(ValueError, match="slot"), translated(URL):
        raise ValueError("slot")
    with pytest.raises(RunError, match="no such table"), opening(URL):
        raise StorageInternalError("no such table")
