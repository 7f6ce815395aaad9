"""The tables brought up to date by Alembic. Imported only where there is something to do: Alembic takes a while to load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, create_engine, event, inspect, text

from zhiyin.errors import StoreError
from zhiyin.stores.opened import BUSY_SECONDS, PRAGMAS
from zhiyin.stores.places import Place
from zhiyin.stores.schema import metadata
from zhiyin.stores.version import VERSION_TABLE

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 7_267_105_318  # of this program among those that lock in a database


def migrate_file(place: Place, *, to: str = "head") -> None:
    """Bring a SQLite file up to date, in one transaction: all of it or nothing, whoever else starts at the same time."""
    engine = create_engine(URL.create("sqlite", database=str(place.path)), connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:  # noqa: ANN401  # a driver's connection
        connection.isolation_level = None
        for pragma in PRAGMAS:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if not connection.get_execution_options().get("reads"):
            connection.exec_driver_sql("begin immediate")

    try:
        with engine.begin() as connection:
            _upgrade(connection, place, to)
        with engine.connect().execution_options(reads=True) as connection:  # what the old table held goes from the files too
            connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
    finally:
        engine.dispose()


def migrate_server(connection: Connection, place: Place, *, to: str = "head") -> None:
    """Bring a database up to date, one process at a time. The caller commits."""
    if place.kind == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        _upgrade(connection, place, to)
        return
    name = {"name": f"zhiyin.{_LOCK}"}
    connection.execute(text("select get_lock(:name, 60)"), name)
    try:
        _upgrade(connection, place, to)
        connection.commit()
    finally:
        connection.execute(text("select release_lock(:name)"), name)


def is_older(version: str) -> bool:
    """Whether a version is one of ours, so that it can be brought up to date."""
    return any(script.revision == version for script in ScriptDirectory(str(_FOLDER)).walk_revisions())


def _upgrade(connection: Connection, place: Place, to: str) -> None:
    _refuse_strangers(connection, place)
    # Ours, not Alembic's, which gives the key a name that MySQL warns of.
    connection.execute(text(f"create table if not exists {VERSION_TABLE} (version_num varchar(32) not null primary key)"))
    scripts = ScriptDirectory(str(_FOLDER))

    def steps(revision: Any, _context: Any) -> Any:  # noqa: ANN401  # Alembic's own
        return scripts._upgrade_revs(to, revision)  # noqa: SLF001  # what its command "upgrade" calls

    with EnvironmentContext(Config(), scripts, fn=steps, destination_rev=to) as environment:
        environment.configure(connection=connection, target_metadata=metadata, version_table=VERSION_TABLE)
        with environment.begin_transaction():
            environment.run_migrations()


def _refuse_strangers(connection: Connection, place: Place) -> None:
    """Tables of our names that are not ours must not be touched."""
    inspector = inspect(connection)
    if inspector.has_table(VERSION_TABLE):
        return
    for name in metadata.tables:
        if inspector.has_table(name) and not (place.kind == "sqlite" and "event" in {column["name"] for column in inspector.get_columns(name)}):
            raise StoreError(f"{place.shown} has a table {name!r} that is not ours", hint="Give Zhiyin a database of its own: CREATE DATABASE zhiyin")
