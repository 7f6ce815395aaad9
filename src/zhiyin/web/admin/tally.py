"""The log in columns, for counting: read once, the newest first, and from then on only what is new.

The columns hold times and codes, no texts and no items. Who asks while they are still being read gets what was read so far, and is told so.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import numpy as np
from fastapi import Depends
from numpy.typing import NDArray
from starlette.requests import HTTPConnection

from zhiyin.ports import Archive
from zhiyin.records import Logged
from zhiyin.types import Edited, Fed, Heard, Said, UserId
from zhiyin.web.admin.marks import OF_REPLIES, marks_of
from zhiyin.web.service import Here

MOST = 200_000
"""Events of the log that are looked at; of more, the newest."""
PATIENCE = 1.0
"""Seconds that an answer waits for the log to be read."""
TURN, REPLY, FEEDBACK = 0, 1, 2
COUNTED = ("like", "dislike", "click", "purchase")
"""Kinds of feedback that are counted, FEEDBACK + their place."""
BIT = {name: np.uint8(1 << place) for place, name in enumerate(OF_REPLIES)}
_ROW = np.dtype([("time", "f8"), ("what", "u1"), ("session", "i4"), ("user", "i4"), ("marks", "u1"), ("outcomes", "i4"), ("cards", "f4"), ("total", "f4")])
_PAGE = 500
_SESSIONS = 1000  # of a user, that are compared with the log
_DOUBTED = 100  # users that are, in one reading
_FRESH = timedelta(days=1)
Rows = NDArray[Any]  # Any: numpy has no types for columns with names


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Rows of a window; `truncated` where the log holds more in it than was looked at, `reading` where that is because it is still being read."""

    rows: Rows
    outcomes: Sequence[tuple[str, ...]]  # what `outcomes` of a row stands for
    truncated: bool
    reading: bool = False

    def calls(self) -> dict[str, int]:
        """Calls of language models by what came of them."""
        codes, counts = np.unique(self.rows["outcomes"][self.rows["what"] == REPLY], return_counts=True)
        found: Counter[str] = Counter()
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
            for outcome in self.outcomes[code]:
                found[outcome] += count
        return dict(found)


class _Columns:
    """What was read of the log: everything between two places."""

    def __init__(self, born: datetime, place: int) -> None:
        self.born = born
        self.first = self.last = place  # what lies after `first`, up to `last`, was read
        self.since: datetime | None = None  # from when on that is all there is
        self.rows: Rows = np.empty(0, dtype=_ROW)
        self.sessions: dict[str, int] = {}
        self.users: dict[str, int] = {}
        self.outcomes: dict[tuple[str, ...], int] = {(): 0}

    def read(self, page: Sequence[Logged]) -> Rows:
        """The rows of some more events."""
        return np.array([row for logged in page if (row := self._row(logged)) is not None], dtype=_ROW)

    def add(self, rows: Rows) -> None:
        """Count these too."""
        self.rows = np.concatenate((self.rows, rows))

    def forget(self, user: UserId, alive: Sequence[str]) -> None:
        """Count nothing of a user but what is of these sessions."""
        if user in self.users:
            own = self.rows["user"] == self.users[user]
            there = np.isin(self.rows["session"], [self.sessions[one] for one in alive if one in self.sessions])
            self.rows = self.rows[~own | there]

    def _row(self, logged: Logged) -> tuple[object, ...] | None:
        event = logged.event
        codes = (self.sessions.setdefault(logged.session, len(self.sessions)), self.users.setdefault(logged.user, len(self.users)))
        match event:
            case Heard():
                return (event.turn.time.timestamp(), TURN, *codes, 0, 0, np.nan, np.nan)
            case Edited():
                return (event.time.timestamp(), TURN, *codes, 0, 0, np.nan, np.nan)
            case Said() if event.text or event.latency_ms:  # not a list that was asked for without a conversation
                marks = sum(int(BIT[name]) for name in marks_of(event))
                outcomes = self.outcomes.setdefault(tuple(call.outcome for call in event.calls), len(self.outcomes))
                return (event.time.timestamp(), REPLY, *codes, marks, outcomes, event.latency_ms.get("cards", np.nan), event.latency_ms.get("total", np.nan))
            case Fed() if event.kind in COUNTED:
                return (event.time.timestamp(), FEEDBACK + COUNTED.index(event.kind), *codes, 0, 0, np.nan, np.nan)
        return None


