"""URLs of storages: as a run keeps them, and as they are shown."""

import re
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from autokd.errors import RunError

__all__ = ["absolute_url", "check_file", "file_url", "without_password"]


def file_url(path: Path) -> str:
    """Name an SQLite file.

    Args:
        path: The file; it need not exist.

    Returns:
        Its URL, from the root on.
    """
    url = URL.create("sqlite", database=str(path.resolve()))
    return url.render_as_string(hide_password=False)


def absolute_url(url: str) -> str:
    """Make the URL of an SQLite file hold in whatever folder a later command is run.

    Args:
        url: An Optuna storage URL.

    Returns:
        The same storage; what is no file's URL comes back as it is.
    """
    path = _file(url)
    if path is None or path.is_absolute():
        return url
    parts = make_url(url).set(database=str(path.resolve()))
    return parts.render_as_string(hide_password=False)


def check_file(url: str) -> None:
    """Check that an SQLite file is there: opening it would make an empty one.

    Args:
        url: An Optuna storage URL.

    Raises:
        RunError: If it names a file that is missing.
    """
    path = _file(url)
    if path is not None and not path.is_file():
        raise RunError(f"storage {without_password(url)} cannot be used: there is no such file")


def without_password(url: str) -> str:
    """Write a URL as it may be shown.

    Args:
        url: A URL.

    Returns:
        The same without a password, be it a legal URL or not.
    """
    scheme, separator, rest = url.partition("://") if "://" in url else ("", "", url)
    account, at, place = rest.rpartition("@")
    place = re.sub(r"([?&][^=&]*pass[^=&]*=)[^&]*", r"\1...", place, flags=re.IGNORECASE)
    return f"{scheme}{separator}{account.partition(':')[0]}{at}{place}"


def _file(url: str) -> Path | None:
    try:
        parts = make_url(url)
    except (ArgumentError, ValueError):
        return None  # who opens it says what is wrong
    name = parts.database or ""
    is_file = parts.get_backend_name() == "sqlite" and name not in ("", ":memory:")
    return Path(name) if is_file and not name.startswith("file:") else None
