"""What drivers raise, in our words: whose fault it is, whether the server is gone, what to do next."""

from __future__ import annotations

import sqlite3
import sys
from typing import Any

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from zhiyin.errors import StoreError, StoreUnreachable
from zhiyin.stores.places import Place

_GONE_POSTGRESQL = ("08", "57P01", "57P02", "57P03", "53300")  # no connection, shutting down, starting up, too many connections
_GONE_MYSQL = {1040, 1053, 1079, 1080, 1152, 1158, 1159, 1160, 1161, 1927, 2002, 2003, 2004, 2005, 2006, 2013, 2014, 2055}
_DENIED_POSTGRESQL = ("28", "42501")
_DENIED_MYSQL = {1044, 1045, 1142, 1698}
_UNKNOWN_DATABASE = ("3D000", 1049)


def caught() -> tuple[type[BaseException], ...]:
    """What may come out of a driver, SQLAlchemy included: some raise their own errors while they connect."""
    found: list[type[BaseException]] = [SQLAlchemyError, OSError, sqlite3.Error]
    if asyncpg := sys.modules.get("asyncpg"):
        found += [asyncpg.PostgresError, asyncpg.InterfaceError]
    if asyncmy := sys.modules.get("asyncmy"):
        found.append(asyncmy.errors.Error)
    return tuple(found)


def fault(place: Place, error: BaseException) -> StoreError:
    """The error of ours that says what a driver's error means."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    said = _said(cause)
    code = _code(cause)
    if place.kind == "sqlite":
        return StoreError(f"the event log {place.shown} failed: {said}", hint="Is the disk full, or the file in use by another program?")
    if isinstance(error, PoolTimeout):
        return StoreError(f"the database {place.shown} is too slow: no connection came free in time", hint="Look at what else the database does")
    if _is_gone(error, cause, code):
        return StoreUnreachable(f"the database {place.shown} does not answer: {said}", hint="Is it running? It is tried again with the next call")
    if code in _UNKNOWN_DATABASE:
        return StoreError(f"the database {place.shown} does not exist: {said}", hint="Make it empty; Zhiyin makes the tables: CREATE DATABASE ...")
    if code in _DENIED_MYSQL or str(code).startswith(_DENIED_POSTGRESQL):
        return StoreError(f"the database {place.shown} lets us not in: {said}", hint="Check user, password and rights")
    return StoreError(f"the event log {place.shown} failed: {said}", hint="See the database's own log; zhiyin db status says whether the tables are as they should be")


def spoils_the_rest(error: BaseException) -> bool:
    """Whether whatever comes next would fail too, as with a full disk or a locked file."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if isinstance(error, PoolTimeout):
        return True
    return isinstance(cause, sqlite3.OperationalError) and not isinstance(error, IntegrityError)


def _is_gone(error: BaseException, cause: BaseException, code: str | int | None) -> bool:
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if isinstance(cause, OSError):  # refused, reset, no such host, timed out
        return True
    if isinstance(code, int):
        return code in _GONE_MYSQL
    return str(code).startswith(_GONE_POSTGRESQL) or "closed" in _said(cause).lower()


def _code(cause: BaseException | None) -> str | int | None:
    """The vendor's number for what happened: PostgreSQL's SQLSTATE, MySQL's error number."""
    while cause is not None:
        if cause.args and isinstance(cause.args[0], int) and type(cause).__module__.startswith("asyncmy"):
            return int(cause.args[0])
        state: Any = getattr(cause, "sqlstate", None)
        if isinstance(state, str):
            return state
        cause = cause.__cause__
    return None


def _said(cause: BaseException) -> str:
    """The driver's own words, on one line, without the statement and its values."""
    text = str(cause.args[-1]) if cause.args and type(cause).__module__.startswith("asyncmy") else str(cause)
    text = text.removeprefix(f"{type(cause)}: ").partition("\n")[0]
    if text.startswith("<class "):  # SQLAlchemy's shim for asyncpg puts the class before the message
        text = text.partition(">: ")[2] or text
    return text or ("no answer in time" if isinstance(cause, TimeoutError) else type(cause).__name__)
