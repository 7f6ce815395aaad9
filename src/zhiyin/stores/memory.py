"""A log in memory: for tests and for conversations nobody needs to keep."""

from __future__ import annotations

from collections.abc import Sequence

from zhiyin.types import Event, SessionId, UserId


class MemoryStore:
    """The `Store` port over dictionaries."""

    def __init__(self) -> None:
        self._events: dict[SessionId, list[Event]] = {}
        self._sessions: dict[UserId, list[SessionId]] = {}

    async def append(self, session: SessionId, user: UserId, /, *events: Event) -> None:
        """Keep the events."""
        self._events.setdefault(session, []).extend(events)
        sessions = self._sessions.setdefault(user, [])
        if session not in sessions:
            sessions.append(session)

    async def events(self, session: SessionId, /) -> Sequence[Event]:
        """Everything of one session."""
        return tuple(self._events.get(session, ()))

    async def sessions(self, user: UserId, /) -> Sequence[SessionId]:
        """A user's sessions."""
        return tuple(self._sessions.get(user, ()))

    async def forget(self, user: UserId, /) -> int:
        """Erase everything of a user."""
        return sum(len(self._events.pop(s, ())) for s in self._sessions.pop(user, ()))

    async def close(self) -> None:
        """Nothing to release."""
