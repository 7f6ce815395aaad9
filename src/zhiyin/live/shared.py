"""Stores whose live sessions any worker takes up without the database: wrappers with the same ports. The log is written first and is always right."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zhiyin.errors import StoreError
from zhiyin.live.sessions import LiveSessions, Token
from zhiyin.ports import Archive, Store
from zhiyin.records import Conversation, Logged
from zhiyin.types import Event, SessionId, UserId


class SharedStore:
    """The `Store` port over another, with live sessions in Redis. Events are put into text and read back by `encode` and `decode`, which may raise `StoreError`."""

    def __init__(self, inner: Store, live: LiveSessions, *, encode: Callable[[Event], str], decode: Callable[[str], Event]) -> None:
        self.inner, self.live, self.encode, self.decode = inner, live, encode, decode

    async def append(self, session: SessionId, user: UserId, /, *events: Event) -> tuple[bool, ...]:
        """Keep the events in the log, then in Redis; of each whether it is new. While this waits everybody reads the log."""
        async with self.live.changing(session) as change:
            new = await self.inner.append(session, user, *events)
            if change.wanted:
                change.added = self._texts([event for event, is_new in zip(events, new, strict=True) if is_new])
        return new

    async def events(self, session: SessionId, /, *, after: int = 0) -> Sequence[Event]:
        """Everything of one session but its first `after` events: from Redis where it is complete there, else from the log."""
        found = await self.live.read(session, after)
        if found is None:
            return await self.inner.events(session, after=after)
        if isinstance(found, Token):
            events = await self.inner.events(session)
            if events and (texts := self._texts(events)) is not None:
                await self.live.fill(session, found, texts)
            return events[after:]
        try:
            return tuple(self.decode(text) for text in found)
        except StoreError:  # a worker of another version wrote it
            return await self.inner.events(session, after=after)

    async def sessions(self, user: UserId, /) -> Sequence[SessionId]:
        """A user's sessions, oldest first."""
        return await self.inner.sessions(user)

    async def forget(self, user: UserId, /) -> int:
        """Erase everything of a user, in Redis too; how many events went from the log."""
        sessions = await self.inner.sessions(user)
        await self.live.void(*sessions)
        try:
            return await self.inner.forget(user)
        finally:  # what others filled in meanwhile
            await self.live.void(*sessions)

    async def close(self) -> None:
        """Close the log and the connection to Redis."""
        try:
            await self.inner.close()
        finally:
            await self.live.close()

    def _texts(self, events: Sequence[Event]) -> list[str] | None:
        try:
            return [self.encode(event) for event in events]
        except (StoreError, ValueError):  # no text for it: then it stays in the log alone
            return None


class SharedArchive:
    """The `Archive` port over another, for a log whose live sessions are in Redis: what is dropped goes there too."""

    def __init__(self, inner: Archive, live: LiveSessions) -> None:
        self.inner, self.live = inner, live

    async def owner(self, session: SessionId, /) -> UserId | None:
        """Whose session it is; None for one nobody knows."""
        return await self.inner.owner(session)

    async def tail(self, *, after: int = 0, limit: int = 1000, newest: bool = False) -> Sequence[Logged]:
        """Logged events whose place is above `after`, oldest first, or the newest."""
        return await self.inner.tail(after=after, limit=limit, newest=newest)

    async def conversations(self, *, before: int = 0, limit: int = 50, user: UserId | None = None) -> Sequence[Conversation]:
        """Sessions, the one with the latest event first."""
        return await self.inner.conversations(before=before, limit=limit, user=user)

    async def users(self, *, after: str = "", limit: int = 50) -> Sequence[tuple[UserId, int]]:
        """Users by id, each with its number of events."""
        return await self.inner.users(after=after, limit=limit)

    async def drop(self, session: SessionId, /) -> int:
        """Erase one session, in Redis too; how many events went from the log."""
        async with self.live.changing(session):
            return await self.inner.drop(session)
