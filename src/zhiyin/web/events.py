"""`POST /v1/events`: what users did, in batches; every event is judged by itself, and the good ones are kept."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, Strict, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError

from zhiyin.catalog.events_names import PASSED, UNKNOWN, kind_of, nearest_kind
from zhiyin.interactions import KINDS
from zhiyin.profile import weigh
from zhiyin.types import Fed, ItemId, Scalar, SessionId, UserId
from zhiyin.web.beside import beside
from zhiyin.web.bodies import Body, Id, Text
from zhiyin.web.callers import Caller, Who
from zhiyin.web.event_names import in_our_names
from zhiyin.web.idempotency import Once
from zhiyin.web.money import CURRENCIES
from zhiyin.web.payload import read_json
from zhiyin.web.problems import Problem, invalid, problem_of, unknown
from zhiyin.web.service import Here, Service
from zhiyin.wire import Json

router = APIRouter(tags=["events"], route_class=Once)
MOST = 1000  # events of one batch
_AT_ONCE = 50  # events read between two looks at other requests
_AHEAD = timedelta(minutes=5)  # that a clock may be fast
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_ABOUT_NOTHING = "comment"  # how the log has a visit of a page and the like: it says nothing of any item
_ITEMLESS = frozenset({"search", "impression", "comment"})
_OF_MONEY = frozenset({"cart", "uncart", "purchase", "refund"})
_LONGEST_VALUE, _MOST_ITEMS, _MOST_PROPERTIES = 1000, 100, 50
_BIGGEST = 2**53  # above, JSON's numbers are not exact everywhere


def _moment(value: object) -> object:
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise PydanticCustomError("time", "RFC 3339 with a zone is needed, such as 2026-01-31T08:00:00Z")
    return value


def _known(code: str) -> str:
    if code not in CURRENCIES:
        raise PydanticCustomError("currency", "a code of ISO 4217 is needed, such as CNY")
    return code


_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]
Currency = Annotated[str, AfterValidator(_known)]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False, ge=-_BIGGEST, le=_BIGGEST)]
Whole = Annotated[int, Strict(), Field(ge=-_BIGGEST, le=_BIGGEST)]
Short = Annotated[Text, StringConstraints(max_length=_LONGEST_VALUE)]
Property = Annotated[bool, Strict()] | Whole | Number | Short


class EventBody(Body):
    """One event, as docs/reference/events.md has it."""

    event_id: Id
    type: Id
    time: Moment | None = Field(None, description="RFC 3339 with a zone; now, where it is not told")
    user_id: Id | None = None
    visitor_id: Id | None = None
    session_id: Id | None = None
    item_ids: tuple[Id, ...] = Field((), max_length=_MOST_ITEMS)
    value: Number | None = Field(None, description="rating 1-5, dwell in seconds, money in minor units")
    quantity: Annotated[Whole, Field(ge=1, le=1_000_000)] | None = None
    currency: Currency | None = None
    recommendation_id: Id | None = None
    position: Annotated[Whole, Field(ge=0, le=100_000)] | None = None
    query: Text | None = None
    properties: dict[Annotated[Short, StringConstraints(min_length=1, max_length=100)], Property] = Field(default_factory=dict, max_length=_MOST_PROPERTIES)


OURS = frozenset(EventBody.model_fields)
"""The names of our own fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """An event that can be kept: whose, where, and what it says of each of its items."""

    index: int
    session: SessionId
    user: UserId
    feds: tuple[Fed, ...]


@router.post("/v1/events", openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}})
async def take_events(service: Here, who: Who, request: Request) -> Json:
    """Keep events, durably; of each whether it was new. Where none could be kept, a 400 with the reasons."""
    batch = _batch(read_json(await request.body()))
    if who.kind == "browser":
        who.acting_as()  # a 401 without a visitor's token
    reader = _Reader(service, who)
    read: list[_Read] = []
    rejected: list[Json] = []
    for index, raw in enumerate(batch):
        if index % _AT_ONCE == _AT_ONCE - 1:
            await asyncio.sleep(0)  # a whole batch would hold others up for a tenth of a second
        try:
            read.append(await reader.read(index, raw))
        except ValidationError as error:
            rejected.append({"index": index, "errors": list(problem_of(error).errors)})
        except Problem as problem:
            rejected.append({"index": index, "errors": list(problem.errors) or [{"field": "event", "message": problem.detail}]})
    if batch and len(rejected) == len(batch):
        service.metrics.taken({"rejected": len(rejected)})
        raise Problem(400, "all_rejected", "events: none of them could be kept", errors=rejected)
    accepted = await _kept(service, read)
    service.metrics.taken({"accepted": accepted, "duplicate": len(read) - accepted, "rejected": len(rejected)})
    return {"accepted": accepted, "duplicates": len(read) - accepted, "rejected": rejected}


def _batch(body: object) -> Sequence[object]:
    if isinstance(body, dict):
        for name in body:
            if name != "events":
                raise unknown(str(name)[:100], ("events",))
        body = body.get("events")
    if not isinstance(body, list):
        raise invalid("events", "a list of events is needed")
    if len(body) > MOST:
        raise invalid("events", f"{len(body)} are too many at once; {MOST} are the most")
    return body


