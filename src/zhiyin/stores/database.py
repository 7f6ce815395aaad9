"""A database in use: an engine of one event loop, tables known to be up to date, work written in groups."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar
from weakref import WeakSet

from sqlalchemy import event, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from zhiyin.stores import documents, rows
from zhiyin.stores.codec import micros
from zhiyin.stores.documents import Delete, Put
from zhiyin.stores.faults import caught, fault, spoils_the_rest
from zhiyin.stores.opened import open_engine, reading, writing
from zhiyin.stores.places import Place
from zhiyin.stores.rows import Append, Erase
from zhiyin.stores.schema import counters
from zhiyin.stores.version import ASK, HEAD, newer, older
from zhiyin.stores.writer import NotCommitted, Writer

P = ParamSpec("P")
T = TypeVar("T")
Work: TypeAlias = Append | Erase | Put | Delete
_ANSWER_SECONDS = 30  # that a server may take for one read or one group
_PURGE_EVERY = 60 * 1_000_000  # microseconds


class Database:
    """Reads and writes of one event loop. Every error is a `StoreError`."""

    def __init__(self, place: Place, clock: Callable[[], datetime]) -> None:
        self.place, self._clock = place, clock
        self._engine = open_engine(place)
        self._writer: Writer[Work, Any] = Writer(self._commit)
        self._drivers: WeakSet[Any] = WeakSet()
        self._ready = place.kind == "sqlite"  # its file was looked at when the store was opened
        self._readying = asyncio.Lock()
        self._purged = 0
        self._untrimmed = False  # erased bytes may still stand in the write-ahead file
        event.listen(self._engine.sync_engine, "connect", lambda connection, _: self._drivers.add(connection.driver_connection))

    async def read(self, work: Callable[Concatenate[AsyncConnection, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the work reads."""
        await self._get_ready()
        try:
            async with asyncio.timeout(self._seconds), reading(self._engine) as connection:
                return await work(connection, *args, **kwargs)
        except caught() as error:
            raise fault(self.place, error) from error

    async def write(self, work: Work) -> Any:  # noqa: ANN401  # the caller knows what its work results in
        """What came of the work, once it is on the disk."""
        await self._get_ready()
        return await self._writer.do(work)

    async def close(self) -> None:
        """Write what waits, then let go of every connection."""
        await self._writer.drained()
        await self._engine.dispose()

    def abandon(self) -> None:
        """Let go of the connections of a loop that has ended without closing them; a server notices by itself."""
        if self.place.kind == "sqlite":
            for driver in self._drivers:
                ending = threading.Thread(target=driver.stop)  # in a thread without a loop: it would wait to tell the loop of this one
                ending.start()
                ending.join()
        self._engine.sync_engine.dispose(close=False)

    @property
    def _seconds(self) -> float | None:
        return None if self.place.kind == "sqlite" else _ANSWER_SECONDS

    async def _get_ready(self) -> None:
        """Once: see that a server's tables are up to date; fill an empty database."""
        if self._ready:
            return
        async with self._readying:
            if self._ready:
                return
            try:
                async with reading(self._engine) as connection:
                    found = await server_version(connection)
                if not found:
                    from zhiyin.stores.migrate import migrate_server

                    async with writing(self._engine) as connection:
                        await connection.run_sync(migrate_server, self.place)
                        await connection.commit()
            except caught() as error:
                raise fault(self.place, error) from error
            if found and found != HEAD:
                from zhiyin.stores.migrate import is_older

                raise older(self.place, found) if is_older(found) else newer(self.place, found)
            self._ready = True

    async def _commit(self, works: Sequence[Work]) -> Sequence[Any]:
        """Many pieces of work in one transaction."""
        begun = committing = False
        try:
            async with asyncio.timeout(self._seconds), writing(self._engine) as connection:
                await self._lock(connection, works)
                begun = True
                results = await self._do(connection, works, micros(self._clock()))
                committing = True
                await connection.commit()
        except caught() as error:
            # What failed while it was committed may be kept or not: trying again could keep it twice.
            raise NotCommitted(fault(self.place, error), alone=begun and not committing and not spoils_the_rest(error)) from error
        if self.place.kind == "sqlite":
            await self._trim(erased=any(isinstance(work, Erase | Delete) for work in works))
        return results

    async def _lock(self, connection: AsyncConnection, works: Sequence[Work]) -> None:
        """Writers of all processes take turns, so that places and versions become visible in their order; who follows either misses nothing."""
        if self.place.kind == "sqlite":
            await connection.execute(text("select 1"))  # begins, and with it takes the lock of the file
            return
        names = {"events" if isinstance(work, Append | Erase) else "records" for work in works}
        for name in sorted(names):  # always in one order: no two writers wait for each other
            await connection.execute(select(counters.c.value).where(counters.c.name == name).with_for_update())

    async def _do(self, connection: AsyncConnection, works: Sequence[Work], now: int) -> list[Any]:
        results: list[Any] = []
        for kind, same in groupby(works, key=_kind):
            some: list[Any] = list(same)
            if kind == "append":
                results += await rows.append_all(connection, some, now)
            elif kind == "erase":
                results += [await rows.erase(connection, work) for work in some]
            else:
                results += await documents.change_all(connection, some, now)
                if now - self._purged > _PURGE_EVERY:
                    await documents.purge(connection, now)
                    self._purged = now
        return results

    async def _trim(self, *, erased: bool) -> None:
        """After an erasure the bytes leave the write-ahead file too; where a reader is in the way, with one of the next groups."""
        self._untrimmed = self._untrimmed or erased
        if not self._untrimmed:
            return
        try:
            async with reading(self._engine) as connection:
                busy = (await connection.exec_driver_sql("pragma wal_checkpoint(truncate)")).scalar()
        except caught():
            return  # the work itself is done
        self._untrimmed = bool(busy)


def _kind(work: Work) -> str:
    return "append" if isinstance(work, Append) else "erase" if isinstance(work, Erase) else "change"


async def server_version(connection: AsyncConnection) -> str:
    """The version of a server's tables; empty where there are none."""
    try:
        return str(await connection.scalar(text(ASK)) or "")
    except ProgrammingError:  # no such table
        await connection.rollback()
        return ""
