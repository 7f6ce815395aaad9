"""Stores opened by URL: which are known, what is said of those that are not, that no password is shown; and `zhiyin db`."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from fakes.database_servers import sql
from servers import fresh_database
from zhiyin.backends import open_store, open_stores
from zhiyin.cli.commands import run
from zhiyin.errors import SettingError
from zhiyin.settings import Settings
from zhiyin.stores.memory import MemoryStore
from zhiyin.stores.places import masked, read_place
from zhiyin.stores.sql import SqlStore
from zhiyin.testing import every_event
from zhiyin.types import SessionId, UserId

OLD = "create table events (id integer primary key autoincrement, session text not null, user text not null, event text not null) strict"


def test_one_object_serves_all_three_ports(tmp_path: Path) -> None:
    stores = open_stores(Settings(store=f"sqlite:///{tmp_path}/log.db"))
    assert isinstance(stores.log, SqlStore)
    assert stores.log is stores.archive is stores.records
    assert isinstance(open_stores(Settings(store="memory:")).records, MemoryStore)
    asyncio.run(stores.log.close())


def test_without_a_setting_the_file_is_in_the_data_folder(settings: Settings) -> None:
    asyncio.run(open_store(settings).close())
    assert (settings.data / "conversations.db").is_file()


def test_opening_a_server_needs_no_loop_and_reaches_nobody() -> None:
    stores = open_stores(Settings(store="postgresql://ann@127.0.0.1:1/zhiyin"))
    asyncio.run(stores.log.close())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite:///:memory:", "not kept in a file"),
        ("postgresql://ann:xyzzy@127.0.0.1", "names no database"),
        ("postgresql://ann:xyzzy@127.0.0.1/", "names no database"),
        ("postgresql://ann:xyzzy@127.0.0.1/a/b", "names no database"),
        ("postgresql:///zhiyin", "names no server"),
        ("mysql://ann:xyzzy@127.0.0.1:port/zhiyin", "cannot be read"),
        ("mysql://ann:xyzzy@127.0.0.1:99999/zhiyin", "cannot be read"),
        ("mysql://ann:xyzzy@[::1/zhiyin", "cannot be read"),
        ("mysql://ann:xyzzy@127.0.0.1/zhiyin?sslmode=require", "'sslmode'"),
        ("postgresql://ann:xyzzy@127.0.0.1/zhiyin?ssl_mode=require", "'ssl_mode'"),
        ("mongodb://ann:xyzzy@127.0.0.1/zhiyin", "names no back end we know"),
        ("postgresql://ann:xyz/xyzzy@zy@127.0.0.1", "cannot be read|names no"),
        ("nonsense", "names no back end we know"),
    ],
)
def test_a_url_that_means_nothing_is_refused_without_its_password(url: str, said: str) -> None:
    with pytest.raises(SettingError, match=said) as caught:
        open_stores(Settings(store=url))
    assert caught.value.hint
    shown = f"{caught.value} {caught.value.hint} {caught.value.__cause__} {caught.value.__notes__}"
    assert "xyzzy" not in shown
    assert "zhiyin" in shown.lower() or "sqlite" in shown


def test_a_url_says_who_where_and_how() -> None:
    place = read_place("postgresql://a%40b:p%2Fw@db.shop.example:6543/con%20versations?sslmode=require")
    assert (place.kind, place.user, place.password, place.host, place.port, place.database) == ("postgresql", "a@b", "p/w", "db.shop.example", 6543, "con versations")
    assert place.options == {"sslmode": "require"}
    assert "p/w" not in repr(place)
    assert "p%2Fw" not in repr(place)
    assert read_place("mariadb://ann@localhost/z").kind == "mysql"
    assert read_place("mysql://ann@/z?unix_socket=/run/mysqld/mysqld.sock").port == 3306
    assert read_place("sqlite:///a/b?.db").path == Path("a/b?.db")
    assert read_place("sqlite:////a/b.db").path == Path("/a/b.db")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mysql://ann:xyzzy@h/z", "mysql://ann:***@h/z"),
        ("mysql://ann:xy@z:zy@h/z", "mysql://ann:***@h/z"),
        ("redis://:xyzzy@h:1/0", "redis://:***@h:1/0"),
        ("mysql://ann@h:3306/z", "mysql://ann@h:3306/z"),
        ("sqlite:///a@b.db", "sqlite:///a@b.db"),
        ("memory:", "memory:"),
    ],
)
def test_only_the_password_is_masked(url: str, shown: str) -> None:
    assert masked(url) == shown


def test_a_driver_that_is_not_installed_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in {"asyncpg", "asyncmy"} else find(name))
    with pytest.raises(SettingError, match="asyncpg, which is not installed") as caught:
        open_stores(Settings(store="postgresql://ann@127.0.0.1/zhiyin"))
    assert "zhiyin[postgres]" in caught.value.hint
    with pytest.raises(SettingError, match="asyncmy") as caught:
        open_stores(Settings(store="mysql://ann@127.0.0.1/zhiyin"))
    assert "zhiyin[mysql]" in caught.value.hint


def test_doctor_shows_no_password(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZHIYIN_STORE", "postgresql://ann:xyzzy@127.0.0.1/zhiyin")
    run(["doctor", "--json"])
    shown = capsys.readouterr().out
    assert "xyzzy" not in shown
    assert json.loads(shown)["settings"]["store"][0] == "postgresql://ann:***@127.0.0.1/zhiyin"


# --- zhiyin db ---


async def written(url: str) -> None:
    store = SqlStore(url)
    await store.append(SessionId("s"), UserId("ann"), *every_event())
    await store.put("item", "a", "1")
    await store.put("item", "b", "1")
    await store.delete("item", "a")
    await store.close()


def asked(capsys: pytest.CaptureFixture[str], *arguments: str, expect: int = 0) -> dict[str, object]:
    assert run(["db", *arguments, "--json"]) == expect
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_status_of_a_file_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path}/deep/log.db"
    assert asked(capsys, "status", "--store", url)["condition"] == "absent"
    assert not (tmp_path / "deep").exists()
    asyncio.run(written(url))
    found = asked(capsys, "status", "--store", url)
    assert {**found, "place": ""} == {
        "place": "", "kind": "sqlite", "condition": "ready", "version": "0002", "needed": "0002", "events": len(every_event()), "sessions": 1, "users": 1, "documents": 1,
    }  # fmt: skip
    assert run(["db", "status", "--store", url]) == 0
    assert f"events: {len(every_event())} in 1 sessions of 1 users" in capsys.readouterr().out


def test_a_file_of_the_first_release_is_seen_and_migrated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(tmp_path / "log.db")) as database:
        database.execute(OLD)
        database.execute("insert into events (session, user, event) values ('s', 'ann', '{}')")
        database.commit()
    url = f"sqlite:///{tmp_path}/log.db"
    assert run(["db", "status", "--store", url]) == 4
    assert "first release" in capsys.readouterr().out
    found = asked(capsys, "migrate", "--store", url)
    assert found["before"]["condition"] == "older"
    assert (found["after"]["condition"], found["after"]["events"]) == ("ready", 1)
    assert run(["db", "migrate", "--store", url]) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_what_is_no_database_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("dear diary, " * 500, encoding="utf-8")
    assert run(["db", "status", "--store", f"sqlite:///{tmp_path}/notes.txt"]) == 1
    assert "notes.txt" in capsys.readouterr().err
    assert run(["db", "status", "--store", "memory:"]) == 1
    assert "no database behind" in capsys.readouterr().err


@pytest.mark.servers
@pytest.mark.parametrize("kind", ["PostgreSQL", "MariaDB"])
def test_a_database_on_a_server_is_brought_up_to_date(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    with fresh_database(kind) as url:
        assert asked(capsys, "status", "--store", url)["condition"] == "empty"
        assert asked(capsys, "migrate", "--store", url)["after"]["condition"] == "ready"
        asyncio.run(written(url))
        sql(url, "drop table records", "delete from counters where name = 'records'", "update zhiyin_schema set version_num = '0001'")
        assert asked(capsys, "status", "--store", url, expect=4)["condition"] == "older"
        assert run(["db", "migrate", "--store", url]) == 0
        assert "from version 0001 to 0002" in capsys.readouterr().out
        assert asked(capsys, "status", "--store", url)["events"] == len(every_event())
        asyncio.run(written(url))
        sql(url, "update zhiyin_schema set version_num = '9999'")
        assert run(["db", "migrate", "--store", url]) == 1
        assert "version 9999" in capsys.readouterr().err
