"""Log, archive and small documents in SQLite, PostgreSQL or MySQL/MariaDB: one class, one schema, one writer for each process.

SQLAlchemy is loaded with the first use, not with the start: what needs it is imported inside of the methods.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, cast

from zhiyin.errors import StoreError
from zhiyin.records import Conversation, Logged, Record
from zhiyin.stores.codec import checked_id, checked_text, feedback_key, keepable, micros, now, to_json
from zhiyin.stores.places import read_place
from zhiyin.stores.version import ready_file
from zhiyin.types import Event, SessionId, UserId

if TYPE_CHECKING:
    from zhiyin.stores.database import Database

_MODULE = "zhiyin.stores.database"
_IDLE_AFTER = 1.0  # seconds
_MANY = 64  # events that are worth a thread to decode
_MOST, _HIGHEST = 1_000_000, 2**63 - 1  # rows of an answer; what a database counts to


class SqlStore:
    """The ports `Store`, `Archive` and `Records` over a database.

    Opening is quick: a SQLite file is made or brought up to date at once, a server is reached with the first use.
    Connections belong to the running event loop; in another loop (a second `asyncio.run`) others are made.
    """

    def __init__(self, url: str, clock: Callable[[], datetime] = now) -> None:
        self.place = read_place(url)
        self._clock = clock
        self._databases: dict[asyncio.AbstractEventLoop, Database] = {}
        self._closed = False
        if self.place.kind == "sqlite":
            ready_file(self.place)
        if _MODULE not in sys.modules:
            loading = threading.Timer(_IDLE_AFTER, importlib.import_module, (_MODULE,))  # while the first user still types
            loading.daemon = True
            loading.start()

    # --- Store ---

    async def append(self, session: SessionId, user: UserId, /, *events: Event) -> tuple[bool, ...]:
        """Keep the events, all or none; of each whether it is new."""
        checked_id("session", session)
        checked_id("user", user)
        rows = tuple((event.type, feedback_key(user, event), to_json(event)) for event in events)
        database = await self._database()
        if not rows:
            return ()
        from zhiyin.stores.rows import Append

        return cast("tuple[bool, ...]", await database.write(Append(session=session, user=user, rows=rows)))

    async def events(self, session: SessionId, /, *, after: int = 0) -> Sequence[Event]:
        """Everything of one session but its first `after` events, oldest first."""
        if not keepable(session):
            return ()
        database = await self._database()
        from zhiyin.stores import rows

        bodies = await database.read(rows.of_session, session, min(after, _HIGHEST))
        return rows.decoded(bodies) if len(bodies) < _MANY else await asyncio.to_thread(rows.decoded, bodies)

    async def sessions(self, user: UserId, /) -> Sequence[SessionId]:
        """A user's sessions, oldest first."""
        if not keepable(user):
            return ()
        database = await self._database()
        from zhiyin.stores import rows

        return await database.read(rows.sessions_of, user)

    async def forget(self, user: UserId, /) -> int:
        """Erase everything of a user; how many events went. Of a file the bytes go too."""
        if not keepable(user):
            return 0
        database = await self._database()
        from zhiyin.stores.rows import Erase

        return int(await database.write(Erase(user=user)))

    async def close(self) -> None:
        """Write what waits and let go of every connection; later calls raise `StoreError`."""
        self._closed = True
        own = self._databases.pop(asyncio.get_running_loop(), None)
        for other in self._databases.values():
            other.abandon()
        self._databases.clear()
        if own is not None:
            await own.close()

    # --- Archive ---

    async def owner(self, session: SessionId, /) -> UserId | None:
        """Whose session it is: the user of its first event."""
        if not keepable(session):
            return None
        database = await self._database()
        from zhiyin.stores import rows

        return await database.read(rows.owner, session)

    async def tail(self, *, after: int = 0, limit: int = 1000, newest: bool = False) -> Sequence[Logged]:
        """Logged events whose place is above `after`, the first or the newest `limit` of them, oldest first."""
        if limit <= 0 or after >= _HIGHEST:
            return ()
        database = await self._database()
        from zhiyin.stores import rows

        found = await database.read(rows.tail, after, min(limit, _MOST), newest=newest)
        return rows.logged(found) if len(found) < _MANY else await asyncio.to_thread(rows.logged, found)

    async def conversations(self, *, before: int = 0, limit: int = 50, user: UserId | None = None) -> Sequence[Conversation]:
        """Sessions, the one with the latest event first; with `user` those that are theirs."""
        if limit <= 0 or (user is not None and not keepable(user)):
            return ()
        database = await self._database()
        from zhiyin.stores import rows

        return await database.read(rows.conversations, min(before, _HIGHEST), min(limit, _MOST), user)

    async def users(self, *, after: str = "", limit: int = 50) -> Sequence[tuple[UserId, int]]:
        """Users by id, each with its number of events."""
        if limit <= 0:
            return ()
        database = await self._database()
        from zhiyin.stores import rows

        return await database.read(rows.users, _from(after), min(limit, _MOST))

    async def drop(self, session: SessionId, /) -> int:
        """Erase one session; how many events went."""
        if not keepable(session):
            return 0
        database = await self._database()
        from zhiyin.stores.rows import Erase

        return int(await database.write(Erase(session=session)))

    # --- Records ---

    async def get(self, kind: str, key: str, /) -> Record | None:
        """The document; None where there is none or it has expired."""
        if not keepable(kind) or not keepable(key):
            return None
        database = await self._database()
        from zhiyin.stores import documents

        return await database.read(documents.get, kind, key, self._now())

    async def put(self, kind: str, key: str, value: str, /, *, expires: datetime | None = None, only_new: bool = False) -> int:
        """Keep a document; its version, or 0 where it should be new and is not."""
        checked_id("kind", kind)
        checked_id("key", key)
        checked_text("value", value)
        database = await self._database()
        from zhiyin.stores.documents import Put

        return int(await database.write(Put(kind=kind, key=key, value=value, expires=None if expires is None else micros(expires), only_new=only_new)))

    async def delete(self, kind: str, key: str, /) -> bool:
        """Whether there was one; what is gone stays visible to `changes` for 30 days."""
        if not keepable(kind) or not keepable(key):
            return False
        database = await self._database()
        from zhiyin.stores.documents import Delete

        return bool(await database.write(Delete(kind=kind, key=key)))

    async def page(self, kind: str, /, *, after: str = "", limit: int = 100) -> Sequence[Record]:
        """Documents of a kind by key, those after a key."""
        if limit <= 0 or not keepable(kind):
            return ()
        database = await self._database()
        from zhiyin.stores import documents

        return await database.read(documents.page, kind, _from(after), min(limit, _MOST), self._now())

    async def changes(self, version: int, /, *, limit: int = 1000) -> Sequence[Record]:
        """Documents changed or deleted after a version, oldest change first."""
        if limit <= 0 or version >= _HIGHEST:
            return ()
        database = await self._database()
        from zhiyin.stores import documents

        return await database.read(documents.changes_after, version, min(limit, _MOST), self._now())

    # --- inside ---

    async def _database(self) -> Database:
        """The database of the running loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._databases and not self._closed:
            module = await asyncio.to_thread(importlib.import_module, _MODULE)
            for ended in [other for other in self._databases if other.is_closed()]:
                self._databases.pop(ended).abandon()
            if loop not in self._databases and not self._closed:
                self._databases[loop] = module.Database(self.place, self._clock)
        if self._closed:
            raise StoreError(f"the event log {self.place.shown} is closed", hint="Open it again: nothing is kept or read after close()")
        return self._databases[loop]

    def _now(self) -> int:
        return micros(self._clock())


def _from(after: str) -> str:
    """A lower bound that every database takes: no id holds NUL or half a character, so what comes from there on does not matter."""
    ends = next((at for at, sign in enumerate(after) if sign == "\0" or "\ud800" <= sign <= "\udfff"), None)
    return after[:ends]