class Tally:
    """The columns that one worker has read. Close it before the store is closed."""

    def __init__(self) -> None:
        self._columns: _Columns | None = None
        self._reading: asyncio.Task[None] | None = None
        self._wanted = datetime.max.replace(tzinfo=UTC)
        self._doubted: dict[UserId, None] = {}
        self._doubts_all = False  # whether anybody may have been erased
        self.following = False  # whether other workers tell of users who were erased

    async def since(self, archive: Archive, moment: datetime, now: datetime) -> Counts:
        """What the log holds from a moment on, as far as it is read within `PATIENCE`; the reading goes on, and the next one who asks has more."""
        task = self._reading
        if task is None or task.done():
            self._wanted = moment
            task = self._reading = asyncio.create_task(self._read(archive, now), name="tally")
        else:
            self._wanted = min(self._wanted, moment)
        await asyncio.wait({task}, timeout=PATIENCE)
        if task.done() and not task.cancelled():
            task.result()  # raises what the store raised
        columns = self._columns
        if columns is None:
            return Counts(rows=np.empty(0, dtype=_ROW), outcomes=((),), truncated=not task.done(), reading=not task.done())
        short = not task.done() or columns.since is None or moment < columns.since
        return Counts(rows=columns.rows[columns.rows["time"] >= moment.timestamp()], outcomes=tuple(columns.outcomes), truncated=short, reading=not task.done())

    def doubt(self, user: UserId | None) -> None:
        """Look again, at the next reading, which sessions of a user, or of everybody, there are: some may have been erased."""
        if user is None:
            self._doubts_all = True
        else:
            self._doubted[user] = None

    async def aclose(self) -> None:
        """Read no more."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self, archive: Archive, now: datetime) -> None:
        """Everything that is new, then backwards to the earliest moment that is wanted; another one may be wanted meanwhile."""
        tail = await archive.tail(limit=1, newest=True)
        newest = tail[-1].place if tail else 0
        columns = self._columns
        if columns is None or self._doubts_all or now - columns.born > _FRESH or len(columns.rows) > 2 * MOST:
            self._doubts_all = False
            columns = self._columns = _Columns(now, newest)
        while page := await archive.tail(after=columns.last, limit=_PAGE):
            columns.add(await asyncio.to_thread(columns.read, page))
            columns.last = page[-1].place
        await self._look_again(archive, columns)
        floor = max(0, newest - MOST)
        while columns.since is None or (self._wanted < columns.since and columns.first > floor):
            moment = self._wanted
            start = await _place_before(archive, moment, newest)
            await self._read_back(archive, columns, max(start, floor))
            columns.since = moment if columns.first <= start else await _kept_after(archive, columns.first, now)

    @staticmethod
    async def _read_back(archive: Archive, columns: _Columns, start: int) -> None:
        while columns.first > start:
            begin = max(columns.first - _PAGE, start)
            page = [logged for logged in await archive.tail(after=begin, limit=_PAGE) if logged.place <= columns.first]
            columns.add(await asyncio.to_thread(columns.read, page))
            columns.first = begin

    async def _look_again(self, archive: Archive, columns: _Columns) -> None:
        for user in list(self._doubted)[:_DOUBTED]:
            alive = await archive.conversations(user=user, limit=_SESSIONS)
            if len(alive) < _SESSIONS:
                columns.forget(user, [one.session for one in alive])
            self._doubted.pop(user, None)


async def _place_before(archive: Archive, moment: datetime, newest: int) -> int:
    """A place in the log with nothing after it that was kept before a moment: events are kept in the order of their places, so halving finds it."""
    low, high = 0, newest  # at `low` all is kept before, or it is the beginning
    while low < high:
        middle = (low + high) // 2
        found = await archive.tail(after=middle, limit=1)
        if found and found[0].kept < moment:
            low = found[0].place
        else:
            high = middle
    return low


async def _kept_after(archive: Archive, place: int, now: datetime) -> datetime:
    found = await archive.tail(after=place, limit=1)
    return found[0].kept if found else now


async def tally(request: HTTPConnection, service: Here) -> Tally:
    """The dependency: the columns that this worker has read."""
    found = request.app.state.tally
    if not isinstance(found, Tally):
        raise TypeError("the application was not started: nothing is counted")
    if not found.following:
        service.changes.on_taste(found.doubt)
        found.following = True
    return found


Counted = Annotated[Tally, Depends(tally)]
