"""A gate before the processor: turns are computed one after the other, those wait that need not wait long, others are turned away at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType

from zhiyin.web.problems import Problem

_BREATHS = 6  # of the event loop between two turns: a new connection is accepted, read and answered in five
_RETRY = 1.0  # seconds; the line is short, so it moves on soon
_BURST = 1.0  # seconds of a line; one that stands for longer
_STANDING = 0.1  # is held to this part of the patience
_LATEST = 0.1  # the weight of the latest turn in the mean


class Gate:
    """`async with gate:` around what computes without waiting, up to a turn's first cards. Others get their turn between two of them.

    Without it, a hundred turns begun at once all end late, and a rejection waits behind them.
    At most `waiting` stand in line, and no more than would be inside within `patience` seconds, going by how long turns took lately; one may always wait.
    Where the line has not been empty for a second it is no burst that passes: then it is held to a tenth of that, for what is computed a second is the same and all are answered sooner.
    """

    def __init__(self, waiting: int, *, patience: float = float("inf"), clock: Callable[[], float] = time.perf_counter) -> None:
        self._line, self._most, self._in_line = asyncio.Semaphore(1), waiting, 0
        self._patience, self._clock = patience, clock
        self._mean = self._since = self._left = 0.0  # seconds from one to the next where there is a line; since when the one inside is waited for; when the last one left
        self._empty = 0.0  # when the line was empty last, with nobody on the way to it

    @property
    def waiting(self) -> int:
        """How many stand in line, or have a place in it."""
        return self._in_line

    @property
    def full(self) -> bool:
        """Whether the next one would be turned away."""
        before = self._in_line + self._line.locked()
        if before <= 1 or before > self._most:
            return before > self._most
        patience = _STANDING * self._patience if self._clock() - self._empty > _BURST else self._patience
        return before * self._mean > patience

    @contextmanager
    def place(self) -> Iterator[None]:
        """Keeps a place in line for the request that runs, from before it is read: who comes as far as the line is not turned away there. It is given back where the request ends before."""
        place = _Place()
        token = _PLACE.set(place)
        self._come()
        try:
            yield
        finally:
            _PLACE.reset(token)
            self._in_line -= place.take()

    def _come(self) -> None:
        if not self._in_line and not self._line.locked():
            self._empty = self._clock()
        self._in_line += 1

    def check(self) -> None:
        """Raises a 503 `overloaded` where the line is full and the running request has no place in it."""
        place = _PLACE.get()
        if self.full and not (place is not None and place.kept):
            raise overloaded()

    async def enter(self) -> None:
        """Waits for its turn; raises a 503 `overloaded` where the line is full. Who entered must `leave`."""
        self.check()
        place = _PLACE.get()
        if place is None or not place.take():
            self._come()
        waits = self._line.locked()
        try:
            await self._line.acquire()
        finally:
            self._in_line -= 1
        self._since = self._left if waits else self._clock()  # what is done between two turns takes its time too
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
        self._left = self._clock()
        self._mean += (_LATEST if self._mean else 1.0) * (self._left - self._since - self._mean)
        if not self._in_line:
            self._empty = self._left
        self._line.release()

    async def __aenter__(self) -> None:
        """Enters."""
        await self.enter()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Leaves."""
        self.leave()


class _Place:
    """A place in line, kept until it is taken."""

    def __init__(self) -> None:
        self.kept = True

    def take(self) -> bool:
        """Whether it was still kept; it is not any longer."""
        kept, self.kept = self.kept, False
        return kept


_PLACE: ContextVar[_Place | None] = ContextVar("place", default=None)  # of the request that runs


def overloaded() -> Problem:
    """The 503 of a server that has more to do than it can."""
    return Problem(503, "overloaded", "more is asked at once than this server can answer; ask again in a moment", retry_after=_RETRY)
