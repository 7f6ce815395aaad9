"""`POST /v1/events`: what users did, in batches; every event is judged by itself, and the good ones are kept."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import AwareDatetime, Field, StringConstraints, ValidationError

from zhiyin.catalog.events_names import PASSED, UNKNOWN, kind_of, nearest_kind
from zhiyin.interactions import KINDS
from zhiyin.types import Fed, ItemId, Scalar, SessionId, UserId
from zhiyin.web.belonging import owner_of
from zhiyin.web.bodies import Body, Id, Text
from zhiyin.web.callers import Caller, Who
from zhiyin.web.idempotency import Once
from zhiyin.web.problems import Problem, problem_of
from zhiyin.web.service import Here, Service
from zhiyin.wire import Json

router = APIRouter(tags=["events"], route_class=Once)
MOST = 1000  # events of one batch
_AHEAD = timedelta(minutes=5)  # that a clock may be fast
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_ABOUT_NOTHING = "comment"  # how the log has a search or an impression of nothing in particular: it says nothing of any item

Currency = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]


class EventBody(Body):
    """One event, as docs/reference/events.md has it."""

    event_id: Id
    type: Id
    time: AwareDatetime | None = Field(None, description="RFC 3339 with a zone; now, where it is not told")
    user_id: Id | None = None
    visitor_id: Id | None = None
    session_id: Id | None = None
    item_ids: tuple[Id, ...] = Field((), max_length=100)
    value: float | None = Field(None, allow_inf_nan=False, description="rating 1-5, dwell in seconds, money in minor units")
    quantity: int | None = Field(None, ge=1, le=1_000_000)
    currency: Currency | None = None
    recommendation_id: Id | None = None
    position: int | None = Field(None, ge=0, le=100_000)
    query: Text | None = None
    properties: Mapping[str, str | int | float | bool] = Field(default_factory=dict, max_length=50)


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
    batch = _batch(await request.body())
    read: list[_Read] = []
    rejected: list[Json] = []
    for index, raw in enumerate(batch):
        try:
            read.append(await _read(index, raw, service, who))
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


def _batch(text: bytes) -> Sequence[object]:
    try:
        body = json.loads(text)
    except ValueError:  # not JSON, or not UTF-8
        raise _bad("events", "the body is no JSON") from None
    events = body.get("events") if isinstance(body, dict) and set(body) == {"events"} else body
    if not isinstance(events, list):
        raise Problem(400, "invalid", "events: a list of events is needed", errors=({"field": "events", "message": "a list of events is needed"},))
    if len(events) > MOST:
        raise Problem(400, "invalid", f"events: {len(events)} are too many at once; {MOST} are the most", errors=({"field": "events", "message": f"at most {MOST} at once"},))
    return events


async def _read(index: int, raw: object, service: Service, who: Caller) -> _Read:
    event = EventBody.model_validate(raw)
    place = kind_of(event.type)
    if place == UNKNOWN:
        near = nearest_kind(event.type)
        known = f"did you mean {near!r}?" if near else f"types are {', '.join(KINDS)}"
        raise _bad("type", f"{event.type!r} is no type we know; {known}")
    now = service.clock()
    if event.time is not None and not _FIRST <= event.time <= now + _AHEAD:
        raise _bad("time", f"{event.time.isoformat()} lies before 1970 or in the future")
    kind = _ABOUT_NOTHING if place == PASSED else KINDS[place]
    if event.currency is not None and event.value is not None and not float(event.value).is_integer():
        raise _bad("value", "money is a whole number of minor units (cents, fen)")
    if kind == "rating" and (event.value is None or not 1 <= event.value <= 5):
        raise _bad("value", "a rating is from 1 to 5")
    if strange := [i for i in event.item_ids if service.app.catalog.item(ItemId(i)) is None]:
        raise _bad("item_ids", f"the catalogue has no {strange[0]!r}")
    if not event.item_ids and place != PASSED and kind not in {"search", "impression", "comment"}:
        raise _bad("item_ids", f"a {event.type} is of an item")
    session, user = await _whose(event, service, who, event.time or now)
    return _Read(index=index, session=session, user=user, feds=tuple(_feds(event, kind, user, event.time or now)))


async def _whose(event: EventBody, service: Service, who: Caller, moment: datetime) -> tuple[SessionId, UserId]:
    if who.own_only and event.visitor_id not in {None, who.visitor}:
        raise _bad("visitor_id", "it is not yours")
    named = event.user_id or (f"visitor:{event.visitor_id}" if event.visitor_id and not who.own_only else None)
    if who.own_only and named is not None:
        raise _bad("user_id", "a browser acts as its visitor and names no user")
    if named is None and who.user is None:
        raise _bad("user_id", "name the user or the visitor")
    user = who.acting_as(named)
    if event.session_id is None:
        return SessionId(f"events:{user}:{moment.date().isoformat()}"[:128]), user
    owner = await service.archive.owner(SessionId(event.session_id))
    if owner is not None:
        await owner_of(service, who, event.session_id, named)
    elif who.own_only:
        raise _bad("session_id", "there is no such session of yours")
    return SessionId(event.session_id), user


def _feds(event: EventBody, kind: str, user: UserId, moment: datetime) -> Sequence[Fed]:
    told: dict[str, Scalar] = {name: value for name in ("quantity", "currency", "position", "query") if (value := getattr(event, name)) is not None}
    told |= {} if kind != _ABOUT_NOTHING else {"type": event.type}
    items = event.item_ids or ("",)
    return [
        Fed(
            user=user,
            kind=kind,
            item=ItemId(item),
            value=event.value,
            id=event.event_id if len(items) == 1 else f"{event.event_id}#{n}",
            recommendation=event.recommendation_id or "",
            properties={**event.properties, **told},
            time=moment,
        )
        for n, item in enumerate(items)
    ]


async def _kept(service: Service, read: Sequence[_Read]) -> int:
    """How many events were new. All are awaited together: the store commits them as one group."""
    places: dict[tuple[SessionId, UserId], list[_Read]] = defaultdict(list)
    for event in read:
        places[event.session, event.user].append(event)

    async def keep(session: SessionId, user: UserId, events: Sequence[_Read]) -> int:
        new = iter(await service.app.engine.take(session, user, *(fed for event in events for fed in event.feds)))
        return sum(any(tuple(next(new) for _ in event.feds)) for event in events)

    counts = await asyncio.gather(*(keep(session, user, events) for (session, user), events in places.items()), return_exceptions=True)
    if failed := next((c for c in counts if isinstance(c, BaseException)), None):
        raise failed  # all of them may be sent again: what was kept is known by its id
    for user in {user for _, user in places}:
        await service.changes.tasted(user)
    return sum(c for c in counts if isinstance(c, int))


def _bad(field: str, message: str) -> Problem:
    return Problem(400, "invalid", f"{field}: {message}", errors=({"field": field, "message": message},))
