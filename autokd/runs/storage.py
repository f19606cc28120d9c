"""Opening and closing Optuna's storage the way a search needs it.

Optuna's storage works anywhere and waits for the disk at every write. A search writes some five
times a trial from one process, so its SQLite file is opened in write-ahead mode, and turned back
into the one file that a run folder promises when the search ends (decision 13).
"""

from contextlib import suppress
from typing import Any

import optuna
from optuna.storages import RDBStorage
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from autokd.runs.translated import opening

__all__ = ["check_storage", "close_storage", "open_storage", "quiet_optuna"]


def check_storage(url: str) -> None:
    """Check that a storage can be used, before anything is made that would go into it.

    Args:
        url: An Optuna storage URL.

    Raises:
        RunError: If it cannot be reached.
    """
    with opening(url):
        close_storage(open_storage(url, keeps_connection=False))


def open_storage(url: str, *, keeps_connection: bool) -> RDBStorage:
    """Open a storage.

    Args:
        url: An Optuna storage URL.
        keeps_connection: Whether the connection stays open between calls, until `close_storage`.

    Returns:
        The storage; an SQLite file that keeps its connection is in write-ahead mode.
    """
    options: dict[str, Any] = {} if keeps_connection else {"poolclass": NullPool}
    if not url.startswith("sqlite"):
        return RDBStorage(url, engine_kwargs=options)
    options["connect_args"] = {"timeout": 60}
    storage = RDBStorage(url, engine_kwargs=options)
    if keeps_connection:
        _write_ahead(storage.engine)
    return storage


def close_storage(storage: RDBStorage) -> None:
    """Give up the connections of a storage.

    Args:
        storage: What `open_storage` returned.
    """
    storage.remove_session()
    engine = storage.engine
    if engine.dialect.name == "sqlite" and not isinstance(engine.pool, NullPool):
        # With a reader inside, the log stays beside the file, and is as good.
        with suppress(OperationalError):
            _set_journal(engine, "DELETE")
    engine.dispose()


def quiet_optuna() -> None:
    """Keep Optuna from logging every trial; autokd shows its own progress."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def _write_ahead(engine: Engine) -> None:
    """Let SQLite append to a log instead of waiting for the disk at every write.

    A killed process loses nothing; a power cut may lose the last writes but leaves a sound file.
    `close_storage` turns the log back into one file.
    """

    def configure(connection: Any, _: object) -> None:
        connection.execute("PRAGMA synchronous = NORMAL")

    event.listen(engine, "connect", configure)
    engine.dispose()  # connections made before know nothing of it
    _set_journal(engine, "WAL")


def _set_journal(engine: Engine, mode: str) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA journal_mode = {mode}")
