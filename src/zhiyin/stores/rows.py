"""Events in a database, on a connection that the caller opens: written in groups, read by session, by user and by place."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Select, and_, delete, exists, func, insert, select
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
    """Sessions, the one with the latest event first."""
    found = (await connection.execute((_latest() if user is None else _latest_of(user)).where(*([events.c.id < before] if before else [])).limit(limit))).all()
    lasts: dict[str, int] = {session: last for session, last in found}  # noqa: C416  # rows are no pairs to the type checker
    if not lasts:
        return ()
    glances: dict[str, Any] = {}
    query = select(events.c.session, func.count(), func.min(events.c.kept), func.max(events.c.kept), func.min(events.c.seq)).group_by(events.c.session)
    for some in _chunks(lasts):
        glances.update({row[0]: row[1:] for row in await connection.execute(query.where(events.c.session.in_(some)))})
    owners = {session: user or await owner(connection, SessionId(session)) for session in glances}
    return tuple(
        Conversation(session=SessionId(session), user=UserId(owners[session] or ""), events=count, first=moment(first), last=moment(latest), last_place=last)
        for session, last in lasts.items()
        if session in glances
        for count, first, latest, _ in (glances[session],)
    )


async def users(connection: AsyncConnection, after: str, limit: int) -> tuple[tuple[UserId, int], ...]:
    """Users by id, each with its number of events."""
    query = select(events.c.user, func.count()).where(events.c.user > after).group_by(events.c.user).order_by(events.c.user).limit(limit)
    return tuple((UserId(user), count) for user, count in await connection.execute(query))


def _latest() -> Select[Any]:
    """The last event of each session, newest first: walks down the log and stops when the page is full, however long the log is."""
    later = events.alias()
    nothing_later = ~exists(select(1).select_from(later).where(and_(later.c.session == events.c.session, later.c.seq > events.c.seq)))
    return select(events.c.session, events.c.id).where(nothing_later).order_by(events.c.id.desc())


def _latest_of(user: UserId) -> Select[Any]:
    """The same of the sessions whose first event is this user's, from the user's own rows."""
    own, earlier = events.alias(), events.alias()
    begun = ~exists(select(1).select_from(earlier).where(and_(earlier.c.session == own.c.session, earlier.c.seq < own.c.seq)))
    return _latest().where(events.c.session.in_(select(own.c.session).where(own.c.user == user, begun)))


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
