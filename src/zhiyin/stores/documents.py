"""Small documents in a database, on a connection that the caller opens: versions that grow with every change, expiry, and marks of what was deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Insert, RowMapping, and_, delete, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from zhiyin.records import Record
from zhiyin.stores.codec import moment
from zhiyin.stores.schema import counters, records

MARKS_LAST = 30 * 24 * 3600 * 1_000_000  # microseconds that what was deleted stays visible to `changes`
_CHUNK = 400  # (kind, key) pairs in one IN (...)


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """Keep a document."""

    kind: str
    key: str
    value: str
    expires: int | None = None
    only_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Delete a document."""

    kind: str
    key: str


async def change_all(connection: AsyncConnection, works: Sequence[Put | Delete], now: int) -> list[int]:
    """Make the changes in order; of each its version, 0 where nothing changed.

    The caller holds the lock of the documents, so versions become visible in their order and whoever follows them misses none.
    """
    alive = await _alive(connection, works, now)
    changes: dict[tuple[str, str], dict[str, object]] = {}
    results = []
    version = await _reserve(connection, len(works))
    for work in works:
        place = (work.kind, work.key)
        idle = place not in alive if isinstance(work, Delete) else work.only_new and place in alive
        results.append(0 if idle else (version := version + 1))
        if idle:
            continue
        if isinstance(work, Delete):
            alive.discard(place)
            new: dict[str, object] = {"value": None, "expires": now + MARKS_LAST}
        else:
            alive = alive | {place} if work.expires is None or work.expires > now else alive - {place}
            new = {"value": work.value, "expires": work.expires}
        changes[place] = {"kind": work.kind, "key": work.key, "version": version, "changed": now, **new}
    if changes:
        await connection.execute(_upsert(connection.dialect.name), list(changes.values()))
    return results


async def purge(connection: AsyncConnection, now: int) -> None:
    """Remove what has expired, and old marks of what was deleted."""
    await connection.execute(delete(records).where(records.c.expires <= now))


async def get(connection: AsyncConnection, kind: str, key: str, now: int) -> Record | None:
    """The document; None where there is none or it has expired."""
    found = (await connection.execute(select(records).where(records.c.kind == kind, records.c.key == key, _living(now)))).mappings().first()
    return None if found is None else _record(found)


async def page(connection: AsyncConnection, kind: str, after: str, limit: int, now: int) -> tuple[Record, ...]:
    """Documents of a kind by key, those after a key."""
    query = select(records).where(records.c.kind == kind, records.c.key > after, _living(now)).order_by(records.c.key).limit(limit)
    return tuple(_record(row) for row in (await connection.execute(query)).mappings())


async def changes_after(connection: AsyncConnection, version: int, limit: int, now: int) -> tuple[Record, ...]:
    """Documents changed or deleted after a version, oldest change first; expired ones without their value."""
    query = select(records).where(records.c.version > version).order_by(records.c.version).limit(limit)
    return tuple(_record(row, now) for row in (await connection.execute(query)).mappings())


def _living(now: int) -> ColumnElement[bool]:
    return and_(records.c.value.is_not(None), or_(records.c.expires.is_(None), records.c.expires > now))


def _record(row: RowMapping, now: int | None = None) -> Record:
    over = now is not None and row["expires"] is not None and row["expires"] <= now
    return Record(kind=row["kind"], key=row["key"], value=None if over else row["value"], version=row["version"], changed=moment(row["changed"]))


async def _alive(connection: AsyncConnection, works: Sequence[Put | Delete], now: int) -> set[tuple[str, str]]:
    """Which of the documents are there, as far as it matters to the changes."""
    asked = list({(work.kind, work.key) for work in works if isinstance(work, Delete) or work.only_new})
    found: set[tuple[str, str]] = set()
    for at in range(0, len(asked), _CHUNK):
        query = select(records.c.kind, records.c.key).where(tuple_(records.c.kind, records.c.key).in_(asked[at : at + _CHUNK]), _living(now))
        found.update((kind, key) for kind, key in await connection.execute(query))
    return found


async def _reserve(connection: AsyncConnection, many: int) -> int:
    """The version before the next `many`; some may stay unused."""
    mine = counters.c.name == "records"
    await connection.execute(update(counters).where(mine).values(value=counters.c.value + many))
    last = await connection.scalar(select(counters.c.value).where(mine))
    return int(last or 0) - many


def _upsert(database: str) -> Insert:
    """Each dialect is loaded where it is spoken."""
    names = ("value", "version", "changed", "expires")
    if database == "mysql":
        from sqlalchemy.dialects import mysql

        row = mysql.insert(records)
        return row.on_duplicate_key_update({name: row.inserted[name] for name in names})
    if database == "postgresql":
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]  # the same methods
    put = insert(records)
    return put.on_conflict_do_update(index_elements=["kind", "key"], set_={name: put.excluded[name] for name in names})
