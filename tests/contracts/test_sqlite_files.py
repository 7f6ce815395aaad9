"""A log in a SQLite file: what is in the file and when, files of earlier releases, files that are none of ours."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from fakes.database_servers import DRIVERS
from zhiyin.errors import StoreError
from zhiyin.stores import migrate
from zhiyin.stores.codec import to_json
from zhiyin.stores.places import read_place
from zhiyin.stores.schema import metadata
from zhiyin.stores.sql import SqlStore
from zhiyin.stores.version import HEAD, VERSION_TABLE
from zhiyin.testing import NOON, HandClock, every_event
from zhiyin.types import Event, Fed, ItemId, SessionId, UserId

ANN, BO, MORNING, EVENING = UserId("ann"), UserId("bo"), SessionId("morning"), SessionId("evening")
OLD = """
create table events (id integer primary key autoincrement, session text not null, user text not null, event text not null) strict;
create index events_by_session on events (session, id);
create index events_by_user on events (user, id);
"""


def opened(path: Path, clock: Callable[[], object] | None = None) -> SqlStore:
    return SqlStore(f"sqlite:///{path}", *([clock] if clock else []))


def secret(user: UserId = ANN) -> Fed:
    return Fed(user=user, kind="like", item=ItemId("xyzzy-secret-lamp"), time=NOON)


def bytes_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if not path.name.endswith("-shm"))


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as other:
        return other.execute(query).fetchall()


def changed(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as other:
        for statement in statements:
            other.execute(statement)
        other.commit()


# --- what is in the file ---


async def test_a_log_survives_reopening(tmp_path: Path) -> None:
    first = opened(tmp_path / "log.db")
    await first.append(MORNING, ANN, *every_event())
    await first.put("item", "a", "1")
    await first.close()
    again = opened(tmp_path / "log.db")
    assert list(await again.events(MORNING)) == list(every_event())
    assert list(await again.sessions(ANN)) == [MORNING]
    await again.append(MORNING, ANN, secret())
    assert list(await again.events(MORNING)) == [*every_event(), secret()]
    assert [record.value for record in await again.changes(0)] == ["1"]
    await again.close()


async def test_what_was_acknowledged_is_in_the_file_before_it_is_closed(tmp_path: Path) -> None:
    store = opened(tmp_path / "log.db")
    await store.append(MORNING, ANN, *every_event())
    assert rows(tmp_path / "log.db", "select count(*) from events") == [(len(every_event()),)]
    await store.close()


async def test_acknowledged_means_synced_to_the_disk(tmp_path: Path) -> None:
    store = opened(tmp_path / "log.db")
    await store.append(MORNING, ANN, secret())
    database = await store._database()
    async with database._engine.connect() as connection:
        found = [(await connection.exec_driver_sql(f"pragma {name}")).scalar() for name in ("journal_mode", "synchronous", "secure_delete", "busy_timeout")]
    assert found == ["wal", 2, 1, 10_000]
    await store.close()


async def test_the_bytes_of_a_forgotten_user_leave_the_files(tmp_path: Path) -> None:
    store = opened(tmp_path / "log.db")
    for _ in range(40):
        await store.append(MORNING, ANN, secret(), *every_event())
    await store.append(EVENING, BO, *every_event(user=BO))
    await store.put("user", "ann", "xyzzy-secret-lamp")
    assert b"xyzzy-secret-lamp" in bytes_in(tmp_path)
    assert await store.forget(ANN) == 40 * (1 + len(every_event()))
    assert await store.delete("user", "ann")
    assert b"xyzzy-secret-lamp" not in bytes_in(tmp_path)
    await store.close()
    assert b"xyzzy-secret-lamp" not in bytes_in(tmp_path)
    assert b"bo" in bytes_in(tmp_path)


async def test_the_bytes_go_as_soon_as_a_reader_is_out_of_the_way(tmp_path: Path) -> None:
    store = opened(tmp_path / "log.db")
    await store.append(MORNING, ANN, secret())
    with closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None)) as reader:
        reader.execute("begin")
        reader.execute("select count(*) from events").fetchone()
        database = await store._database()
        async with database._engine.connect() as connection:
            await connection.exec_driver_sql("pragma busy_timeout = 50")  # or the checkpoint waits ten seconds for the reader
        assert await store.forget(ANN) == 1
        assert b"xyzzy-secret-lamp" in bytes_in(tmp_path)
        reader.execute("rollback")
    await store.append(EVENING, BO, *every_event(user=BO))
    assert b"xyzzy-secret-lamp" not in bytes_in(tmp_path)
    await store.close()


async def test_a_thousand_appends_share_a_few_commits(tmp_path: Path) -> None:
    store = opened(tmp_path / "log.db")
    await store.append(MORNING, ANN, secret())
    before = rows(tmp_path / "log.db", "pragma data_version")  # this connection's own
    assert before
    database = await store._database()
    commits = 0
    commit = database._writer._commit

    async def counted(works):
        nonlocal commits
        commits += 1
        return await commit(works)

    database._writer._commit = counted
    await asyncio.gather(*(store.append(SessionId(f"s{n}"), ANN, secret()) for n in range(1000)))
    assert commits < 10
    assert rows(tmp_path / "log.db", "select count(*) from events") == [(1001,)]
    await store.close()


# --- what goes wrong ---


async def test_a_batch_that_fails_halfway_leaves_nothing_and_harms_nobody(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    store = opened(path)
    await store.append(MORNING, ANN, *every_event())
    changed(path, "create trigger full before insert on events when instr(new.body, 'xyzzy') begin select raise(abort, 'not this one'); end")
    bad = store.append(MORNING, ANN, *every_event(), secret(), *every_event())
    good = [store.append(EVENING, BO, *every_event(user=BO)) for _ in range(5)]
    failed, *kept = await asyncio.gather(bad, *good, return_exceptions=True)
    assert isinstance(failed, StoreError)
    assert "log.db" in str(failed)
    assert "not this one" in str(failed)
    assert kept == [(True,) * len(every_event())] * 5
    assert list(await store.events(MORNING)) == list(every_event())
    assert len(await store.events(EVENING)) == 5 * len(every_event())
    await store.close()


async def test_what_people_said_is_in_no_error(tmp_path: Path) -> None:
    store = opened(tmp_path / "log.db")
    await store.append(MORNING, ANN, secret())
    changed(tmp_path / "log.db", "drop table counters", "drop table events")
    with pytest.raises(StoreError) as caught:
        await store.append(MORNING, ANN, secret())
    error: BaseException | None = caught.value
    while error is not None:
        assert "xyzzy" not in f"{error} {error!r}"
        error = error.__cause__
    await store.close()


async def test_an_event_nobody_can_read_raises_and_says_so(tmp_path: Path) -> None:
    store = opened(tmp_path / "log.db")
    await store.append(MORNING, ANN, secret())
    changed(tmp_path / "log.db", 'update events set body = \'{"type": "dreamt"}\'')
    with pytest.raises(StoreError, match="cannot be read"):
        await store.events(MORNING)
    await store.close()


async def test_a_closed_log_raises_instead_of_losing_events(tmp_path: Path) -> None:
    store = opened(tmp_path / "log.db")
    await store.append(MORNING, ANN, secret())
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match=r"log\.db.*closed"):
        await store.append(MORNING, ANN, secret())
    with pytest.raises(StoreError, match="closed"):
        await store.events(MORNING)


async def test_closing_waits_for_what_is_being_written(tmp_path: Path) -> None:
    store = opened(tmp_path / "log.db")
    await store.events(MORNING)
    calls = [asyncio.ensure_future(store.append(MORNING, ANN, secret())) for _ in range(50)]
    await asyncio.sleep(0)
    await store.close()
    done = await asyncio.gather(*calls, return_exceptions=True)
    kept = rows(tmp_path / "log.db", "select count(*) from events")[0][0]
    assert sum(result == (True,) for result in done) == kept
    assert all(result == (True,) or isinstance(result, StoreError) for result in done)


async def test_a_file_that_another_program_holds_is_waited_for(tmp_path: Path) -> None:
    store = opened(tmp_path / "log.db")
    await store.append(MORNING, ANN, secret())
    with closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("begin immediate")
        release = threading.Timer(0.5, lambda: other.execute("commit"))
        release.start()
        assert await store.append(MORNING, ANN, secret()) == (True,)
        release.join()
    await store.close()


# --- loops ---


def test_one_store_serves_several_event_loops(tmp_path: Path) -> None:
    store = opened(tmp_path / "log.db")
    for n in range(3):
        assert asyncio.run(store.append(MORNING, ANN, secret())) == (True,)
        assert len(asyncio.run(store.events(MORNING))) == n + 1
    asyncio.run(store.close())


def test_a_program_that_never_closes_its_log_ends_all_the_same(tmp_path: Path) -> None:
    code = (
        "import asyncio; from zhiyin.stores.sql import SqlStore; from zhiyin.testing import every_event\n"
        f"store = SqlStore('sqlite:///{tmp_path}/log.db'); print(asyncio.run(store.append('s', 'u', *every_event())))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert rows(tmp_path / "log.db", "select count(*) from events") == [(len(every_event()),)]


def test_opening_loads_no_driver(tmp_path: Path) -> None:
    asyncio.run(opened(tmp_path / "log.db").close())
    code = (
        f"import sys; from zhiyin.stores.sql import SqlStore; SqlStore('sqlite:///{tmp_path}/log.db'); print(*sorted({{'sqlalchemy', 'alembic', 'aiosqlite'}} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == []


# --- files of earlier releases, and of others ---


def old_file(path: Path, *more: tuple[str, str, str]) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript("pragma journal_mode = wal;" + OLD)
        written = [(MORNING, ANN, event) for event in every_event()] + [(EVENING, BO, event) for event in every_event(user=BO)] + [(MORNING, ANN, secret())]
        database.executemany("insert into events (session, user, event) values (?, ?, ?)", [(s, u, to_json(e)) for s, u, e in written])
        database.executemany("insert into events (session, user, event) values (?, ?, ?)", more)
        database.execute("delete from events where id = 3")  # places have gaps
        database.commit()


async def test_a_log_of_the_first_release_is_taken_over_whole(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    twice: Event = replace(secret(), id="e1")
    old_file(path, (EVENING, ANN, to_json(twice)), (EVENING, ANN, to_json(twice)), ("strange", ANN, '{"type": "dreamt", "of": "rain"}'))
    before = rows(path, "select id, session, user, event from events order by id")
    store = opened(path, HandClock())
    assert rows(path, "select id, session, user, body from events order by id") == before
    events = [event for at, event in enumerate(every_event()) if at != 2]
    assert list(await store.events(MORNING)) == [*events, secret()]
    assert list(await store.events(EVENING)) == [*every_event(user=BO), twice, twice]
    assert list(await store.sessions(ANN)) == [MORNING, EVENING, "strange"]
    assert await store.append(EVENING, ANN, twice) == (False,)
    assert await store.append(MORNING, ANN, secret()) == (True,)
    glance = {one.session: one for one in await store.conversations()}
    assert glance[EVENING].first == NOON
    assert glance[MORNING].events == len(events) + 2
    tables = {name for (name,) in rows(path, "select name from sqlite_master where type = 'table'")}
    assert tables >= {"events", "records", "counters", VERSION_TABLE}
    assert "events_of_old" not in tables
    await store.close()


async def test_what_is_forgotten_of_an_old_log_leaves_the_files(tmp_path: Path) -> None:
    old_file(tmp_path / "log.db")
    store = opened(tmp_path / "log.db")
    assert b"xyzzy-secret-lamp" in bytes_in(tmp_path)
    await store.forget(ANN)
    assert b"xyzzy-secret-lamp" not in bytes_in(tmp_path)
    await store.close()


def test_many_programs_may_open_a_new_or_old_file_at_once(tmp_path: Path) -> None:
    old_file(tmp_path / "old.db")
    code = "import asyncio, sys; from zhiyin.stores.sql import SqlStore; from zhiyin.testing import every_event\nfor path in sys.argv[1:]: asyncio.run(SqlStore('sqlite:///' + path).append('s', 'u', *every_event()))"
    programs = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "old.db"), str(tmp_path / "new.db")], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert [(program.communicate(timeout=90)[1], program.returncode) for program in programs] == [("", 0)] * 4
    assert rows(tmp_path / "new.db", "select count(*) from events") == [(4 * len(every_event()),)]
    assert rows(tmp_path / "old.db", "select count(*) from events") == [(6 * len(every_event()),)]


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.db"
    old_file(path)
    before = rows(path, "select * from events")
    changed(path, "create table records (of_somebody_else text)")
    with pytest.raises(StoreError, match=r"log\.db.*'records' that is not ours"):
        opened(path)
    assert rows(path, "select * from events") == before


def test_a_file_of_a_later_release_is_left_alone(tmp_path: Path) -> None:
    asyncio.run(opened(tmp_path / "log.db").close())
    changed(tmp_path / "log.db", f"update {VERSION_TABLE} set version_num = '9999'")
    with pytest.raises(StoreError, match=r"version 9999, which this Zhiyin does not know") as caught:
        opened(tmp_path / "log.db")
    assert "pip install -U zhiyin" in caught.value.hint


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("dear diary, " * 500, encoding="utf-8")
    with pytest.raises(StoreError, match=r"notes\.txt"):
        opened(path)
    assert path.read_text(encoding="utf-8") == "dear diary, " * 500


def test_a_folder_in_the_place_of_the_log_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="log") as caught:
        opened(tmp_path)
    assert caught.value.hint


# --- the schema ---


def differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": False}), metadata))


def test_the_newest_version_is_the_one_that_is_asked_for() -> None:
    assert ScriptDirectory(str(Path(migrate.__file__).parent / "migrations")).get_current_head() == HEAD


def test_migrations_make_the_tables_that_the_code_uses(tmp_path: Path) -> None:
    asyncio.run(opened(tmp_path / "log.db").close())
    engine = create_engine(f"sqlite:///{tmp_path}/log.db")
    with engine.connect() as connection:
        assert differences(connection) == []
    engine.dispose()


@pytest.mark.servers
@pytest.mark.parametrize("fixture", ["postgres_url", "mariadb_url"])
async def test_migrations_make_the_tables_that_the_code_uses_on_a_server(fixture: str, request: pytest.FixtureRequest) -> None:
    url = await asyncio.to_thread(request.getfixturevalue, fixture)
    store = SqlStore(url)
    await store.users()
    await store.close()
    scheme, _, rest = url.partition(":")
    async with create_async_engine(f"{DRIVERS[scheme]}:{rest}", poolclass=NullPool).connect() as connection:
        assert await connection.run_sync(differences) == []


def test_the_step_to_each_version_can_be_taken_alone(tmp_path: Path) -> None:
    old_file(tmp_path / "log.db")
    place = read_place(f"sqlite:///{tmp_path}/log.db")
    migrate.migrate_file(place, to="0001")
    assert rows(place.path, f"select version_num from {VERSION_TABLE}") == [("0001",)]
    asyncio.run(opened(place.path).close())
    assert rows(place.path, f"select version_num from {VERSION_TABLE}") == [(HEAD,)]
