"""What one worker changed and another hears of: by the bus at once, by the store within half a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import pytest

from zhiyin.errors import StoreError
from zhiyin.live.bus import LocalBus
from zhiyin.records import Record
from zhiyin.stores.memory import MemoryStore
from zhiyin.types import UserId
from zhiyin.web.changes import Changes

Heard = list[tuple[str, str | None]]


@asynccontextmanager
async def following(store: MemoryStore, bus: LocalBus, heard: Heard, *, every: float) -> AsyncGenerator[Changes, None]:
    changes = Changes(store, bus, every=every)

    async def hear(record: Record) -> None:
        heard.append((record.key, record.value))

    changes.on("item", hear)
    changes.on_taste(lambda user: heard.append(("taste", user)))
    await changes.start()
    try:
        yield changes
    finally:
        await changes.stop()


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not come to this in time")


async def test_what_another_worker_changed_is_heard_in_order_and_once_told() -> None:
    store, bus, here, there = MemoryStore(), LocalBus(), [], []
    await store.put("item", "old", "before we looked")
    async with following(store, bus, here, every=60), following(store, bus, there, every=60) as other:
        await store.put("item", "moon-1", "a")
        await store.put("key", "of no concern", "x")
        await store.put("item", "moon-2", "b")
        await store.delete("item", "moon-1")
        await other.changed("item")
        await until(lambda: len(here) >= 2 and len(there) >= 2)
    assert here == there == [("moon-2", "b"), ("moon-1", None)]


async def test_where_the_bus_is_silent_the_store_is_asked() -> None:
    store, heard = MemoryStore(), []
    async with following(store, LocalBus(), heard, every=0.02):
        await store.put("item", "moon-1", "a")
        await until(lambda: heard == [("moon-1", "a")])


async def test_a_bus_that_missed_something_has_the_store_asked_at_once_and_everybodys_taste_doubted() -> None:
    store, bus, heard = MemoryStore(), LocalBus(), []
    async with following(store, bus, heard, every=60):
        await store.put("item", "moon-1", "a")
        await asyncio.sleep(0.02)
        assert heard == []
        bus.resync()
        await until(lambda: heard == [("taste", None), ("moon-1", "a")])


async def test_a_users_taste_is_told_to_the_others_and_not_to_oneself() -> None:
    store, bus, here, there = MemoryStore(), LocalBus(), [], []
    async with following(store, bus, here, every=60) as changes, following(store, bus, there, every=60):
        await changes.tasted(UserId("visitor:ann"))
        await until(lambda: there == [("taste", "visitor:ann")])
    assert here == []


class Failing(MemoryStore):
    """A store that does not answer for a while."""

    down = False

    async def changes(self, version: int, /, *, limit: int = 1000) -> tuple[Record, ...]:
        if self.down:
            raise StoreError("the database does not answer")
        return tuple(await super().changes(version, limit=limit))


async def test_a_store_that_was_down_is_followed_again() -> None:
    store, heard = Failing(), []
    async with following(store, LocalBus(), heard, every=0.01) as changes:
        store.down = True
        await store.put("item", "moon-1", "a")
        await asyncio.sleep(0.05)
        assert changes.following
        store.down = False
        await until(lambda: heard == [("moon-1", "a")])


async def test_a_callback_that_fails_is_seen() -> None:
    store, bus = MemoryStore(), LocalBus()
    async with following(store, bus, [], every=0.01) as changes:

        async def fall(record: Record) -> None:
            raise KeyError(record.key)

        changes.on("item", fall)
        await store.put("item", "moon-1", "a")
        await until(lambda: not changes.following)


@pytest.mark.parametrize("count", [1001, 2500])
async def test_many_changes_are_read_in_pages(count: int) -> None:
    store, heard = MemoryStore(), []
    async with following(store, LocalBus(), heard, every=0.01):
        for n in range(count):
            await store.put("item", str(n), "x")
        await until(lambda: len(heard) == count)
    assert [key for key, _ in heard] == [str(n) for n in range(count)]
