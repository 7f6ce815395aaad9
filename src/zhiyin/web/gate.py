"""A gate before the processor: turns are computed one after the other, a bounded number wait, more are turned away at once."""

from __future__ import annotations

import asyncio
from types import TracebackType

from zhiyin.web.problems import Problem

_BREATHS = 3  # of the event loop between two turns: to accept a connection, to read its request, to answer it
_RETRY = 1.0  # seconds; the line is short, so it moves on soon


class Gate:
    """`async with gate:` around what computes without waiting, up to a turn's first cards. Others get their turn between two of them.

    Without it, a hundred turns begun at once all end late, and a rejection waits behind them.
    """

    def __init__(self, waiting: int) -> None:
        self._line, self._most, self._in_line = asyncio.Semaphore(1), waiting, 0

    @property
    def waiting(self) -> int:
        """How many stand in line."""
        return self._in_line

    @property
    def full(self) -> bool:
        """Whether the next one would be turned away."""
        return self._line.locked() and self._in_line >= self._most

    def check(self) -> None:
        """Raises a 503 `overloaded` where the line is full."""
        if self.full:
            raise overloaded()

    async def enter(self) -> None:
        """Waits for its turn; raises a 503 `overloaded` where the line is full. Who entered must `leave`."""
        self.check()
        self._in_line += 1
        try:
            await self._line.acquire()
        finally:
            self._in_line -= 1
        inside = False
        try:
            for _ in range(_BREATHS):
                await asyncio.sleep(0)
            inside = True
        finally:
            if not inside:  # cancelled on the doorstep
                self.leave()

    def leave(self) -> None:
        """Lets the next one in."""
        self._line.release()

    async def __aenter__(self) -> None:
        """Enters."""
        await self.enter()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Leaves."""
        self.leave()


def overloaded() -> Problem:
    """The 503 of a server that has more to do than it can."""
    return Problem(503, "overloaded", "more is asked at once than this server can answer; ask again in a moment", retry_after=_RETRY)
