"""A log in one SQLite file: WAL with `synchronous=FULL`, so that what was acknowledged survives a power cut."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from zhiyin.errors import StoreError
from zhiyin.stores.codec import from_json, to_json
from zhiyin.types import Event, SessionId, UserId

T = TypeVar("T")
_SCHEMA = """
create table if not exists events (
    id integer primary key autoincrement,
    session text not null,
    user text not null,
    event text not null
) strict;
create index if not exists events_by_session on events (session, id);
create index if not exists events_by_user on events (user, id);
"""


class SqliteStore:
    """The `Store` port over a SQLite file. One connection, one writer at a time, off the event loop."""

    def __init__(self, path: Path | str) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            if isinstance(path, Path):
                path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
            self._connection.execute("pragma journal_mode = wal")
            self._connection.execute("pragma synchronous = full")
            self._connection.execute("pragma secure_delete = on")
            self._connection.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"the event log {path} cannot be opened: {error}", hint="Move the file aside, or choose another with --store sqlite:///PATH or --store memory:"
            ) from error

    async def append(self, session: SessionId, user: UserId, /, *events: Event) -> None:
        """Keep the events in one transaction."""
        rows = [(session, user, to_json(e)) for e in events]

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("begin immediate")
            try:
                connection.executemany("insert into events (session, user, event) values (?, ?, ?)", rows)
                connection.execute("commit")
            except sqlite3.Error:
                connection.execute("rollback")
                raise

        await self._run(write)

    async def events(self, session: SessionId, /) -> Sequence[Event]:
        """Everything of one session."""
        rows = await self._run(lambda c: c.execute("select event from events where session = ? order by id", (session,)).fetchall())
        return tuple(from_json(text) for (text,) in rows)

    async def sessions(self, user: UserId, /) -> Sequence[SessionId]:
        """A user's sessions, oldest first."""
        rows = await self._run(lambda c: c.execute("select session from events where user = ? group by session order by min(id)", (user,)).fetchall())
        return tuple(SessionId(text) for (text,) in rows)

    async def forget(self, user: UserId, /) -> int:
        """Erase a user's events; the bytes go too (`secure_delete`, truncating checkpoint)."""

        def erase(connection: sqlite3.Connection) -> int:
            count = connection.execute("delete from events where user = ?", (user,)).rowcount
            connection.execute("pragma wal_checkpoint(truncate)")
            return count

        return await self._run(erase)

    async def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def locked() -> T:
            with self._lock:
                return work(self._connection)

        try:
            return await asyncio.to_thread(locked)
        except sqlite3.Error as error:
            raise StoreError(f"the event log {self.path} failed: {error}", hint="Is the disk full, or the file in use by another program?") from error
