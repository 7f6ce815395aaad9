"""A log on PostgreSQL and MariaDB whose server refuses, goes away, hangs and comes back; databases that are empty, older, newer or somebody else's."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import time
from dataclasses import replace
from functools import partial
from typing import cast

import pytest

from fakes.database_servers import DatabaseServer, sql
from servers import fresh_database
from zhiyin.errors import StoreError, StoreUnreachable
from zhiyin.stores.sql import SqlStore
from zhiyin.testing import NOON, every_event
from zhiyin.types import Fed, ItemId, SessionId, UserId

pytestmark = pytest.mark.servers
ANN, MORNING = UserId("ann"), SessionId("morning")
BOTH = pytest.mark.parametrize("kind", ["PostgreSQL", "MariaDB"])


def numbered(n: int) -> Fed:
    return Fed(user=ANN, kind="click", item=ItemId(str(n)), id=f"e{n}", time=NOON)


@pytest.fixture
def url(kind: str):
    with fresh_database(kind) as found:
        yield found


@pytest.fixture
def private(kind: str, request: pytest.FixtureRequest) -> DatabaseServer:
    return cast("DatabaseServer", request.getfixturevalue({"PostgreSQL": "private_postgres", "MariaDB": "private_mariadb"}[kind]))


@pytest.fixture(autouse=True)
def _nothing_is_logged_or_left(caplog: pytest.LogCaptureFixture):
    """Drivers and pools complain to nobody, and no connection is left to the garbage collector."""
    yield
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


# --- who is there ---


@BOTH
async def test_nobody_at_the_address_is_said_quickly(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    store = SqlStore(f"{'postgresql' if kind == 'PostgreSQL' else 'mysql'}://ann:xyzzy@127.0.0.1:{port}/zhiyin")
    started = time.monotonic()
    for call in (partial(store.append, MORNING, ANN, numbered(1)), partial(store.events, MORNING), partial(store.get, "item", "a")):
        with pytest.raises(StoreUnreachable, match=rf"127\.0\.0\.1:{port}/zhiyin does not answer") as caught:
            await call()
        assert caught.value.retryable
        assert "xyzzy" not in f"{caught.value}{caught.value.__cause__}{caught.value.hint}"
    assert time.monotonic() - started < 5
    await store.close()


@BOTH
async def test_a_server_that_never_answers_is_given_up(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zhiyin.stores.opened._CONNECT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = SqlStore(f"{'postgresql' if kind == 'PostgreSQL' else 'mysql'}://ann:xyzzy@127.0.0.1:{silent.getsockname()[1]}/zhiyin")
        started = time.monotonic()
        with pytest.raises(StoreUnreachable):
            await store.events(MORNING)
        assert time.monotonic() - started < 3
        await store.close()


@BOTH
async def test_a_database_that_is_not_there_is_named(url: str) -> None:
    store = SqlStore(f"{url}_not")
    with pytest.raises(StoreError, match="does not exist") as caught:
        await store.events(MORNING)
    assert not isinstance(caught.value, StoreUnreachable)
    assert "CREATE DATABASE" in caught.value.hint
    await store.close()


async def test_a_wrong_password_is_said_but_not_shown(private_mariadb: DatabaseServer) -> None:
    store = SqlStore(private_mariadb.url.replace("root@", "root:xyzzy%40:@"))
    with pytest.raises(StoreError, match="lets us not in") as caught:
        await store.events(MORNING)
    assert "xyzzy" not in f"{caught.value} {caught.value.__cause__} {caught.value.__cause__!r}"
    assert "root:***@" in str(caught.value)
    await store.close()


# --- whose tables ---


@BOTH
async def test_an_empty_database_is_filled_once_whoever_comes_first(url: str) -> None:
    stores = [SqlStore(url) for _ in range(5)]
    assert await asyncio.gather(*(store.append(MORNING, ANN, numbered(n)) for n, store in enumerate(stores))) == [(True,)] * 5
    assert len(await stores[0].events(MORNING)) == 5
    for store in stores:
        await store.close()


@BOTH
async def test_tables_of_another_release_are_left_alone(url: str) -> None:
    store = SqlStore(url)
    await store.append(MORNING, ANN, numbered(1))
    await store.close()
    for version, said, hint in (("0001", "of version 0001; this Zhiyin needs", "zhiyin db migrate"), ("9999", "version 9999, which this Zhiyin does not know", "newer Zhiyin")):
        await asyncio.to_thread(sql, url, f"update zhiyin_schema set version_num = '{version}'")
        store = SqlStore(url)
        with pytest.raises(StoreError, match=said) as caught:
            await store.append(MORNING, ANN, numbered(2))
        assert hint in caught.value.hint
        with pytest.raises(StoreError):
            await store.events(MORNING)
        await store.close()


@BOTH
async def test_a_table_of_somebody_else_is_not_touched(url: str) -> None:
    await asyncio.to_thread(sql, url, "create table events (what int)")
    store = SqlStore(url)
    with pytest.raises(StoreError, match="'events' that is not ours"):
        await store.events(MORNING)
    await store.close()
    assert await asyncio.to_thread(sql, url, "select count(*) from events") == [(0,)]


# --- a server that goes away ---


async def survived(server: DatabaseServer, store: SqlStore, *, kill: bool) -> None:
    """Write without a pause while the server goes and comes: whatever was acknowledged is there, once; errors say that it is gone."""
    acknowledged: list[int] = []
    failed: list[StoreError] = []
    back, stopped = asyncio.Event(), asyncio.Event()
    at_return = 0

    async def write(start: int) -> None:
        n = start
        while not stopped.is_set():
            try:
                assert await store.append(MORNING, ANN, numbered(n)) in {(True,), (False,)}
                acknowledged.append(n)
                n += 10
                if back.is_set() and len(acknowledged) > at_return + 50:
                    stopped.set()
            except StoreError as error:
                failed.append(error)
                await asyncio.sleep(0.02)

    writing = [asyncio.create_task(write(start)) for start in range(10)]
    await asyncio.sleep(0.4)
    before = len(acknowledged)
    await asyncio.to_thread(server.kill if kill else server.stop)
    await asyncio.sleep(0.3)
    await asyncio.to_thread(server.start)
    at_return = len(acknowledged)
    back.set()
    async with asyncio.timeout(20):
        await asyncio.gather(*writing)
    assert before
    assert failed
    assert {type(error) for error in failed} == {StoreUnreachable}, {str(error) for error in failed}
    kept = [int(event.item) for event in await store.events(MORNING) if isinstance(event, Fed)]
    assert sorted(kept) == sorted(acknowledged)


@BOTH
@pytest.mark.slow
@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
async def test_a_server_that_goes_and_comes_back_loses_nothing_acknowledged(private: DatabaseServer, kill: bool) -> None:
    store = SqlStore(private.url)
    await store.append(SessionId("evening"), ANN, *every_event())
    await survived(private, store, kill=kill)
    assert list(await store.events(SessionId("evening"))) == list(every_event())
    await store.close()


@BOTH
@pytest.mark.slow
async def test_a_server_that_hangs_is_given_up_and_found_again(private: DatabaseServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zhiyin.stores.database._ANSWER_SECONDS", 1)
    store = SqlStore(private.url)
    await store.append(MORNING, ANN, numbered(0))
    private.pause()
    try:
        for call in (partial(store.events, MORNING), partial(store.append, MORNING, ANN, numbered(1))):
            started = time.monotonic()
            with pytest.raises(StoreUnreachable, match="in time"):
                await call()
            assert time.monotonic() - started < 10
    finally:
        private.resume()
    assert await store.append(MORNING, ANN, numbered(1)) in {(True,), (False,)}
    assert [event.item for event in await store.events(MORNING) if isinstance(event, Fed)] == ["0", "1"]
    await store.close()


@BOTH
async def test_a_store_may_be_closed_while_its_server_is_gone(private: DatabaseServer) -> None:
    store = SqlStore(private.url)
    await asyncio.gather(*(store.append(MORNING, ANN, numbered(n)) for n in range(5)), *(store.events(MORNING) for _ in range(5)))
    await asyncio.to_thread(private.kill)
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.events(MORNING)


async def test_one_append_too_large_for_the_server_harms_nobody(private_mariadb: DatabaseServer) -> None:
    store = SqlStore(private_mariadb.url)
    await store.append(MORNING, ANN, numbered(0))
    monster = replace(numbered(1), comment="x" * 17_000_000)  # max_allowed_packet is 16 MB
    done = await asyncio.gather(store.append(MORNING, ANN, numbered(2)), store.append(MORNING, ANN, monster), store.append(MORNING, ANN, numbered(3)), return_exceptions=True)
    assert [isinstance(result, StoreError) for result in done] == [False, True, False]
    assert [event.item for event in await store.events(MORNING) if isinstance(event, Fed)] == ["0", "2", "3"]
    await store.close()
