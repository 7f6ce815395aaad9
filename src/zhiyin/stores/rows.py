"""Events in a database, on a connection that the caller opens: written in groups, read by session, by user and by place."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import and_, delete, exists, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from zhiyin.records import Conversation, Logged
from zhiyin.stores.codec import from_json, moment
from zhiyin.stores.schema import events
from zhiyin.types import Event, SessionId, UserId

_CHUNK = 1000  # values in one IN (...): every database takes as many


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """Events of one call: each its type, its key and its JSON text."""

    session: SessionId
    user: UserId
    rows: tuple[tuple[str, str | None, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Erase:
    """Everything of a user, or one session."""

    user: UserId | None = None
    session: SessionId | None = None


async def append_all(connection: AsyncConnection, appends: Sequence[Append], kept: int) -> list[tuple[bool, ...]]:
    """Keep the events of many calls; of each event whether it is new.

    The caller holds the lock of the log, so nobody else counts on in these sessions, and places become visible in their order.
    """
    known = await _known(connection, {key for append in appends for _, key, _ in append.rows if key})
    ends = await _ends(connection, {append.session for append in appends})
    rows: list[dict[str, object]] = []
    results = []
    for append in appends:
        fresh = []
        for kind, key, body in append.rows:
            fresh.append(key is None or key not in known)
            if fresh[-1]:
                ends[append.session] = seq = ends.get(append.session, 0) + 1
                known |= {key} if key else set()
                rows.append({"session": append.session, "seq": seq, "user": append.user, "kind": kind, "key": key, "kept": kept, "body": body})
        results.append(tuple(fresh))
    if rows:
        await connection.execute(insert(events), rows)
    return results


async def erase(connection: AsyncConnection, work: Erase) -> int:
    """Delete; how many events went."""
    which = events.c.session == work.session if work.user is None else events.c.user == work.user
    return (await connection.execute(delete(events).where(which))).rowcount


async def of_session(connection: AsyncConnection, session: SessionId, after: int) -> Sequence[str]:
    """JSON texts of a session's events but the first `after`, oldest first."""
    query = select(events.c.body).where(events.c.session == session).order_by(events.c.seq)
    return (await connection.scalars(query.offset(after) if after > 0 else query)).all()


async def sessions_of(connection: AsyncConnection, user: UserId) -> Sequence[SessionId]:
    """A user's sessions, oldest first."""
    query = select(events.c.session).where(events.c.user == user).group_by(events.c.session).order_by(func.min(events.c.id))
    return tuple(SessionId(session) for session in await connection.scalars(query))


async def owner(connection: AsyncConnection, session: SessionId) -> UserId | None:
    """The user of a session's first event."""
    found = await connection.scalar(select(events.c.user).where(events.c.session == session).order_by(events.c.seq).limit(1))
    return None if found is None else UserId(found)


async def tail(connection: AsyncConnection, after: int, limit: int, *, newest: bool) -> Sequence[Any]:
    """Rows above a place, oldest first: id, session, user, kept, body."""
    query = select(events.c.id, events.c.session, events.c.user, events.c.kept, events.c.body).where(events.c.id > after).limit(limit)
    found = (await connection.execute(query.order_by(events.c.id.desc() if newest else events.c.id))).all()
    return found[::-1] if newest else found


def logged(rows: Sequence[Any]) -> tuple[Logged, ...]:
    """What `tail` read, as values."""
    return tuple(Logged(place=place, session=session, user=user, kept=moment(kept), event=from_json(body)) for place, session, user, kept, body in rows)


def decoded(bodies: Sequence[str]) -> tuple[Event, ...]:
    """What `of_session` read, as values."""
    return tuple(from_json(body) for body in bodies)


async def conversations(connection: AsyncConnection, before: int, limit: int, user: UserId | None) -> tuple[Conversation, ...]:
    """Sessions, the one with the latest event first; of one user, those whose first event is theirs."""
    sessions = await _latest(connection, before, limit) if user is None else await sessions_of(connection, user)
    counts = (func.count(), func.min(events.c.kept), func.max(events.c.kept), func.min(events.c.id), func.max(events.c.id))
    glances: list[Any] = []
    for some in _chunks(sessions):
        glances += await connection.execute(select(events.c.session, *counts).where(events.c.session.in_(some)).group_by(events.c.session))
    owners: dict[int, str] = {}
    for some in _chunks([first for *_, first, _ in glances]):
        owners.update({place: whose for place, whose in await connection.execute(select(events.c.id, events.c.user).where(events.c.id.in_(some)))})  # noqa: C416  # rows are no pairs
    found = [
        Conversation(session=SessionId(session), user=UserId(owners[begun]), events=count, first=moment(first), last=moment(last), last_place=place)
        for session, count, first, last, begun, place in glances
        if begun in owners and (user is None or owners[begun] == user) and (not before or place < before)
    ]
    return tuple(sorted(found, key=lambda one: -one.last_place)[:limit])


async def users(connection: AsyncConnection, after: str, limit: int) -> tuple[tuple[UserId, int], ...]:
    """Users by id, each with its number of events."""
    query = select(events.c.user, func.count()).where(events.c.user > after).group_by(events.c.user).order_by(events.c.user).limit(limit)
    return tuple((UserId(user), count) for user, count in await connection.execute(query))


async def _latest(connection: AsyncConnection, before: int, limit: int) -> Sequence[SessionId]:
    """Those with the latest events: walks down the log and stops when the page is full, however long the log is."""
    later = events.alias()
    nothing_later = ~exists(select(1).select_from(later).where(and_(later.c.session == events.c.session, later.c.seq > events.c.seq)))
    query = select(events.c.session).where(nothing_later, *([events.c.id < before] if before else [])).order_by(events.c.id.desc()).limit(limit)
    return tuple(SessionId(session) for session in await connection.scalars(query))


async def _known(connection: AsyncConnection, keys: Collection[str]) -> set[str]:
    found: set[str] = set()
    for some in _chunks(keys):
        found.update(key for key in await connection.scalars(select(events.c.key).where(events.c.key.in_(some))) if key)
    return found


async def _ends(connection: AsyncConnection, sessions: Collection[SessionId]) -> dict[str, int]:
    found: dict[str, int] = {}
    for some in _chunks(sessions):
        query = select(events.c.session, func.max(events.c.seq)).where(events.c.session.in_(some)).group_by(events.c.session)
        found.update({session: last for session, last in await connection.execute(query)})  # noqa: C416  # rows are no pairs to the type checker
    return found


def _chunks(values: Collection[Any]) -> list[list[Any]]:
    rest = iter(values)
    return list(iter(lambda: list(islice(rest, _CHUNK)), []))
