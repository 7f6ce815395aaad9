"""Every log, archive and file of documents keeps its contract: in memory, in a SQLite file, on PostgreSQL and on MariaDB."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from fakes.database_servers import sql
from zhiyin.stores.memory import MemoryStore
from zhiyin.stores.sql import SqlStore
from zhiyin.testing import (
    ArchiveContract,
    HandClock,
    RecordsContract,
    SharedArchiveContract,
    SharedRecordsContract,
    SharedStoreContract,
    StoreContract,
)


class EveryContract(StoreContract, ArchiveContract, RecordsContract):
    """What one process can see."""


class EverySharedContract(EveryContract, SharedStoreContract, SharedArchiveContract, SharedRecordsContract):
    """What several processes see too."""


class TestMemoryStore(EveryContract):
    def make(self, folder: Path) -> MemoryStore:
        return MemoryStore()

    def open(self, folder: Path, clock: Callable[[], datetime]) -> MemoryStore:
        return MemoryStore(clock)


class TestSqlite(EverySharedContract):
    def make(self, folder: Path) -> SqlStore:
        return self.open(folder, HandClock())

    def open(self, folder: Path, clock: Callable[[], datetime]) -> SqlStore:
        return SqlStore(f"sqlite:///{folder}/deep down/100%/log?.db", clock)


class OnAServer(EverySharedContract):
    """A database for the class, emptied for each test."""

    url = ""

    def make(self, folder: Path) -> SqlStore:
        return self.open(folder, HandClock())

    def open(self, folder: Path, clock: Callable[[], datetime]) -> SqlStore:
        return SqlStore(self.url, clock)


async def made(url: str) -> None:
    store = SqlStore(url)
    await store.users()
    await store.close()


@pytest.fixture(scope="class")
def postgres(postgres_url: str) -> str:
    asyncio.run(made(postgres_url))
    return postgres_url


@pytest.fixture(scope="class")
def mariadb(mariadb_url: str) -> str:
    asyncio.run(made(mariadb_url))
    return mariadb_url


@pytest.mark.servers
class TestPostgres(OnAServer):
    @pytest.fixture(autouse=True)
    def _empty(self, postgres: str) -> None:
        self.url = postgres
        sql(postgres, "truncate events, records", "update counters set value = 0")


@pytest.mark.servers
class TestMariadb(OnAServer):
    @pytest.fixture(autouse=True)
    def _empty(self, mariadb: str) -> None:
        self.url = mariadb.replace("mysql:", "mariadb:")
        sql(mariadb, "delete from events", "delete from records", "update counters set value = 0")
