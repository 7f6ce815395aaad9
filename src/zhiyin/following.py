"""The changes of a catalogue as documents in the store: written by one worker, followed by all, read again at the next start."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing

from zhiyin.catalog.rows import item_of, kept_json
from zhiyin.errors import CacheError, StoreError
from zhiyin.living import Living
from zhiyin.ports import Bus, Records
from zhiyin.records import Record
from zhiyin.types import Item, ItemId

TOPIC = "items"
"""The bus's topic: items of the domain that is the message were changed."""
MISSED = "*"
"""The topic under which a bus says that something may have been missed."""
DELETED = "null"
"""The document of an item that was deleted; one without a document is as the catalogue's own rows have it."""
_EVERY = 0.5  # seconds: the bus may lose a message, the store does not
_PAGE = 1000
_log = logging.getLogger("zhiyin.items")


def kind_of(domain: str) -> str:
    """The kind of the documents that hold a domain's items; their key is the item's id."""
    return f"item:{domain}"


async def ids_now(own: Iterable[ItemId], records: Records, domain: str) -> tuple[ItemId, ...]:
    """The ids of a catalogue's own items and of those put in since, without what was deleted; for those who need no more than ids."""
    ids = dict.fromkeys(own)
    after = ""
    while page := await records.page(kind_of(domain), after=after, limit=_PAGE):
        for record in page:
            if record.value == DELETED:
                ids.pop(ItemId(record.key), None)
            elif record.value is not None:
                ids[ItemId(record.key)] = None
        after = page[-1].key
    return tuple(ids)


class KeptItems:
    """A living catalogue kept in step with its documents."""

    def __init__(self, living: Living, records: Records, bus: Bus, *, every: float = _EVERY) -> None:
        self.living, self._records, self._bus, self._every = living, records, bus, every
        self._domain = living.view.catalog.domain.name
        self._kind = kind_of(self._domain)
        self._version = 0
        self._reading = asyncio.Lock()
        self._rung = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def put(self, items: Sequence[Item]) -> None:
        """Keep items, durably, in the place of those of their ids or as new ones; this worker shows them when the call returns, the others within a second."""
        await self.change(items)

    async def delete(self, ids: Iterable[ItemId]) -> None:
        """Take items out, durably: those of the catalogue's own rows too. Ids that are not there do not matter."""
        await self.change((), ids)

    async def change(self, put: Sequence[Item], delete: Iterable[ItemId] = ()) -> None:
        """Both in one step; an id in both is put. Raises `StoreError` where not all could be kept: what was is shown, and all may be sent again."""
        wanted = {**dict.fromkeys(delete, DELETED), **{item.id: kept_json(item) for item in put}}
        if not wanted:
            return
        done = await asyncio.gather(*(self._records.put(self._kind, key, value) for key, value in wanted.items()), return_exceptions=True)
        await self._bus.publish(TOPIC, self._domain)
        await self.catch_up()
        for failed in (d for d in done if isinstance(d, BaseException)):
            raise failed

    async def load(self) -> int:
        """Take up all that was changed before, once, at the start; how many rows that touched."""
        self._version = await self._records.put("mark", "followed", "")  # the newest version there is: what comes later is followed
        found: list[Record] = []
        while page := await self._records.page(self._kind, after=found[-1].key if found else "", limit=_PAGE):
            found += page
        return await self._take(found)

    async def catch_up(self) -> None:
        """Take up what has changed since the last time."""
        async with self._reading:
            while page := await self._records.changes(self._version, limit=_PAGE):
                await self._take([record for record in page if record.kind == self._kind])
                self._version = page[-1].version

    @property
    def following(self) -> bool:
        """Whether changes are followed."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    async def follow(self) -> None:
        """Load, and take up every change from now on, until `stop`: as soon as the bus tells of it, else within half a second."""
        told = self._bus.listen(TOPIC)  # before anything else: a task would begin to listen too late
        await self.load()
        self._tasks = [asyncio.create_task(self._listen(told), name="items told"), asyncio.create_task(self._follow(), name="items followed")]

    async def stop(self) -> None:
        """Follow no longer."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self, told: AsyncGenerator[tuple[str, str], None]) -> None:
        async with aclosing(told):
            async for topic, message in told:
                if topic == MISSED or message == self._domain:
                    self._rung.set()

    async def _follow(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._every):
                    await self._rung.wait()
            except TimeoutError:
                pass
            self._rung.clear()
            try:
                await self.catch_up()
            except (StoreError, CacheError) as error:
                _log.warning("changes of items cannot be taken up, tried again soon: %s", error)

    async def _take(self, records: Sequence[Record]) -> int:
        put: dict[ItemId, Item] = {}
        delete: set[ItemId] = set()
        restore: set[ItemId] = set()
        for record in records:  # each document stands once, as it is now
            item_id = ItemId(record.key)
            if record.value is None:
                restore.add(item_id)
            elif record.value == DELETED:
                delete.add(item_id)
            else:
                try:
                    put[item_id] = item_of(item_id, json.loads(record.value))
                except (ValueError, TypeError, KeyError, AttributeError):
                    _log.warning("the document of an item cannot be read and is left out; it may come from a newer version: %s", record.key)
        return len(await self.living.change(tuple(put.values()), delete, restore)) if records else 0
