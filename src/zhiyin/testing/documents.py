"""What every `Records` promises, as test suites to inherit from: one for any, one for those that several processes may open."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio

from zhiyin.errors import StoreError
from zhiyin.ports import Records, Store
from zhiyin.records import Record
from zhiyin.testing.events import NOON, HandClock
from zhiyin.testing.logs import BAD_IDS, ODD_IDS


class Filed(Store, Records, Protocol):
    """Documents beside a log, with which they are closed."""


@pytest.mark.asyncio
class RecordsContract(ABC):
    """What `Records` promise. Inherit, name the class `Test...`, and say how to `open` empty ones."""

    @abstractmethod
    def open(self, folder: Path, clock: Callable[[], datetime]) -> Filed:
        """New, empty records, which may keep files in `folder` and know the time from `clock`."""

    @pytest.fixture
    def clock(self) -> HandClock:
        """The time, moved by hand."""
        return HandClock()

    @pytest_asyncio.fixture
    async def filed(self, tmp_path: Path, clock: HandClock) -> AsyncGenerator[Filed, None]:
        """The records under test, closed afterwards."""
        filed = self.open(tmp_path, clock)
        yield filed
        await filed.close()

    async def test_there_is_nothing_at_first(self, filed: Filed) -> None:
        """And deleting it changes nothing."""
        assert await filed.get("item", "a") is None
        assert list(await filed.page("item")) == list(await filed.changes(0)) == []
        assert not await filed.delete("item", "a")
        assert list(await filed.changes(0)) == []

    async def test_a_document_comes_back_as_it_was_put(self, filed: Filed, clock: HandClock) -> None:
        """With its version and the moment it was put."""
        clock.go(0.000_001)
        version = await filed.put("item", "a", '{"标题": "🌙", "n": 1.0}\n ')
        assert version > 0
        assert await filed.get("item", "a") == Record(kind="item", key="a", value='{"标题": "🌙", "n": 1.0}\n ', version=version, changed=NOON + timedelta(microseconds=1))
        assert await filed.get("items", "a") is None
        assert await filed.get("item", "A") is None

    async def test_versions_grow_with_every_change_of_any_document(self, filed: Filed) -> None:
        """The same value again counts too."""
        versions = [await filed.put("item", "a", "1"), await filed.put("key", "a", "2"), await filed.put("item", "a", "1")]
        assert await filed.delete("key", "a")
        versions += [(await filed.changes(versions[-1]))[0].version, await filed.put("item", "b", "")]
        assert versions == sorted(set(versions))
        found = await filed.get("item", "b")
        assert found is not None
        assert found.value == ""

    async def test_what_is_deleted_is_gone_but_seen(self, filed: Filed, clock: HandClock) -> None:
        """Its kind, its key and when; without its value."""
        version = await filed.put("item", "a", "1")
        clock.go(5)
        assert await filed.delete("item", "a")
        assert not await filed.delete("item", "a")
        assert await filed.get("item", "a") is None
        assert list(await filed.page("item")) == []
        (mark,) = await filed.changes(version)
        assert (mark.kind, mark.key, mark.value, mark.changed) == ("item", "a", None, NOON + timedelta(seconds=5))
        assert await filed.put("item", "a", "2") > mark.version
        assert [record.value for record in await filed.changes(0)] == ["2"]

    async def test_only_new_never_overwrites(self, filed: Filed, clock: HandClock) -> None:
        """A document that was deleted or has expired may be put again."""
        first = await filed.put("once", "a", "1", only_new=True)
        assert first > 0
        assert await filed.put("once", "a", "2", only_new=True) == 0
        assert [(record.value, record.version) for record in await filed.changes(0)] == [("1", first)]
        await filed.delete("once", "a")
        assert await filed.put("once", "a", "3", only_new=True, expires=NOON + timedelta(seconds=10)) > first
        assert await filed.put("once", "a", "4", only_new=True) == 0
        clock.go(10)
        assert await filed.put("once", "a", "5", only_new=True) > first
        found = await filed.get("once", "a")
        assert found is not None
        assert found.value == "5"

    async def test_only_one_of_many_is_first(self, filed: Filed) -> None:
        """Also where they come in one group."""
        versions = await asyncio.gather(*(filed.put("once", "a", str(n), only_new=True) for n in range(20)))
        assert sum(version > 0 for version in versions) == 1
        found = await filed.get("once", "a")
        assert found is not None
        assert (versions[int(found.value or -1)], found.version) == (max(versions), max(versions))

    async def test_changes_at_the_same_time_come_out_as_one_after_the_other(self, filed: Filed) -> None:
        """In the order they were asked for."""
        await asyncio.gather(filed.put("a", "x", "1"), filed.delete("a", "x"), filed.put("a", "x", "2", only_new=True), filed.put("a", "y", "3"), filed.delete("a", "y"))
        assert [(record.key, record.value) for record in await filed.changes(0)] == [("x", "2"), ("y", None)]

    async def test_what_has_expired_is_gone(self, filed: Filed, clock: HandClock) -> None:
        """To the moment; nobody needs to clear it away."""
        await filed.put("answer", "a", "1", expires=NOON + timedelta(seconds=10))
        await filed.put("answer", "b", "2")
        clock.go(9.999_999)
        assert [record.key for record in await filed.page("answer")] == ["a", "b"]
        clock.go(0.000_001)
        assert await filed.get("answer", "a") is None
        assert [record.key for record in await filed.page("answer")] == ["b"]
        assert {record.key: record.value for record in await filed.changes(0)}.get("a") is None
        assert not await filed.delete("answer", "a")
        await filed.put("answer", "b", "3", expires=NOON)
        assert await filed.get("answer", "b") is None

    async def test_a_new_document_does_not_inherit_an_expiry(self, filed: Filed, clock: HandClock) -> None:
        """The last put alone counts."""
        await filed.put("answer", "a", "1", expires=NOON + timedelta(seconds=10))
        await filed.put("answer", "a", "2")
        clock.go(3600 * 24 * 365)
        await filed.put("answer", "other", "3")  # time to clear away
        found = await filed.get("answer", "a")
        assert found is not None
        assert found.value == "2"

    async def test_paging_meets_every_document_once(self, filed: Filed) -> None:
        """By key, sorted by code point in every database; of one kind."""
        keys = ["b", "a", "B", "é", "波", "🌙", "a ", "aa", "10", "9"]
        for key in keys:
            await filed.put("item", key, key)
        await filed.put("Item", "c", "c")
        assert [record.key for record in await filed.page("item")] == sorted(keys)
        for size in (1, 3, 10):
            met: list[Record] = []
            while page := await filed.page("item", after=met[-1].key if met else "", limit=size):
                assert len(page) <= size
                met += page
            assert [record.key for record in met] == sorted(keys)
        assert list(await filed.page("item", limit=0)) == []

    async def test_changes_come_in_order_each_document_once(self, filed: Filed) -> None:
        """As it is now; in pages too."""
        for n in range(9):
            await filed.put("item", str(n % 5), str(n))
        await filed.delete("item", "1")
        everything = list(await filed.changes(0))
        assert [(record.key, record.value) for record in everything] == [("4", "4"), ("0", "5"), ("2", "7"), ("3", "8"), ("1", None)]
        met: list[Record] = []
        while page := await filed.changes(met[-1].version if met else 0, limit=2):
            met += page
        assert met == everything
        assert list(await filed.changes(everything[-1].version)) == list(await filed.changes(2**80)) == []
        assert list(await filed.changes(0, limit=0)) == []

    async def test_keys_and_kinds_are_taken_as_they_are(self, filed: Filed) -> None:
        """Byte for byte, up to 255 characters."""
        await asyncio.gather(*(filed.put(name, other, f"{name}{other}") for name, other in zip(ODD_IDS, reversed(ODD_IDS), strict=True)))
        await asyncio.gather(*(filed.put("of one kind", name, name) for name in ODD_IDS))
        for name, other in zip(ODD_IDS, reversed(ODD_IDS), strict=True):
            assert [record.value for record in await filed.page(name)] == [f"{name}{other}"]
            found = await filed.get("of one kind", name)
            assert found is not None
            assert found.value == name

    @pytest.mark.parametrize("bad", BAD_IDS, ids=["long", "nul", "half a character"])
    async def test_what_cannot_be_kept_is_refused_by_name(self, filed: Filed, bad: str) -> None:
        """Whoever asks for it finds nothing."""
        for place, name in (((bad, "a"), "kind"), (("item", bad), "key")):
            with pytest.raises(StoreError, match=name):
                await filed.put(*place, "1")
            assert await filed.get(*place) is None
            assert not await filed.delete(*place)
        if len(bad) < 256:
            with pytest.raises(StoreError, match="value"):
                await filed.put("item", "a", bad)
        assert list(await filed.page(bad)) == []
        assert list(await filed.changes(0)) == []

    async def test_large_documents_are_kept_whole(self, filed: Filed) -> None:
        """Three megabytes of moons."""
        await filed.put("item", "a", "🌙" * 750_000)
        found = await filed.get("item", "a")
        assert found is not None
        assert found.value == "🌙" * 750_000

    async def test_a_thousand_at_once(self, filed: Filed) -> None:
        """Each its own version."""
        versions = await asyncio.gather(*(filed.put("item", f"{n:04}", str(n)) for n in range(1000)))
        assert len(set(versions)) == 1000
        assert [record.key for record in await filed.changes(0)] == [f"{n:04}" for n in range(1000)]
        assert len(await filed.page("item", limit=5000)) == 1000


@pytest.mark.asyncio
class SharedRecordsContract(ABC):
    """What `Records` promise to several processes. `open` called again with the same folder opens the same ones."""

    @abstractmethod
    def open(self, folder: Path, clock: Callable[[], datetime]) -> Filed:
        """Records over what is kept in `folder`, or beside it."""

    @pytest_asyncio.fixture
    async def offices(self, tmp_path: Path) -> AsyncGenerator[Sequence[Filed], None]:
        """Four stores over the same records, as four processes have them."""
        several = [self.open(tmp_path, HandClock()) for _ in range(4)]
        yield several
        for filed in several:
            await filed.close()

    async def test_who_follows_the_changes_misses_none(self, offices: Sequence[Filed]) -> None:
        """However many write: a version never becomes visible after a higher one."""
        *writers, reader = offices
        seen: dict[str, str | None] = {}
        version = 0

        async def write(filed: Filed, name: str) -> None:
            for n in range(15):
                await asyncio.gather(*(filed.put("item", f"{name}{n}-{at}", str(n)) for at in range(3)))
                await filed.delete("item", f"{name}{n}-0")

        async def follow() -> None:
            nonlocal version
            for record in await reader.changes(version, limit=7):
                assert record.version > version
                version = record.version
                seen[record.key] = record.value

        writing = asyncio.gather(*(write(filed, name) for filed, name in zip(writers, "abc", strict=True)))
        while not writing.done():
            await follow()
        await writing
        while await reader.changes(version, limit=1):
            await follow()
        assert seen == {f"{name}{n}-{at}": (str(n) if at else None) for name in "abc" for n in range(15) for at in range(3)}

    async def test_only_one_of_them_is_first(self, offices: Sequence[Filed]) -> None:
        """Each time."""
        for n in range(10):
            versions = await asyncio.gather(*(filed.put("once", str(n), str(at), only_new=True) for at, filed in enumerate(offices)))
            assert sum(version > 0 for version in versions) == 1

    async def test_what_one_has_put_the_others_have_at_once(self, offices: Sequence[Filed]) -> None:
        """And what one deletes is gone for all."""
        version = await offices[0].put("item", "a", "1")
        for filed in offices:
            found = await filed.get("item", "a")
            assert found is not None
            assert (found.value, found.version) == ("1", version)
        assert await offices[1].delete("item", "a")
        assert [await filed.get("item", "a") for filed in offices] == [None] * 4
