"""A log in memory: for tests and for conversations nobody needs to keep."""

from __future__ import annotations

from collections.abc import Sequence

from zhiyin.types import Event, SessionId, UserId


class MemoryStore:
    """The `Store` port over one list of rows."""

    def __init__(self) -> None:
        self._rows: list[tuple[SessionId, UserId, Event]] = []

    async def append(self, session: SessionId, user: UserId, /, *events: Event) -> None:
        """Keep the events."""
        self._rows.extend((session, user, event) for event in events)

    async def events(self, session: SessionId, /) -> Sequence[Event]:
        """Everything of one session."""
        return tuple(event for s, _, event in self._rows if s == session)

    async def sessions(self, user: UserId, /) -> Sequence[SessionId]:
        """A user's sessions, oldest first."""
        return tuple(dict.fromkeys(s for s, u, _ in self._rows if u == user))

    async def forget(self, user: UserId, /) -> int:
        """Erase everything of a user."""
        kept = [row for row in self._rows if row[1] != user]
        gone = len(self._rows) - len(kept)
        self._rows = kept
        return gone

    async def close(self) -> None:
        """Nothing to release."""
