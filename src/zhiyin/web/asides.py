"""Beside the conversation: what to say first, items side by side, why an item was shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.requests import Request

from zhiyin.engine import SESSIONS_READ
from zhiyin.history import exchanges
from zhiyin.reply.presenter import Presenter
from zhiyin.types import Act, Candidate, Item, ItemId, Language, Profile, SessionId, State, UserId
from zhiyin.types import Query as Look
from zhiyin.web.asked import Locale
from zhiyin.web.belonging import owner_of
from zhiyin.web.bodies import Body, Id
from zhiyin.web.callers import Caller, Who
from zhiyin.web.comparing import rows_json, verdicts_json
from zhiyin.web.explaining import explained, last_shown, spoken
from zhiyin.web.known import known_of
from zhiyin.web.problems import invalid, missing
from zhiyin.web.service import Here, Service
from zhiyin.web.slates import Shown
from zhiyin.web.suggestions import follow_ups, openers, words
from zhiyin.wire import Json, candidate_json

router = APIRouter(tags=["asides"])


class AsideBody(Body):
    """In which session, for whom and in which language something is asked."""

    session_id: Id | None = Field(None, description="the session whose wishes and language count")
    user: Id | None = Field(None, description="whom a server acts for")
    locale: Locale | None = None


class CompareBody(AsideBody):
    """Items to compare."""

    items: list[Id] = Field(min_length=2, max_length=4)


class ExplainBody(AsideBody):
    """An item to explain, in a session or for a user."""

    item_id: Id
    recommendation_id: Id | None = Field(None, description="the slate that it was on: the reasons of then")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """In which session, for whom and in which language something is asked beside it."""

    state: State
    session: SessionId | None = None
    user: UserId | None = None

    @property
    def language(self) -> str:
        """The language to answer in."""
        return str(self.state.language)


@router.get("/v1/suggestions")
async def get_suggestions(*, service: Here, who: Who, request: Request, locale: Annotated[Locale | None, Query()] = None, session_id: Annotated[Id | None, Query()] = None) -> Json:
    """How to begin, or to go on in a session: sentences that can be sent as they stand."""
    setting = await _setting(service, who, request, AsideBody(session_id=session_id, user=None, locale=locale))
    domain, language = service.app.domain, setting.language
    greeting = words(language)["greeting"].format(counted=service.app.wording.counted(len(service.app.catalog), language))
    label = domain.label.get(language, domain.name)
    return {
        "greeting": greeting,
        "suggestions": list(await _suggestions(service, setting)),
        "notices": _standing_notices(service, language),
        "domain": domain.name,
        "domains": [{"name": domain.name, "label": label}],
        "disclaimer": None,
    }


@router.post("/v1/compare")
async def compare(*, service: Here, who: Who, body: CompareBody, request: Request) -> Json:
    """Two to four items side by side; with a session, which of its wishes each keeps."""
    setting = await _setting(service, who, request, body)
    if len(set(body.items)) < len(body.items):
        raise invalid("items", "each item once")
    items = [_item(service, identity, f"items.{place}") for place, identity in enumerate(body.items)]
    wishes, wording = setting.state.wishes, service.app.wording
    act = Act(kind="compare", items=tuple(item.id for item in items))
    return {
        "items": [candidate_json(_candidate(service, item, setting.state)) for item in items],
        "rows": rows_json(items, wishes, wording, setting.language),
        "verdicts": verdicts_json(items, wishes, wording, setting.language),
        "text": spoken(service.app, act, setting.state),
    }


@router.post("/v1/explain")
async def explain(*, service: Here, who: Who, slates: Shown, body: ExplainBody, request: Request) -> Json:
    """Why an item is shown, or would be: reasons with their evidence, what each source gave, and the taste that had a say."""
    if body.session_id is None and body.user is None and who.user is None and who.kind != "browser":
        raise invalid("session_id", "name the session, or the user")
    setting = await _setting(service, who, request, body)
    user = setting.user or who.acting_as(body.user)
    item = _item(service, body.item_id, "item_id")
    known = await known_of(service.app, user, latest=SESSIONS_READ)
    session = setting.session
    if session is None and body.recommendation_id is not None:
        session = await slates.session_of(service, user, body.recommendation_id)
    shown = None if session is None else await last_shown(service.store, session, item.id, body.recommendation_id)
    if body.recommendation_id is not None and shown is None:
        raise missing("recommendation of this item")
    profile = known.profile if known.personalise else Profile()
    item = _item(service, body.item_id, "item_id")  # once more: it may have been deleted while the log was read
    return explained(service.app, item, setting.state, profile, shown)


async def _setting(service: Service, who: Caller, request: Request, asked: AsideBody) -> _Setting:
    if asked.session_id is None:
        return _Setting(state=State(language=Language(asked.locale or preferred(request.headers.get("accept-language", "")))))
    owner = await owner_of(service, who, asked.session_id, asked.user)
    state = await service.app.engine.state(SessionId(asked.session_id), owner)
    return _Setting(state=replace(state, language=Language(asked.locale)) if asked.locale else state, session=SessionId(asked.session_id), user=owner)


def preferred(accept_language: str) -> str:
    """The first of our languages that a browser asks for; English where it asks for neither."""
    asked = (part.partition(";")[0].strip().lower()[:2] for part in accept_language.split(","))
    return next((language for language in asked if language in set(Language)), str(Language.EN))


async def _suggestions(service: Service, setting: _Setting) -> tuple[str, ...]:
    domain, language = service.app.domain, setting.language
    if setting.session is None:
        return openers(domain, language)
    last = next((e.said for e in reversed(exchanges(await service.store.events(setting.session))) if not e.undone and e.said is not None), None)
    return openers(domain, language) if last is None else follow_ups(domain, language, last.act, len(last.items), len(setting.state.focus))


def _standing_notices(service: Service, language: str) -> list[Json]:
    """What holds for every reply, such as that no language model is connected."""
    present = service.app.engine.present
    if not isinstance(present, Presenter):
        return []
    return [{"code": n.code, "text": present.speaker.notice(n, language)} for n in present.standing]


def _item(service: Service, identity: str, where: str) -> Item:
    item = service.app.catalog.item(ItemId(identity))
    if item is None:
        raise invalid(where, "the catalogue has no such item")
    return item


def _candidate(service: Service, item: Item, state: State) -> Candidate:
    """An item as a card under a session's wishes, with what speaks for it."""
    engine, catalog = service.app.engine, service.app.catalog
    reasons = engine.find.reasons(item.id, Look(wishes=state.wishes, topic=state.topic, basis=state.basis))
    bare = Candidate(item=item, score=0.0, attributes=catalog.attributes(catalog.row[item.id], state.wishes), reasons=reasons)
    return engine.present.slate((bare,), state)[0]
