"""Events of files into the store's log, as `POST /v1/events` keeps them: what `read_keyed` judged good, with what else its rows say."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby, islice

from pydantic import ValidationError

from zhiyin.backends import Stores
from zhiyin.catalog.events import LogReport
from zhiyin.catalog.events_names import names
from zhiyin.catalog.events_numbers import read_numbers
from zhiyin.catalog.read import Raw, Rows, read_rows
from zhiyin.interactions import DWELL, KINDS, RATING, Interactions
from zhiyin.types import Fed, SessionId, UserId
from zhiyin.web.beside import beside
from zhiyin.web.event_names import in_our_names
from zhiyin.web.events import OURS, EventBody, check_value, feds_of
from zhiyin.web.money import CURRENCIES
from zhiyin.web.problems import Problem, problem_of

_AT_ONCE = 2000  # appends that the store is given together: it writes a thousand a transaction
_BREATH = 50  # rows read between two looks at other requests
_TEXTS = ("recommendation_id", "query")
_WHOLE = ("quantity", "position")
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BadEvent:
    """A row that read well and cannot be kept: the place of its file, its line and what is wrong."""

    file: int
    line: int
    reason: str
    row: Raw


@dataclass(slots=True, kw_only=True)
class Kept:
    """What came of keeping a log."""

    new: int = 0
    known: int = 0  # the store had them already
    bad: list[BadEvent] = field(default_factory=list)
    users: set[UserId] = field(default_factory=set)
    left_out: Counter[str] = field(default_factory=Counter)  # cells that say nothing we could keep, by field


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """The events of one row: of one user, type and moment, on one or more items."""

    file: int
    line: int
    user: str
    kind: int
    value: float
    moment: datetime
    items: tuple[str, ...]


async def keep_log(stores: Stores, log: Interactions, report: LogReport, *, rows: Rows = read_rows, progress: Progress = lambda _: None, dry: bool = False) -> Kept:
    """Keep a log that `read_keyed` gave; an event counts once, however often its file is imported. With `dry` only what cannot be kept is found out.

    Raises `StoreError`: what was kept until then is known the next time.
    """
    kept = Kept()
    owners: dict[str, UserId | None] = {}
    waiting: dict[tuple[SessionId, UserId], list[list[Fed]]] = defaultdict(list)
    ids = _Ids()
    for n, (row, cells) in enumerate(_with_cells(log, report, rows)):
        if n % _BREATH == _BREATH - 1:
            await asyncio.sleep(0)  # a server that imports has others to answer
        try:
            event = EventBody.model_validate(_event(row, cells, ids, kept.left_out))
            check_value(event, KINDS[row.kind])
        except (ValidationError, Problem) as error:
            errors = problem_of(error).errors if isinstance(error, ValidationError) else error.errors
            kept.bad.append(BadEvent(file=row.file, line=row.line, reason="; ".join(f"{e['field']}: {e['message']}" for e in errors), row=cells))
            continue
        user = UserId(event.user_id or f"visitor:{event.visitor_id}")
        session = beside(user, row.moment)
        if event.session_id is not None and await _owner(stores, event.session_id, owners) == user:
            session = SessionId(event.session_id)
        kept.users.add(user)
        waiting[session, user].append(list(feds_of(event, KINDS[row.kind], user, row.moment)))
    if not dry:
        async for new, known in _appended(stores, waiting):
            kept.new, kept.known = kept.new + new, kept.known + known
            progress(kept.new + kept.known)
    return kept


async def _appended(stores: Stores, waiting: Mapping[tuple[SessionId, UserId], list[list[Fed]]]) -> AsyncGenerator[tuple[int, int], None]:
    """Append session by session, many at a time; how many events were new and how many were known."""

    async def append(session: SessionId, user: UserId, events: Sequence[Sequence[Fed]]) -> int:
        fresh = iter(await stores.log.append(session, user, *(fed for event in events for fed in event)))
        return sum(any(tuple(next(fresh) for _ in event)) for event in events)

    rest = iter(waiting.items())
    while some := list(islice(rest, _AT_ONCE)):
        new = sum(await asyncio.gather(*(append(session, user, events) for (session, user), events in some)))
        yield new, sum(len(events) for _, events in some) - new


def _with_cells(log: Interactions, report: LogReport, rows: Rows) -> Iterator[tuple[_Row, Raw]]:
    """The kept events, row by row of their files, each with the cells of its row under our names."""
    places = report.places
    at: list[dict[int, list[int]]] = [defaultdict(list) for _ in places.paths]
    for place, (file, line) in enumerate(zip(places.file.tolist(), places.line.tolist(), strict=True)):
        at[file][line].append(place)
    users, items, kinds, values, times = log.user.tolist(), log.item.tolist(), log.kind.tolist(), log.value.tolist(), log.time.tolist()
    for file, path in enumerate(places.paths):
        for line, row in rows(path) if at[file] else ():
            if line not in at[file] or not isinstance(row, Mapping):
                continue
            cells = in_our_names(row, OURS)
            mine = _of_row(cells, at[file][line], lambda place: log.items[items[place]])
            at[file][line] = [place for place in at[file][line] if place not in mine]
            for _, same in groupby(mine, key=lambda p: (users[p], kinds[p], times[p])):
                here = list(same)
                first = here[0]
                yield _Row(
                    file=file, line=line, user=log.users[users[first]], kind=kinds[first], value=values[first], moment=datetime.fromtimestamp(times[first], UTC),
                    items=tuple(log.items[items[p]] for p in here),
                ), cells  # fmt: skip


def _of_row(cells: Raw, places: list[int], item_of: Callable[[int], str]) -> list[int]:
    """Which of the events of a line are of this row: all of them but where a line holds several rows, as an order its lines; those are told by their items."""
    if len(places) <= 1:
        return places
    named = cells.get("item_ids")
    texts = {_text(one) for one in named} if isinstance(named, list) else set()
    return [place for place in places if item_of(place) in texts] or places


def _event(row: _Row, cells: Raw, ids: _Ids, left_out: Counter[str]) -> dict[str, object]:
    """The row as `POST /v1/events` would get it. What a cell says that no such event can hold is left out and counted."""
    event: dict[str, object] = {"type": KINDS[row.kind], "item_ids": row.items, "event_id": ids.of(row, _text(cells.get("event_id")))}
    named = "user_id" if _text(cells.get("user_id")) else "visitor_id"  # a session without a user stands for a visitor
    event[named] = row.user
    if session := _text(cells.get("session_id")):
        event["session_id"] = session
    event |= {name: text for name in _TEXTS if (text := _text(cells.get(name)))}
    for name in _WHOLE:
        if _text(cells.get(name)):
            number = float(read_numbers([cells[name]])[0])
            if number == number and number.is_integer():  # noqa: PLR0124  # not NaN
                event[name] = int(number)
            else:
                left_out[name] += 1
    if row.kind in {RATING, DWELL}:
        event["value"] = row.value
    elif _text(cells.get("value")):
        event |= _money(cells, left_out)
    return event


def _money(cells: Raw, left_out: Counter[str]) -> dict[str, object]:
    """What was paid, where the cells say it as the log has it: whole minor units of a known currency."""
    amount, currency = float(read_numbers([cells["value"]])[0]), _text(cells.get("currency")).upper()
    if currency in CURRENCIES and amount.is_integer():
        return {"value": amount, "currency": currency}
    left_out["value"] += 1
    return {}


class _Ids:
    """Ids of events that are the same each time a file is imported."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], tuple[str, ...]] = {}

    def of(self, row: _Row, own: str) -> str:
        """The row's own id; told apart by the item where other rows of the user have it too, as an order's lines do; made of what the event is where it has none."""
        if own in names().missing:
            told = "\0".join((row.user, KINDS[row.kind], row.moment.isoformat(), str(row.value), *row.items))
            return f"row-{hashlib.blake2b(told.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"
        first = self._seen.setdefault((row.user, own), row.items)
        return own if first == row.items else f"{own}#{','.join(row.items)}"


def _text(cell: object) -> str:
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return "" if cell is None or isinstance(cell, Mapping | list | tuple) else str(cell).strip()


async def _owner(stores: Stores, session: str, owners: dict[str, UserId | None]) -> UserId | None:
    if session not in owners:
        owners[session] = await stores.archive.owner(SessionId(session))
    return owners[session]
