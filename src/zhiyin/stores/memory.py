"""A log, its archive and small documents in memory: for tests and for conversations nobody needs to keep."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from zhiyin.records import Conversation, Logged, Record
from zhiyin.stores.codec import checked_id, checked_text, feedback_key, now, to_json
from zhiyin.types import Event, SessionId, UserId

Name = TypeVar("Name", SessionId, UserId)


@dataclass(slots=True, kw_only=True)
class _Kept:
    record: Record
    expires: datetime | None


class MemoryStore:
    """The ports `Store`, `Archive` and `Records` over a list of rows and a dict of documents, gone with the process."""

    def __init__(self, clock: Callable[[], datetime] = now) -> None:
        self._clock = clock
        self._rows: list[Logged] = []
        self._by_session: dict[SessionId, list[Logged]] = {}
        self._by_user: dict[UserId, list[Logged]] = {}
        self._keys: dict[str, int] = {}  # of feedback, to its place
        self._place = self._version = 0
        self._documents: dict[tuple[str, str], _Kept] = {}

    # --- Store ---

    async def append(self, session: SessionId, user: UserId, /, *events: Event) -> tuple[bool, ...]:
        """Keep the events; of each whether it is new."""
        checked_id("session", session)
        checked_id("user", user)
        for event in events:
            to_json(event)  # what no store can write, this one does not take either
        kept, fresh = self._clock(), []
        for event in events:
            key = feedback_key(user, event)
            fresh.append(key is None or key not in self._keys)
            if fresh[-1]:
                self._place += 1
                if key is not None:
                    self._keys[key] = self._place
                row = Logged(place=self._place, session=session, user=user, kept=kept, event=event)
                self._rows.append(row)
                self._by_session.setdefault(session, []).append(row)
                self._by_user.setdefault(user, []).append(row)
        return tuple(fresh)

    async def events(self, session: SessionId, /, *, after: int = 0) -> Sequence[Event]:
        """Everything of one session but its first `after` events."""
        return tuple(row.event for row in self._by_session.get(session, ())[max(0, after) :])

    async def sessions(self, user: UserId, /) -> Sequence[SessionId]:
        """A user's sessions, oldest first."""
        return tuple(dict.fromkeys(row.session for row in self._by_user.get(user, ())))

    async def forget(self, user: UserId, /) -> int:
        """Erase everything of a user; how many events went."""
        return self._erase(self._by_user.get(user, ()))

    async def close(self) -> None:
        """Nothing to release."""

    # --- Archive ---

    async def owner(self, session: SessionId, /) -> UserId | None:
        """Whose session it is."""
        return next((row.user for row in self._by_session.get(session, ())), None)

    async def tail(self, *, after: int = 0, limit: int = 1000, newest: bool = False) -> Sequence[Logged]:
        """Logged events whose place is above `after`, the first or the newest `limit` of them, oldest first."""
        rows, limit = self._rows[bisect_right(self._rows, after, key=lambda row: row.place) :], max(0, limit)
        return tuple(rows[max(0, len(rows) - limit) :] if newest else rows[:limit])

    async def conversations(self, *, before: int = 0, limit: int = 50, user: UserId | None = None) -> Sequence[Conversation]:
        """Sessions, the one with the latest event first; with `user` those that are theirs."""
        found = [_glance(of) for of in self._by_session.values() if user is None or of[0].user == user]
        found = [one for one in found if not before or one.last_place < before]
        return tuple(sorted(found, key=lambda one: -one.last_place)[: max(0, limit)])

    async def users(self, *, after: str = "", limit: int = 50) -> Sequence[tuple[UserId, int]]:
        """Users by id, each with its number of events."""
        return tuple(sorted((user, len(rows)) for user, rows in self._by_user.items() if user > after)[: max(0, limit)])

    async def drop(self, session: SessionId, /) -> int:
        """Erase one session; how many events went."""
        return self._erase(self._by_session.get(session, ()))

    # --- Records ---

    async def get(self, kind: str, key: str, /) -> Record | None:
        """The document; None where there is none or it has expired."""
        kept = self._documents.get((kind, key))
        return kept.record if kept is not None and self._alive(kept) else None

    async def put(self, kind: str, key: str, value: str, /, *, expires: datetime | None = None, only_new: bool = False) -> int:
        """Keep a document; its version, or 0 where it should be new and is not."""
        checked_id("kind", kind)
        checked_id("key", key)
        checked_text("value", value)
        if only_new and await self.get(kind, key) is not None:
            return 0
        return self._keep(kind, key, value, expires)

    async def delete(self, kind: str, key: str, /) -> bool:
        """Whether there was one; what is gone stays visible to `changes`."""
        if await self.get(kind, key) is None:
            return False
        self._keep(kind, key, None, None)
        return True

    async def page(self, kind: str, /, *, after: str = "", limit: int = 100) -> Sequence[Record]:
        """Documents of a kind by key, those after a key."""
        found = [kept.record for (of, key), kept in self._documents.items() if of == kind and key > after and self._alive(kept)]
        return tuple(sorted(found, key=lambda record: record.key)[: max(0, limit)])

    async def changes(self, version: int, /, *, limit: int = 1000) -> Sequence[Record]:
        """Documents changed or deleted after a version, oldest change first."""
        found = [kept.record if self._alive(kept) else _without_value(kept.record) for kept in self._documents.values() if kept.record.version > version]
        return tuple(sorted(found, key=lambda record: record.version)[: max(0, limit)])

    # --- inside ---

    def _erase(self, gone: Sequence[Logged]) -> int:
        places = {row.place for row in gone}
        self._rows = [row for row in self._rows if row.place not in places]
        _leave_out(self._by_session, {row.session for row in gone}, places)
        _leave_out(self._by_user, {row.user for row in gone}, places)
        self._keys = {key: place for key, place in self._keys.items() if place not in places}
        return len(places)

    def _keep(self, kind: str, key: str, value: str | None, expires: datetime | None) -> int:
        self._version += 1
        record = Record(kind=kind, key=key, value=value, version=self._version, changed=self._clock())
        self._documents[kind, key] = _Kept(record=record, expires=expires)
        return self._version

    def _alive(self, kept: _Kept) -> bool:
        return kept.record.value is not None and (kept.expires is None or kept.expires > self._clock())


def _leave_out(rows: dict[Name, list[Logged]], names: Collection[Name], places: Collection[int]) -> None:
    """Without the rows at these places, and without names that have none left."""
    for name in names:
        left = [row for row in rows.pop(name) if row.place not in places]
        if left:
            rows[name] = left


def _glance(rows: Sequence[Logged]) -> Conversation:
    first, last = rows[0], rows[-1]
    return Conversation(session=first.session, user=first.user, events=len(rows), first=min(row.kept for row in rows), last=max(row.kept for row in rows), last_place=last.place)


def _without_value(record: Record) -> Record:
    return Record(kind=record.kind, key=record.key, value=None, version=record.version, changed=record.changed)
