"""The one place where errors of Optuna and of its database become our own."""

from collections.abc import Iterator
from contextlib import contextmanager

from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import SQLAlchemyError

from autokd.errors import RunError
from autokd.runs.urls import without_password

__all__ = ["translated"]


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