class _Reader:
    """Reads the events of one batch for one caller; whose a session is is looked up once."""

    def __init__(self, service: Service, who: Caller) -> None:
        self._service, self._who = service, who
        self._owners: dict[str, UserId | None] = {}

    async def read(self, index: int, raw: object) -> _Read:
        """The event. Raises what is wrong with it."""
        event = EventBody.model_validate(in_our_names(raw, OURS) if isinstance(raw, dict) else raw)
        place = kind_of(event.type)
        if place == UNKNOWN:
            near = nearest_kind(event.type)
            raise invalid("type", f"{event.type!r} is no type we know; " + (f"did you mean {near!r}?" if near else f"types are {', '.join(KINDS)}"))
        now = self._service.clock()
        moment = event.time or now
        if not _FIRST <= moment <= now + _AHEAD:
            raise invalid("time", f"{moment.isoformat()} lies before 1970 or in the future")
        moment = moment.astimezone(UTC)
        kind = _ABOUT_NOTHING if place == PASSED else KINDS[place]
        check_value(event, kind)
        if strange := next((i for i in event.item_ids if self._service.app.catalog.item(ItemId(i)) is None), None):
            raise invalid("item_ids", f"the catalogue has no {strange!r}")
        if not event.item_ids and kind not in _ITEMLESS:
            raise invalid("item_ids", f"a {event.type} is of an item")
        session, user = await self._whose(event, moment)
        return _Read(index=index, session=session, user=user, feds=tuple(feds_of(event, kind, user, moment)))

    async def _whose(self, event: EventBody, moment: datetime) -> tuple[SessionId, UserId]:
        """The session that an event is kept in, and its user."""
        who = self._who
        if who.own_only:
            if event.user_id is not None:
                raise invalid("user_id", "a visitor names no user")
            if event.visitor_id not in {None, who.visitor}:
                raise invalid("visitor_id", "it is not yours")
        named = None if who.own_only else event.user_id or (f"visitor:{event.visitor_id}" if event.visitor_id else None)
        if event.session_id is not None:
            owner = await self._owner(event.session_id)
            if owner is not None and named in {None, owner} and (not who.own_only or owner == who.user):
                return SessionId(event.session_id), owner
            if owner is not None or who.own_only or named is None:
                raise invalid("session_id", "there is no such session" if named is None else "there is no such session of this user")
            return SessionId(event.session_id), UserId(named)
        if named is None and who.user is None:
            raise invalid("user_id", "name the user, the visitor or the session")
        user = who.acting_as(named)
        return beside(user, moment), user

    async def _owner(self, session: str) -> UserId | None:
        if session not in self._owners:
            self._owners[session] = await self._service.archive.owner(SessionId(session))
        return self._owners[session]


def check_value(event: EventBody, kind: str) -> None:
    """What a value has to be depends on what it is of."""
    if kind in _OF_MONEY and event.value is not None and event.currency is None:
        raise invalid("currency", "money needs its currency, a code of ISO 4217 such as CNY")
    if event.currency is not None and event.value is not None and not event.value.is_integer():
        raise invalid("value", "money is a whole number of minor units (cents, fen)")
    if kind == "rating" and (event.value is None or not 1 <= event.value <= 5):
        raise invalid("value", "a rating is from 1 to 5")
    if kind == "dwell" and (event.value is None or event.value < 0):
        raise invalid("value", "a dwell is a number of seconds")


def feds_of(event: EventBody, kind: str, user: UserId, moment: datetime) -> Iterator[Fed]:
    """The event as the log has it: one row an item. Money of several items is kept once, with the first."""
    told: dict[str, Scalar] = {name: value for name in ("quantity", "currency", "position", "query") if (value := getattr(event, name)) is not None}
    if kind == _ABOUT_NOTHING:
        told["type"] = event.type
    items = tuple(dict.fromkeys(event.item_ids)) or ("",)
    for n, item in enumerate(items):
        yield Fed(
            user=user,
            kind=kind,
            item=ItemId(item),
            value=event.value if n == 0 or event.currency is None else None,
            id=event.event_id if len(items) == 1 else f"{event.event_id}#{n}",
            recommendation=event.recommendation_id or "",
            properties={**event.properties, **told},
            time=moment,
        )


async def _kept(service: Service, read: Sequence[_Read]) -> int:
    """How many events were new. All are awaited together: the store commits them as one group."""
    places: dict[tuple[SessionId, UserId], list[_Read]] = defaultdict(list)
    for event in read:
        places[event.session, event.user].append(event)

    async def keep(session: SessionId, user: UserId, events: Sequence[_Read]) -> int:
        new = iter(await service.app.engine.take(session, user, *(fed for event in events for fed in event.feds), learn=False))
        return sum(any(tuple(next(new) for _ in event.feds)) for event in events)

    counts = await asyncio.gather(*(keep(session, user, events) for (session, user), events in places.items()), return_exceptions=True)
    if failed := next((c for c in counts if isinstance(c, BaseException)), None):
        raise failed  # all of them may be sent again: what was kept is known by its id
    service.learner.learn({event.user for event in read if any(weigh(fed) > 0.0 for fed in event.feds)})
    await asyncio.gather(*(service.changes.tasted(user) for user in {user for _, user in places}))
    return sum(c for c in counts if isinstance(c, int))
