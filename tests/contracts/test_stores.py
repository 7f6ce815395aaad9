"""Every event log keeps the contract; the SQLite file some more."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from zhiyin.errors import StoreError
from zhiyin.ports import Store
from zhiyin.stores.memory import MemoryStore
from zhiyin.stores.sqlite import SqliteStore
from zhiyin.testing import NOON, StoreContract, every_event
from zhiyin.types import Fed, ItemId, SessionId, UserId

ANN, BO, MORNING = UserId("ann"), UserId("bo"), SessionId("morning")


class TestMemoryStore(StoreContract):
    def make(self, folder: Path) -> Store:
        return MemoryStore()


class TestSqliteStore(StoreContract):
    def make(self, folder: Path) -> Store:
        return SqliteStore(folder / "deep" / "down" / "log.db")


class TestSqliteStoreInMemory(StoreContract):
    def make(self, folder: Path) -> Store:
        return SqliteStore(":memory:")


def secret(user: UserId = ANN) -> Fed:
    return Fed(user=user, kind="like", item=ItemId("xyzzy-secret-lamp"), time=NOON)


def bytes_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


async def test_a_log_survives_reopening(tmp_path: Path) -> None:
    first = SqliteStore(tmp_path / "log.db")
    await first.append(MORNING, ANN, *every_event())
    await first.close()
    again = SqliteStore(tmp_path / "log.db")
    assert list(await again.events(MORNING)) == list(every_event())
    assert list(await again.sessions(ANN)) == [MORNING]
    await again.append(MORNING, ANN, secret())
    assert list(await again.events(MORNING)) == [*every_event(), secret()]
    await again.close()


async def test_what_was_acknowledged_is_in_the_file_before_it_is_closed(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "log.db")
    await store.append(MORNING, ANN, *every_event())
    with closing(sqlite3.connect(tmp_path / "log.db")) as other:
        assert other.execute("select count(*) from events").fetchone() == (len(every_event()),)
    await store.close()


async def test_two_programs_may_share_one_log(tmp_path: Path) -> None:
    one, other = SqliteStore(tmp_path / "log.db"), SqliteStore(tmp_path / "log.db")
    await one.append(MORNING, ANN, secret())
    await other.append(MORNING, ANN, *every_event())
    assert list(await one.events(MORNING)) == [secret(), *every_event()]
    await one.close()
    await other.close()


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("dear diary, " * 500, encoding="utf-8")
    with pytest.raises(StoreError, match=r"notes\.txt"):
        SqliteStore(path)
    assert path.read_text(encoding="utf-8") == "dear diary, " * 500


def test_a_folder_in_the_place_of_the_log_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="log") as caught:
        SqliteStore(tmp_path)
    assert caught.value.hint


async def test_the_bytes_of_a_forgotten_user_leave_the_files(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "log.db")
    for _ in range(40):
        await store.append(MORNING, ANN, secret(), *every_event())
    await store.append(SessionId("evening"), BO, *every_event(user=BO))
    assert b"xyzzy-secret-lamp" in bytes_in(tmp_path)
    assert await store.forget(ANN) == 40 * (1 + len(every_event()))
    assert b"xyzzy-secret-lamp" not in bytes_in(tmp_path)
    await store.close()
    assert b"xyzzy-secret-lamp" not in bytes_in(tmp_path)
    assert b"bo" in bytes_in(tmp_path)


async def test_a_batch_that_fails_halfway_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    store = SqliteStore(path)
    await store.append(MORNING, ANN, *every_event())
    with closing(sqlite3.connect(path)) as other:
        other.execute("create trigger full before insert on events when instr(new.event, 'xyzzy') begin select raise(abort, 'disk full'); end")
        other.commit()
    with pytest.raises(StoreError, match=r"log\.db.*disk full"):
        await store.append(MORNING, ANN, *every_event(), secret(), *every_event())
    assert list(await store.events(MORNING)) == list(every_event())
    await store.append(MORNING, ANN, *every_event())  # and the log goes on
    assert len(await store.events(MORNING)) == 2 * len(every_event())
    await store.close()


async def test_an_event_nobody_can_read_raises_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    store = SqliteStore(path)
    with closing(sqlite3.connect(path)) as other:
        other.execute("insert into events (session, user, event) values ('morning', 'ann', '{\"type\": \"dreamt\"}')")
        other.commit()
    with pytest.raises(StoreError, match="cannot be read"):
        await store.events(MORNING)
    await store.close()


async def test_a_closed_log_raises_instead_of_losing_events(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "log.db")
    await store.close()
    with pytest.raises(StoreError, match=r"log\.db"):
        await store.append(MORNING, ANN, secret())
