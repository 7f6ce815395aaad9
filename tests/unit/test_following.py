"""Items as documents: what one worker changes the others have within a second, and the next start has it all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.house import living_app
from zhiyin.bootstrap import App
from zhiyin.errors import StoreError
from zhiyin.following import KeptItems, kind_of
from zhiyin.live.bus import LocalBus
from zhiyin.records import Record
from zhiyin.stores.memory import MemoryStore
from zhiyin.testing import tiny_items
from zhiyin.types import Item, ItemId

EMBER = ItemId("ember")
HALO = Item(id=ItemId("halo"), titles={"en": "Halo"}, attributes={"colours": ("red", "amber"), "price": 120, "dimmable": True}, aliases=("Ring",), texts={"zh": "一圈光。"})
KIND = kind_of("lamps")


def worker(folder: Path, store: MemoryStore, bus: LocalBus, *, every: float = 60.0) -> tuple[App, KeptItems]:
    app = living_app(folder, store=store)
    assert app.living is not None
    return app, KeptItems(app.living, store, bus, every=every)


async def until(holds: Callable[[], bool], seconds: float = 5.0) -> float:
    begun = asyncio.get_running_loop().time()
    while not holds():
        assert asyncio.get_running_loop().time() < begun + seconds, "it did not come to this in time"
        await asyncio.sleep(0.005)
    return asyncio.get_running_loop().time() - begun


@pytest.mark.parametrize("by_bus", [True, False])
async def test_another_worker_sees_a_change_within_a_second(tmp_path: Path, *, by_bus: bool) -> None:
    store, bus = MemoryStore(), LocalBus()
    here, mine = worker(tmp_path / "a", store, bus)
    there, theirs = worker(tmp_path / "b", store, bus if by_bus else LocalBus(), every=60 if by_bus else 0.5)
    await mine.follow()
    await theirs.follow()
    await mine.change([HALO, replace(tiny_items()[0], titles={"en": "Luna"})], [EMBER])
    assert here.catalog.item(HALO.id) == HALO
    assert await until(lambda: there.catalog.item(HALO.id) is not None) < 1.0
    assert there.catalog.item(HALO.id) == HALO
    assert there.catalog.item(EMBER) is None
    assert there.catalog.ids == here.catalog.ids
    assert there.engine.find is not here.engine.find
    await mine.stop()
    await theirs.stop()


async def test_the_next_start_has_the_documents_over_the_rows_of_the_pack(tmp_path: Path) -> None:
    store, bus = MemoryStore(), LocalBus()
    _, first = worker(tmp_path, store, bus)
    await first.load()
    await first.put([HALO, replace(tiny_items()[1], titles={"en": "Luna"})])
    await first.delete([EMBER, ItemId("nobody")])
    await first.delete([HALO.id])
    await first.put([replace(HALO, titles={"en": "Halo II"})])
    app, second = worker(tmp_path, store, bus)
    assert app.catalog.item(EMBER) is not None
    assert await second.load() == 3
    assert app.catalog.item(EMBER) is None
    assert app.catalog.item(HALO.id) == replace(HALO, titles={"en": "Halo II"})
    moon = app.catalog.item(ItemId("moon-2"))
    assert moon is not None
    assert moon.titles == {"en": "Luna"}
    assert len(app.catalog) == 9


async def test_a_document_that_goes_leaves_the_row_as_the_pack_has_it(tmp_path: Path) -> None:
    store, bus = MemoryStore(), LocalBus()
    app, items = worker(tmp_path, store, bus)
    await items.load()
    await items.change([HALO], [EMBER])
    await store.delete(KIND, EMBER)
    await store.delete(KIND, HALO.id)
    await items.catch_up()
    assert app.catalog.item(EMBER) == tiny_items()[3]
    assert app.catalog.item(HALO.id) is None


async def test_items_of_another_domain_are_not_ours(tmp_path: Path) -> None:
    store, bus = MemoryStore(), LocalBus()
    app, items = worker(tmp_path, store, bus)
    await store.put(kind_of("phones"), EMBER, "null")
    await items.load()
    await store.put(kind_of("phones"), "moon-1", "null")
    await items.catch_up()
    assert len(app.catalog) == 9


async def test_more_than_a_page_of_changes_is_taken_up(tmp_path: Path) -> None:
    store, bus = MemoryStore(), LocalBus()
    app, items = worker(tmp_path, store, bus)
    await items.follow()
    many = [replace(HALO, id=ItemId(f"halo-{n}"), titles={"en": f"Halo {n}"}) for n in range(1500)]
    await items.put(many)
    assert len(app.catalog) == 1509
    await items.stop()
    again, more = worker(tmp_path, store, bus)
    assert await more.load() == 1500
    assert again.catalog.ids == app.catalog.ids


async def test_a_document_nobody_can_read_is_left_out_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store, bus = MemoryStore(), LocalBus()
    app, items = worker(tmp_path, store, bus)
    for key, value in {"a": "{", "b": "[]", "c": '{"titles": {}}', "d": '{"titles": {"en": "D"}, "attributes": 3, "aliases": [], "texts": {}, "variants": []}'}.items():
        await store.put(KIND, key, value)
    await items.put([HALO])
    with caplog.at_level(logging.WARNING):
        await items.load()
    assert len(app.catalog) == 10
    assert sum("cannot be read" in line for line in caplog.messages) >= 4


class Failing(MemoryStore):
    """A store that refuses some documents, or everything for a while."""

    down = False

    async def put(self, kind: str, key: str, value: str, /, **given: object) -> int:
        if key == "halo-1":
            raise StoreError("the disk is full")
        return await super().put(kind, key, value, **given)  # type: ignore[arg-type]

    async def changes(self, version: int, /, *, limit: int = 1000) -> tuple[Record, ...]:
        if self.down:
            raise StoreError("the database does not answer")
        return tuple(await super().changes(version, limit=limit))


async def test_what_could_be_kept_of_a_batch_is_shown_and_the_rest_is_told(tmp_path: Path) -> None:
    store = Failing()
    app, items = worker(tmp_path, store, LocalBus())
    await items.load()
    with pytest.raises(StoreError, match="disk is full"):
        await items.put([replace(HALO, id=ItemId(f"halo-{n}")) for n in range(3)])
    assert {i for i in app.catalog.ids if i.startswith("halo")} == {"halo-0", "halo-2"}


async def test_a_store_that_was_down_is_followed_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Failing()
    app, items = worker(tmp_path, store, LocalBus(), every=0.01)
    await items.follow()
    store.down = True
    await store.put(KIND, EMBER, "null")
    with caplog.at_level(logging.WARNING):
        await until(lambda: any("tried again" in line for line in caplog.messages))
    assert items.following
    store.down = False
    await until(lambda: app.catalog.item(EMBER) is None)
    await items.stop()
    assert not items.following


async def test_a_bus_that_missed_something_has_the_store_asked_at_once(tmp_path: Path) -> None:
    store, bus = MemoryStore(), LocalBus()
    app, items = worker(tmp_path, store, bus)
    await items.follow()
    await store.put(KIND, EMBER, "null")
    await asyncio.sleep(0.02)
    assert app.catalog.item(EMBER) is not None
    bus.resync()
    await until(lambda: app.catalog.item(EMBER) is None)
    await items.stop()
