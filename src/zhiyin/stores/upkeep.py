"""What an operator asks of a database: is it there, are its tables as this release needs them, how much is in it; and to bring it up to date."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from zhiyin.stores.faults import caught, fault
from zhiyin.stores.opened import open_engine, reading, writing
from zhiyin.stores.places import Place
from zhiyin.stores.schema import events, records
from zhiyin.stores.version import ASK, HEAD, VERSION_TABLE, newer, ready_file

Condition = Literal["ready", "absent", "empty", "older", "newer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A database at a glance. `version` is that of its tables, `needed` that of this release; counts are 0 unless it is ready."""

    place: str
    kind: str
    condition: Condition
    version: str
    needed: str = HEAD
    events: int = 0
    sessions: int = 0
    users: int = 0
    documents: int = 0


async def look(place: Place) -> Status:
    """How the database is; nothing is changed or made. Raises `StoreError` where it cannot be reached or read."""
    if place.kind == "sqlite" and not place.path.is_file():
        return Status(place=place.shown, kind=place.kind, condition="absent", version="")
    engine = open_engine(place)
    try:
        async with reading(engine) as connection:
            return await _status(connection, place)
    except caught() as error:
        raise fault(place, error) from error
    finally:
        await engine.dispose()


async def bring_up_to_date(place: Place) -> tuple[Status, Status]:
    """The database before and after its tables were made, or brought to the version of this release. Raises `StoreError` where that cannot be done."""
    before = await look(place)
    if before.condition == "newer":
        raise newer(place, before.version)
    if before.condition == "ready":
        return before, before
    if place.kind == "sqlite":
        await asyncio.to_thread(ready_file, place)
        return before, await look(place)
    from zhiyin.stores.migrate import migrate_server

    engine = open_engine(place)
    try:
        async with writing(engine) as connection:
            await connection.run_sync(migrate_server, place)
            await connection.commit()
    except caught() as error:
        raise fault(place, error) from error
    finally:
        await engine.dispose()
    return before, await look(place)


async def _status(connection: AsyncConnection, place: Place) -> Status:
    tables = await connection.run_sync(lambda c: set(inspect(c).get_table_names()))
    version = str(await connection.scalar(text(ASK)) or "") if VERSION_TABLE in tables else ""
    if version != HEAD:
        return Status(place=place.shown, kind=place.kind, condition=_condition(version, tables), version=version)
    counts = select(func.count(), func.count(events.c.session.distinct()), func.count(events.c.user.distinct())).select_from(events)
    many, sessions, users = (await connection.execute(counts)).one()
    documents = await connection.scalar(select(func.count()).select_from(records).where(records.c.value.is_not(None)))
    return Status(place=place.shown, kind=place.kind, condition="ready", version=version, events=many, sessions=sessions, users=users, documents=documents or 0)


def _condition(version: str, tables: set[str]) -> Condition:
    if not version:
        return "older" if "events" in tables else "empty"  # the log of the first release had no version
    from zhiyin.stores.migrate import is_older

    return "older" if is_older(version) else "newer"
