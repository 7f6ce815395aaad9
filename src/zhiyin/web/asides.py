"""Beside the conversation: what to say first, items side by side, why an item was shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.requests import Request

from zhiyin.history import exchanges
from zhiyin.reply.presenter import Presenter
from zhiyin.reply.speaker import TemplateSpeaker
from zhiyin.types import Act, Candidate, Card, Item, ItemId, Language, Profile, Said, SessionId, State, UserId
from zhiyin.types import Query as Look
from zhiyin.web.asked import Locale
from zhiyin.web.belonging import owner_of
from zhiyin.web.bodies import Body, Id
from zhiyin.web.callers import Caller, Who
from zhiyin.web.comparing import rows_json, verdicts_json
from zhiyin.web.known import known_of, weights_json
from zhiyin.web.problems import invalid, missing
from zhiyin.web.service import Here, Service
from zhiyin.web.slates import Shown
from zhiyin.web.suggestions import follow_ups, openers, words
from zhiyin.web.views import candidate_of
from zhiyin.wire import Json, candidate_json, reason_json

router = APIRouter(tags=["asides"])
_LOOKED_AT = 50  # candidates among which an item's scores are looked for
_WEIGHTS = 10  # of a profile that are told
_SESSIONS = 40  # of a user, for taste: as many as the engine reads


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
        "text": _spoken(service, act, setting.state),
    }


@router.post("/v1/explain")
async def explain(*, service: Here, who: Who, slates: Shown, body: ExplainBody, request: Request) -> Json:
    """Why an item is shown, or would be: reasons with their evidence, what each source gave, and the taste that had a say."""
    if body.session_id is None and body.user is None and who.user is None and who.kind != "browser":
        raise invalid("session_id", "name the session, or the user")
    setting = await _setting(service, who, request, body)
    user = setting.user or who.acting_as(body.user)
    item = _item(service, body.item_id, "item_id")
    known = await known_of(service, user, latest=_SESSIONS)
    session = setting.session
    if session is None and body.recommendation_id is not None:
        session = await slates.session_of(service, user, body.recommendation_id)
    shown = await _shown(service, session, body.recommendation_id, item.id)
    if body.recommendation_id is not None and shown is None:
        raise missing("recommendation of this item")
    profile = known.profile if known.personalise else Profile()
    item = _item(service, body.item_id, "item_id")  # once more: it may have been deleted while the log was read
    candidate = _as_shown(service, shown, setting.state) if shown is not None else None
    candidate = candidate or _as_found(service, item, setting.state, profile)
    act = Act(kind="explain", items=(item.id,), reasons=candidate.reasons)
    return {
        "item": candidate_json(candidate),
        "reasons": [reason_json(r) for r in candidate.reasons],
        "sources": dict(candidate.sources),
        "profile": [row for row, _ in weights_json(profile, service.app.wording)[:_WEIGHTS]],
        "text": _spoken(service, act, setting.state),
    }


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


def _as_found(service: Service, item: Item, state: State, profile: Profile) -> Candidate:
    """An item as it would be found now: with its scores, where it is among the best."""
    look = Look(wishes=state.wishes, topic=state.topic, basis=state.basis, profile=profile, limit=_LOOKED_AT)
    found = next((c for c in service.app.engine.find.slate(look) if c.item.id == item.id), None)
    if found is None:
        reasons = service.app.engine.find.reasons(item.id, look)
        found = Candidate(item=item, score=0.0, attributes=service.app.catalog.attributes(service.app.catalog.row[item.id], state.wishes), reasons=reasons)
    return service.app.engine.present.slate((found,), state)[0]


async def _shown(service: Service, session: SessionId | None, recommendation: str | None, item: ItemId) -> Card | None:
    """The item as it was last shown in a session, or on one slate of it."""
    if session is None:
        return None
    events = await service.store.events(session)
    if recommendation is not None:  # of a turn, undone or not, or of a list without one
        said = (e for e in events if isinstance(e, Said) and e.recommendation == recommendation)
    else:
        said = (e.said for e in reversed(exchanges(events)) if e.said is not None and not e.undone)
    return next((card for one in said for card in one.cards if card.item == item), None)


def _as_shown(service: Service, card: Card, state: State) -> Candidate | None:
    candidate = candidate_of(card, service.app.wording)
    return None if candidate is None else service.app.engine.present.slate((candidate,), state)[0]


def _spoken(service: Service, act: Act, state: State) -> str:
    """What the templates say of an act; no model is asked beside a conversation."""
    wording = service.app.wording
    sentences = TemplateSpeaker(wording.catalog, wording).script(act, (), state).sentences
    return ("" if state.language is Language.ZH else " ").join(sentences).replace(" \n", "\n")
