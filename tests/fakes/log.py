"""The truth that shared stores are held against: a log of rows that takes as long as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from zhiyin.errors import StoreError
from zhiyin.types import Event, Fed, SessionId, UserId


class Log:
    """`Store`, and `drop` of `Archive`. `lag()` says how many turns of the event loop pass before and after each step; `reads` counts questions."""

    def __init__(self, lag: Callable[[], int] = lambda: 0) -> None:
        self.rows: list[tuple[SessionId, UserId, Event]] = []
        self.lag, self.reads, self.failing = lag, 0, ""

    async def append(self, session: SessionId, user: UserId, /, *events: Event) -> tuple[bool, ...]:
        await self._dawdle()
        if self.failing == "before":
            raise StoreError("the log is full")
        known = {event.id for _, _, event in self.rows if isinstance(event, Fed) and event.id}
        new = []
        for event in events:
            new.append(not (isinstance(event, Fed) and event.id and event.id in known))
            if isinstance(event, Fed) and event.id:
                known.add(event.id)
            if new[-1]:
                self.rows.append((session, user, event))
        if self.failing == "after":
            raise StoreError("nobody knows whether it was kept")
        await self._dawdle()
        return tuple(new)

    def now(self, session: SessionId) -> list[Event]:
        """What it holds of a session, unseen."""
        return [event for s, _, event in self.rows if s == session]

    async def events(self, session: SessionId, /, *, after: int = 0) -> Sequence[Event]:
        self.reads += 1
        await self._dawdle()
        found = self.now(session)[after:]
        await self._dawdle()
        return found

    async def sessions(self, user: UserId, /) -> Sequence[SessionId]:
        return tuple(dict.fromkeys(s for s, u, _ in self.rows if u == user))

    async def forget(self, user: UserId, /) -> int:
        await self._dawdle()
        before = len(self.rows)
        self.rows = [row for row in self.rows if row[1] != user]
        gone = before - len(self.rows)
        await self._dawdle()
        return gone

    async def drop(self, session: SessionId, /) -> int:
        await self._dawdle()
        before = len(self.rows)
        self.rows = [row for row in self.rows if row[0] != session]
        gone = before - len(self.rows)
        await self._dawdle()
        return gone

    async def close(self) -> None:
        pass

    async def _dawdle(self) -> None:
        for _ in range(self.lag()):
            await asyncio.sleep(0.0003)
