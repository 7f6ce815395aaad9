"""The log in columns, for counting: read once from where a window begins, and from then on only what is new.

The columns hold times and codes, no texts and no items. They are read afresh every ten minutes, so that what was erased is not counted for longer.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any

import numpy as np
from fastapi import Depends
from numpy.typing import NDArray
from starlette.requests import HTTPConnection

from zhiyin.ports import Archive
from zhiyin.records import Logged
from zhiyin.types import Edited, Fed, Heard, Said, SessionId
from zhiyin.web.admin.marks import OF_REPLIES, marks_of

MOST = 200_000
"""Events of the log that are looked at; of more, the newest."""
TURN, REPLY, FEEDBACK = 0, 1, 2
COUNTED = ("like", "dislike", "click", "purchase")
"""Kinds of feedback that are counted, FEEDBACK + their place."""
BIT = {name: np.uint8(1 << place) for place, name in enumerate(OF_REPLIES)}
_ROW = np.dtype([("time", "f8"), ("what", "u1"), ("session", "i4"), ("user", "i4"), ("marks", "u1"), ("outcomes", "i4"), ("cards", "f4"), ("total", "f4")])
_PAGE = 1000
_FRESH = timedelta(minutes=10)
Rows = NDArray[Any]  # Any: numpy has no types for columns with names


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Rows of a window; `truncated` where the log holds more in it than was looked at."""

    rows: Rows
    outcomes: Sequence[tuple[str, ...]]  # what `outcomes` of a row stands for
    truncated: bool

    def calls(self) -> dict[str, int]:
        """Calls of language models by what came of them."""
        codes, counts = np.unique(self.rows["outcomes"][self.rows["what"] == REPLY], return_counts=True)
        found: Counter[str] = Counter()
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
            for outcome in self.outcomes[code]:
                found[outcome] += count
        return dict(found)


@dataclass(slots=True, kw_only=True)
class _Columns:
    """What was read of the log, from a moment on up to a place."""

    born: datetime
    since: datetime
    last: int
    cut: bool = False
    rows: Rows = field(default_factory=lambda: np.empty(0, dtype=_ROW))
    sessions: dict[str, int] = field(default_factory=dict)
    users: dict[str, int] = field(default_factory=dict)
    outcomes: dict[tuple[str, ...], int] = field(default_factory=lambda: {(): 0})
    unanswered: set[SessionId] = field(default_factory=set)  # sessions whose latest message has no reply yet

    def take(self, page: Sequence[Logged]) -> Rows:
        """The rows of some more events."""
        return np.array([row for logged in page if (row := self._row(logged)) is not None], dtype=_ROW)

    def _row(self, logged: Logged) -> tuple[object, ...] | None:
        event = logged.event
        codes = (self.sessions.setdefault(logged.session, len(self.sessions)), self.users.setdefault(logged.user, len(self.users)))
        match event:
            case Heard() | Edited():
                self.unanswered.add(logged.session)
                time = event.turn.time if isinstance(event, Heard) else event.time
                return (time.timestamp(), TURN, *codes, 0, 0, np.nan, np.nan)
            case Said() if logged.session in self.unanswered:  # not a list that was asked for without a conversation
                self.unanswered.discard(logged.session)
                marks = sum(int(BIT[name]) for name in marks_of(event))
                outcomes = self.outcomes.setdefault(tuple(call.outcome for call in event.calls), len(self.outcomes))
                return (event.time.timestamp(), REPLY, *codes, marks, outcomes, event.latency_ms.get("cards", np.nan), event.latency_ms.get("total", np.nan))
            case Fed() if event.kind in COUNTED:
                return (event.time.timestamp(), FEEDBACK + COUNTED.index(event.kind), *codes, 0, 0, np.nan, np.nan)
        return None


class Tally:
    """The columns that one worker has read."""

    def __init__(self) -> None:
        self._one = asyncio.Lock()
        self._columns: _Columns | None = None

    async def since(self, archive: Archive, moment: datetime, now: datetime) -> Counts:
        """What the log holds from a moment on. Decoding and counting are done in a thread, a page at a time."""
        async with self._one:
            columns = await self._read(archive, moment, now)
            rows = columns.rows[columns.rows["time"] >= moment.timestamp()]
            return Counts(rows=rows, outcomes=tuple(columns.outcomes), truncated=columns.cut)

    async def _read(self, archive: Archive, moment: datetime, now: datetime) -> _Columns:
        tail = await archive.tail(limit=1, newest=True)
        newest = tail[-1].place if tail else 0
        columns = self._columns
        if columns is None or now - columns.born > _FRESH or newest < columns.last or moment < columns.since:
            start = await _place_before(archive, moment, newest)
            columns = _Columns(born=now, since=moment, last=max(start, newest - MOST), cut=start < newest - MOST)
        self._columns = None  # a reading that is stopped in the middle is begun again
        pages = [columns.rows]
        while page := await archive.tail(after=columns.last, limit=_PAGE):
            pages.append(await asyncio.to_thread(columns.take, page))
            columns.last = page[-1].place
        columns.rows = np.concatenate(pages)
        self._columns = columns
        return columns


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


def tally(request: HTTPConnection) -> Tally:
    """The dependency: the columns that this worker has read."""
    found = getattr(request.app.state, "tally", None)
    if not isinstance(found, Tally):
        found = request.app.state.tally = Tally()
    return found


Counted = Annotated[Tally, Depends(tally)]
