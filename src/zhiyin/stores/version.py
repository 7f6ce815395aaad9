"""Which version the tables have, asked cheaply: Alembic is loaded only where something is to be done."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

from zhiyin.errors import StoreError
from zhiyin.stores.places import Place

HEAD = "0002"  # the newest of migrations/versions
VERSION_TABLE = "zhiyin_schema"  # not Alembic's own name: a database may hold other programs' tables
ASK = f"select version_num from {VERSION_TABLE}"  # noqa: S608  # our own constant
_BUSY_SECONDS = 10
_FILE_HINT = "Move the file aside, or choose another with --store sqlite:///PATH or --store memory:"


def ready_file(place: Place) -> None:
    """Make a SQLite file where there is none, bring an older one up to date. Raises `StoreError` where it is no log of ours."""
    try:
        place.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(place.path, timeout=_BUSY_SECONDS, isolation_level=None)) as connection:
            _write_ahead(connection)
            found = file_version(connection)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"the event log {place.shown} cannot be opened: {error}", hint=_FILE_HINT) from error
    if found == HEAD:
        return
    from sqlalchemy.exc import SQLAlchemyError

    from zhiyin.stores.migrate import is_older, migrate_file

    if found and not is_older(found):
        raise newer(place, found)
    try:
        migrate_file(place)
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise StoreError(f"the event log {place.shown} cannot be brought up to date: {error}", hint=_FILE_HINT) from error


def file_version(connection: sqlite3.Connection) -> str:
    """The version of a file's tables; empty where there are none, or those of the first release."""
    if connection.execute("select 1 from sqlite_master where type = 'table' and name = ?", (VERSION_TABLE,)).fetchone() is None:
        return ""
    row = connection.execute(ASK).fetchone()
    return str(row[0]) if row else ""


def newer(place: Place, found: str) -> StoreError:
    """The error for tables of a later release."""
    return StoreError(f"the tables of {place.shown} are of version {found}, which this Zhiyin does not know (it knows {HEAD})", hint="Use a newer Zhiyin: pip install -U zhiyin")


def older(place: Place, found: str) -> StoreError:
    """The error for tables that must be brought up to date by hand."""
    return StoreError(f"the tables of {place.shown} are of version {found}; this Zhiyin needs {HEAD}", hint="Make a backup, then: zhiyin db migrate --store URL")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to WAL; where several programs start at once, SQLite refuses some of them without waiting."""
    ends = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            if connection.execute("pragma journal_mode").fetchone() != ("wal",):
                connection.execute("pragma journal_mode = wal")  # where the file system has none, the journal is slower and as durable
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > ends:
                raise
            time.sleep(0.02)
        else:
            return
