"""The one place where errors of Optuna and of its database become our own."""

from collections.abc import Iterator
from contextlib import contextmanager

from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import SQLAlchemyError

from autokd.errors import RunError
from autokd.runs.urls import without_password

__all__ = ["opening", "translated"]


@contextmanager
def opening(url: str) -> Iterator[None]:
    """Turn what opening a storage raises into a `RunError` of one line.

    Args:
        url: The storage's URL, which may be illegal; a password in it is never shown.

    Yields:
        Nothing.

    Raises:
        RunError: If a part of the URL has no legal value, or as `translated` says.
    """
    try:
        with translated(url):
            yield
    except ValueError:
        shown = without_password(url)
        why = "a port or parameter in its URL has no legal value"
        hint = "; in a user or password, write @ as %40, : as %3A and / as %2F"
        # The cause quotes what it found, which can be a part of the password.
        raise RunError(
            f"storage {shown} cannot be used: {why}{hint if '@' in url else ''}"
        ) from None


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Turn what a storage raises into a `RunError` of one line.

    Args:
        url: The storage's URL; a password in it is never shown.

    Yields:
        Nothing.

    Raises:
        RunError: If the storage cannot be reached, or fails.
    """
    try:
        yield
    except (SQLAlchemyError, StorageInternalError, ImportError) as error:
        first_line = str(error.__cause__ or error).strip().splitlines()[0]
        raise RunError(f"storage {without_password(url)} cannot be used: {first_line}") from error
