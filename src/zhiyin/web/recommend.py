"""`POST /v1/recommend`: a list without a conversation; what it shows is in the log, so that feedback can be joined to it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace

from fastapi import APIRouter
from pydantic import Field

from zhiyin.engine import feedback_of
from zhiyin.policy import plan
from zhiyin.profile import done_with, read_profile
from zhiyin.state import advance
from zhiyin.types import Act, Card, Heard, ItemId, Language, Profile, Query, Said, SessionId, Slate, State, Turn, UserId
from zhiyin.web.asked import Limit, Locale, Yes
from zhiyin.web.belonging import owner_of
from zhiyin.web.beside import beside
from zhiyin.web.bodies import Body, Id, Text
from zhiyin.web.callers import Caller, Who
from zhiyin.web.filters import read_filters
from zhiyin.web.idempotency import Once
from zhiyin.web.known import weights_json
from zhiyin.web.limits import admit_turn
from zhiyin.web.personal import personal
from zhiyin.web.service import Here, Service
from zhiyin.web.stream import total_of, worded
from zhiyin.web.views import offer_json
from zhiyin.wire import Json, candidate_json, wish_json

router = APIRouter(tags=["recommend"], route_class=Once)
_MOST = 20  # items of a list
_WEIGHTS = 10  # of a profile that are told


class RecommendBody(Body):
    """For whom, by which words and under which conditions."""

    user: Id | None = Field(None, description="whom a server acts for; an anonymous one where nobody is named")
    session_id: Id | None = Field(None, description="a conversation whose wishes count too; it does not change")
    query: Text = Field("", description="what is wanted, in the user's words; it is read, not answered")
    filters: dict[str, object] | None = Field(None, description="{FIELD: VALUE} or {FIELD: {op, value}}; they hold, whatever the words say")
    limit: Limit | None = Field(None, description="how many items; 5 unless the words say a number")
    locale: Locale | None = Field(None, description="the language of the reasons, where the words tell none")
    explain: Yes = Field(default=False, description="also tell what the words were taken to mean, and which taste had a say")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """For whom a list is made, from which state and taste, and in which session it is kept: never in a conversation, which did not show it."""

    session: SessionId
    user: UserId
    state: State
    profile: Profile
    done: frozenset[ItemId]


@router.post("/v1/recommend")
async def recommend(service: Here, who: Who, body: RecommendBody) -> Json:
    """The best items for a user, a wish or both. Nothing is said, and no language model is asked."""
    catalog, find, present = service.app.catalog, service.app.engine.find, service.app.engine.present
    filters = read_filters(body.filters or {}, catalog)
    setting = await _setting(service, who, body)
    await admit_turn(service.limiter, setting.user, service.settings.http)
    service.gate.check()
    if body.query:
        await service.ahead.embed(body.query)
    async with service.gate:
        state = _read(service, setting, body)
        query = plan(state, setting.profile)
        query = replace(query, wishes=(*query.wishes, *filters), exclude=query.exclude | setting.done, limit=body.limit or min(query.limit, _MOST))
        slate = present.slate(find.slate(query), state)
        offers = () if slate else tuple(o for o in find.facets(query).offers if not {o.wish, *o.also} & set(filters))
    wording, language = service.app.wording, str(state.language)
    recommendation = uuid.uuid4().hex if slate else None
    if recommendation:
        await service.store.append(setting.session, setting.user, _said(slate, recommendation, service))
    return {
        "recommendation_id": recommendation,
        "items": [candidate_json(c) for c in slate],
        "total": total_of(Act(kind="recommend", query=query), wording.catalog),
        "relaxed": [offer_json(o) for o in worded(offers, wording, language)],
        "session_id": setting.session,
        "user": setting.user,
        **({"explanation": _explained(service, query, state)} if body.explain else {}),
    }


async def _setting(service: Service, who: Caller, body: RecommendBody) -> _Setting:
    if body.session_id is not None:
        user = await owner_of(service, who, body.session_id, body.user)
        state = await service.app.engine.state(SessionId(body.session_id), user)
    else:
        user = who.acting_as(body.user)
        state = State()
    past = await feedback_of(service.store, user)
    profile = read_profile(past, service.clock()) if await personal(service.records, user) else Profile()
    return _Setting(session=beside(user, service.clock()), user=user, state=state, profile=profile, done=done_with(past))


def _read(service: Service, setting: _Setting, body: RecommendBody) -> State:
    """The state that the words lead to; they are not kept."""
    state = setting.state if body.locale is None else replace(setting.state, language=Language(body.locale))
    if not body.query.strip():
        return state
    turn = Turn(session=setting.session, user=setting.user, text=body.query, time=service.clock())
    return advance(state, Heard(turn=turn, understanding=service.app.engine.understand(turn, state)))


def _said(slate: Slate, recommendation: str, service: Service) -> Said:
    """What the log keeps: what was shown, with every score and reason; no words."""
    cards = tuple(Card(item=c.item.id, score=c.score, sources=c.sources, reasons=c.reasons, attributes=c.attributes, probability=c.probability) for c in slate)
    return Said(act="recommend", text="", items=tuple(c.item for c in cards), recommendation=recommendation, cards=cards, time=service.clock())


def _explained(service: Service, query: Query, state: State) -> Json:
    """What the words were taken to mean, and the taste that ranked."""
    return {
        "language": str(state.language),
        "constraints": [wish_json(w) for w in query.wishes],
        "topic": query.topic,
        "like": list(query.basis),
        "profile": [row for row, _ in weights_json(query.profile, service.app.wording)[:_WEIGHTS]],
    }
