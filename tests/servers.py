"""Database servers for tests: named by a variable, running at the usual place, or started from installed binaries; else the tests are left out, and a line says so.

Fixtures: `postgres_url`, `mariadb_url` (a fresh, empty database for each class of tests), `redis_url`, and `private_postgres`, `private_mariadb`, `private_redis`:
started servers of a test's own, with `.url`, `.stop()`, `.start()`, `.kill()`, `.pause()`, `.resume()`.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from fakes.database_servers import DatabaseServer, PrivateMariadb, PrivatePostgres, sql
from fakes.redis_server import PrivateRedis, private_redis_in

VARIABLES = {"PostgreSQL": "ZHIYIN_TEST_POSTGRES", "MariaDB": "ZHIYIN_TEST_MARIADB", "Redis": "ZHIYIN_TEST_REDIS"}
PACKAGES = {"PostgreSQL": "postgresql", "MariaDB": "mariadb-server", "Redis": "redis-server"}
USUAL = {"PostgreSQL": "postgresql://postgres@127.0.0.1:5432/postgres", "MariaDB": "mysql://root@127.0.0.1:3306/mysql"}
MAKE: dict[str, type[DatabaseServer]] = {"PostgreSQL": PrivatePostgres, "MariaDB": PrivateMariadb}
_started: list[DatabaseServer] = []


def leave_out(name: str) -> None:
    """Skip the test: in CI that is a failure (see conftest)."""
    pytest.skip(f"{_why(name)}: set {VARIABLES[name]} to a URL, or apt-get install {PACKAGES[name]}")


def _why(name: str) -> str:
    return f"no {name} here"


@cache
def server_url(name: str) -> str | None:
    """A server on which databases may be made; None where there is none and none can be started."""
    if given := os.environ.get(VARIABLES[name]):
        return given
    if _answers(USUAL[name]):
        return USUAL[name]
    if not MAKE[name].installed():
        return None
    server = MAKE[name]()
    _started.append(server)
    server.start()
    return server.url


def _answers(url: str) -> bool:
    place = urlsplit(url)
    try:
        with socket.create_connection((place.hostname, place.port), timeout=1):
            return sql(url, "select 1") == [(1,)]
    except Exception:  # noqa: BLE001  # nobody there, or somebody who does not know us
        return False


@contextmanager
def fresh_database(name: str) -> Iterator[str]:
    """The URL of an empty database that is gone afterwards."""
    found = server_url(name)
    if found is None:
        leave_out(name)
        raise AssertionError  # never reached
    database = f"zhiyin_test_{os.getpid()}_{secrets.token_hex(4)}"
    sql(found, f"create database {database}")
    place = urlsplit(found)
    try:
        yield urlunsplit(place._replace(path=f"/{database}"))
    finally:
        sql(found, f"drop database {database}{' with (force)' if name == 'PostgreSQL' else ''}")


@pytest.fixture(scope="class")
def postgres_url() -> Iterator[str]:
    """An empty PostgreSQL database of this class of tests."""
    with fresh_database("PostgreSQL") as url:
        yield url


@pytest.fixture(scope="class")
def mariadb_url() -> Iterator[str]:
    """An empty MariaDB database of this class of tests."""
    with fresh_database("MariaDB") as url:
        yield url


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis that tests may empty: the variable's, else a private one."""
    if given := os.environ.get(VARIABLES["Redis"]):
        yield given
        return
    if shutil.which("redis-server") is None:
        leave_out("Redis")
    with private_redis_in(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture
def private_redis(tmp_path: Path) -> Iterator[PrivateRedis]:
    """A started Redis of this test's own."""
    if shutil.which("redis-server") is None:
        leave_out("Redis")
    folder = tmp_path / "redis"
    folder.mkdir()
    with private_redis_in(folder) as server:
        yield server


def _private(name: str) -> Iterator[DatabaseServer]:
    if not MAKE[name].installed():
        leave_out(name)
    server = MAKE[name]()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="module")
def _postgres_of_the_module() -> Iterator[DatabaseServer]:
    yield from _private("PostgreSQL")


@pytest.fixture(scope="module")
def _mariadb_of_the_module() -> Iterator[DatabaseServer]:
    yield from _private("MariaDB")


@pytest.fixture
def private_postgres(_postgres_of_the_module: DatabaseServer) -> DatabaseServer:
    """A started PostgreSQL with a fresh database, which no other test uses meanwhile."""
    server = _postgres_of_the_module
    server.start()
    server.resume()
    sql(server.url, "drop schema public cascade", "create schema public")
    return server


@pytest.fixture
def private_mariadb(_mariadb_of_the_module: DatabaseServer) -> DatabaseServer:
    """A started MariaDB with a fresh database, which no other test uses meanwhile."""
    server = _mariadb_of_the_module
    server.start()
    server.resume()
    sql(server.url, "drop database zhiyin", "create database zhiyin")
    return server


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line on what was left out and how to get it."""
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]  # of every process that ran tests
    left_out = [name for name in sorted(VARIABLES) if any(_why(name) in reason for reason in skipped)]
    if left_out:
        how = ", ".join(f"{name} ({VARIABLES[name]} or apt-get install {PACKAGES[name]})" for name in left_out)
        terminalreporter.write_line(f"Left out for want of a server: the tests of {how}")


def pytest_unconfigure() -> None:
    """What was started for the tests ends with them."""
    while _started:
        _started.pop().remove()
