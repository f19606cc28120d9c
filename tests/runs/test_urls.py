from pathlib import Path

import pytest

from autokd.errors import RunError
from autokd.runs import Ledger, RunFolder
from autokd.runs.reading import Reader
from autokd.runs.urls import absolute_url, check_file, without_password


def test_a_files_url_holds_in_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here = tmp_path.resolve()
    assert absolute_url("sqlite:///mine.db") == f"sqlite:///{here}/mine.db"
    assert absolute_url("sqlite:///mine.db?timeout=9") == f"sqlite:///{here}/mine.db?timeout=9"


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////data/mine.db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:mine.db?uri=true",
        "postgresql+psycopg://me:secret@host/db",
        "no url at all",
        "postgresql://me:secret@host:port/db",
    ],
)
def test_any_other_url_stays_as_it_is(url: str) -> None:
    assert absolute_url(url) == url


def test_a_password_is_not_shown() -> None:
    assert without_password("postgresql://me:s@cret@host/db") == "postgresql://me@host/db"
    shown = without_password("postgresql://host/db?user=me&password=secret&x=1")
    assert shown == "postgresql://host/db?user=me&password=...&x=1"
    assert without_password("sqlite:////a/b.db") == "sqlite:////a/b.db"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:se@cret:1@host/db", "postgresql://me@host/db"),
        ("postgresql:/me:secret@host/db", "postgresql@host/db"),
        ("postgresql//me:secret@host/db", "postgresql//me@host/db"),
        ("postgresql://host/db?sslpassword=secret", "postgresql://host/db?sslpassword=..."),
        ("mysql://host/db?passwd=secret&x=1", "mysql://host/db?passwd=...&x=1"),
        ("no url at all", "no url at all"),
    ],
)
def test_a_password_is_not_shown_of_an_illegal_url_or_under_another_name(
    url: str, shown: str
) -> None:
    assert without_password(url) == shown


def test_a_missing_file_is_named_and_not_made(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/lost.db"
    for ask in (check_file, lambda url: Reader(url, "s"), lambda url: Ledger(url, "s")):
        with pytest.raises(RunError, match=r"lost.db cannot be used: there is no such file"):
            ask(url)
    assert not list(tmp_path.iterdir())


def test_a_storage_without_the_study_says_so(four_trials: RunFolder) -> None:
    for ask in (Reader, Ledger):
        with pytest.raises(RunError, match=r"study\.db holds no study called 'another'"):
            ask(four_trials.database, "another")
