"""An engine for a place, set up for durability and bound to one event loop."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from sqlalchemy import URL, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from zhiyin.stores.places import Place

_CONNECT_SECONDS, _ANSWER_SECONDS, _POOL_SECONDS = 5, 30, 10
BUSY_SECONDS = 10  # that a writer waits for another process on the same file
PRAGMAS = (f"pragma busy_timeout = {BUSY_SECONDS * 1000}", "pragma synchronous = full", "pragma secure_delete = on")


def open_engine(place: Place) -> AsyncEngine:
    """An engine of which nothing is connected yet. Errors never show the values of a statement: they are what people said."""
    make = {"sqlite": _sqlite, "postgresql": _postgresql, "mysql": _mysql}[place.kind]
    url, arguments, more = make(place)
    engine = create_async_engine(url, connect_args=arguments, hide_parameters=True, pool_timeout=_POOL_SECONDS, **more)
    if place.kind == "sqlite":
        event.listen(engine.sync_engine, "connect", _prepare)
        event.listen(engine.sync_engine, "begin", _begin)
    return engine


def reading(engine: AsyncEngine) -> AsyncConnection:
    """A connection to read on, to be entered with `async with`."""
    return engine.execution_options(reads=True, **({"isolation_level": "AUTOCOMMIT"} if engine.dialect.name == "postgresql" else {})).connect()


def writing(engine: AsyncEngine) -> AsyncConnection:
    """A connection to write on; on SQLite it takes the file's write lock with its first statement."""
    return engine.connect()


def _sqlite(place: Place) -> tuple[URL, dict[str, Any], dict[str, Any]]:
    # Each connection is a thread; readers never wait for the writer, so a few will do.
    return URL.create("sqlite+aiosqlite", database=str(place.path)), {"timeout": BUSY_SECONDS}, {"pool_size": 3, "max_overflow": 3}


def _postgresql(place: Place) -> tuple[URL, dict[str, Any], dict[str, Any]]:
    arguments: dict[str, Any] = {"timeout": _CONNECT_SECONDS, "command_timeout": _ANSWER_SECONDS, "server_settings": {"application_name": "zhiyin"}}
    if mode := place.options.get("sslmode"):
        arguments["ssl"] = mode
    host = place.options.get("host") or place.host  # a folder here is a socket's
    return _url("postgresql+asyncpg", place, host), arguments, {"pool_pre_ping": True, "pool_size": 5, "max_overflow": 5}


def _mysql(place: Place) -> tuple[URL, dict[str, Any], dict[str, Any]]:
    arguments: dict[str, Any] = {"charset": "utf8mb4", "async_creator_fn": _mysql_connection}
    if file := place.options.get("unix_socket"):
        arguments["unix_socket"] = file
    if file := place.options.get("ssl_ca"):
        arguments["ssl"] = ssl.create_default_context(cafile=file)
    # READ COMMITTED: what was committed while we waited for the lock is seen, and deletions lock no gaps. The server hangs up on idlers, hence recycle.
    more = {"pool_pre_ping": True, "pool_size": 5, "max_overflow": 5, "pool_recycle": 1800, "isolation_level": "READ COMMITTED"}
    return _url("mysql+asyncmy", place, place.host), arguments, more


async def _mysql_connection(**arguments: Any) -> Any:  # noqa: ANN401  # a driver's connection
    """A connection in time: the driver's own timeout does not cover a server that takes the call and says nothing."""
    import asyncmy  # optional

    async with asyncio.timeout(_CONNECT_SECONDS):
        return await asyncmy.connect(**arguments)


def _url(driver: str, place: Place, host: str) -> URL:
    return URL.create(driver, username=place.user, password=place.password, host=host or None, port=place.port, database=place.database)


def _prepare(connection: Any, _record: object) -> None:  # noqa: ANN401  # a driver's connection
    """Of a SQLite connection: transactions are ours to begin, and acknowledged means on the disk."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Any) -> None:  # noqa: ANN401  # SQLAlchemy's synchronous side
    """Readers need no transaction; a writer takes its turn before it reads what it goes on from."""
    if not connection.get_execution_options().get("reads"):
        connection.exec_driver_sql("begin immediate")
