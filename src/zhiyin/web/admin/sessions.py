"""Everybody's conversations: found by what went wrong in them, and opened turn by turn with all that the log knows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query

from zhiyin.history import Exchange, exchanges
from zhiyin.records import Conversation
from zhiyin.reply.wording import Wording
from zhiyin.types import Call, Edited, Event, Fed, Heard, Lift, Said, SessionId, UserId, Wish
from zhiyin.web.admin.marks import MARKS, marks_of_exchange
from zhiyin.web.bodies import Id
from zhiyin.web.cursors import Cursors
from zhiyin.web.problems import missing
from zhiyin.web.service import Here, Service
from zhiyin.web.views import candidate_of, edit_text, named_json, offer_json, title_of
from zhiyin.web.worker import of_worker
from zhiyin.wire import Json, candidate_json, plain_value, question_json, wish_json

router = APIRouter()
LOOKED_AT = 300
"""Sessions that one request reads to find those that a filter asks for; the cursor goes on behind them."""
_PAGE = 100
_REMEMBERED = 5000
Filter = Literal["all", "empty", "relaxed", "disliked", "slow", "fallback", "withheld", "cut", "undone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """A session in a line."""

    last_place: int
    title: str
    turns: int
    flags: tuple[str, ...]
    languages: tuple[str, ...]


class Remembered:
    """Glances at the sessions looked at last: a session is read again only when something new has happened in it."""

    def __init__(self) -> None:
        self._known: OrderedDict[SessionId, Glance] = OrderedDict()

    async def glance(self, service: Service, one: Conversation) -> Glance:
        """The line of one session."""
        known = self._known.get(one.session)
        if known is None or known.last_place != one.last_place:
            known = self._known[one.session] = glance_at(await service.store.events(one.session), one.last_place)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        self._known.move_to_end(one.session)
        return known


@router.get("/v1/admin/sessions")
async def list_sessions(
    *,
    service: Here,
    glances: Annotated[Remembered, Depends(of_worker(Remembered))],
    user: Annotated[Id | None, Query(description="only this user's")] = None,
    wanted: Annotated[Filter, Query(alias="filter", description="only those with a turn of this kind")] = "all",
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
) -> Json:
    """Conversations, the latest first. With a filter a page may be short, or empty, and go on all the same: see `next_cursor`."""
    cursors, now = Cursors(service.secret, f"admin:sessions:{user or ''}:{wanted}"), service.clock()
    before, seen = int(cursors.read(cursor, now)) if cursor else 0, 0
    rows: list[Json] = []
    while page := await service.archive.conversations(before=before, limit=_PAGE, user=UserId(user) if user else None):
        for one in page:
            known = await glances.glance(service, one)
            before, seen = one.last_place, seen + 1
            if known.turns and (wanted == "all" or wanted in known.flags):  # events of a website and lists without words are no conversations
                rows.append(_row_json(one, known))
            if len(rows) == limit or seen >= LOOKED_AT:
                return {"sessions": rows, "looked_at": seen, "next_cursor": cursors.make(before, now)}
    return {"sessions": rows, "looked_at": seen, "next_cursor": None}


@router.get("/v1/admin/sessions/{session_id}")
async def get_session(service: Here, session_id: Id) -> Json:
    """One conversation, turn by turn, with what was understood, found, scored, asked of a model and thought of it."""
    user, events = await opened(service, session_id)
    told = exchanges(events)
    known = {w.id: w for e in told for w in e.state.wishes}
    turns = [_turn_json(e, before, known, service.app.wording) for e, before in zip(told, (None, *told), strict=False)]
    return {"session_id": session_id, "user": user, "title": title_of(events), "domain": service.app.domain.name, "turns": turns}


async def opened(service: Service, session_id: str) -> tuple[UserId, tuple[Event, ...]]:
    """Whose a session is and its events. Raises a 404 where there is none."""
    session = SessionId(session_id)
    owner = await service.archive.owner(session)
    if owner is None:
        raise missing("session")
    return owner, tuple(await service.store.events(session))


def glance_at(events: Sequence[Event], last_place: int) -> Glance:
    """The line of a session's events."""
    told = exchanges(events)
    flags = frozenset(mark for e in told for mark in marks_of_exchange(e))
    languages = dict.fromkeys(str(e.state.language) for e in told)
    return Glance(last_place=last_place, title=title_of(events), turns=len(told), flags=tuple(m for m in MARKS if m in flags), languages=tuple(languages))


def _row_json(one: Conversation, known: Glance) -> Json:
    return {
        "session_id": one.session,
        "user": one.user,
        "first": one.first.isoformat(),
        "last": one.last.isoformat(),
        "turns": known.turns,
        "title": known.title,
        "flags": list(known.flags),
        "languages": list(known.languages),
    }


def _turn_json(exchange: Exchange, before: Exchange | None, known: Mapping[str, Wish], wording: Wording) -> Json:
    event, state = exchange.event, exchange.state
    language = str(state.language)
    heard = event.understanding if isinstance(event, Heard) else None
    time = event.turn.time if isinstance(event, Heard) else event.time
    earlier = {w.id for w in before.state.wishes} if before else set()
    return {
        "turn": state.turn,
        "kind": "message" if heard else "edit",
        "time": time.isoformat(),
        "text": event.turn.text if isinstance(event, Heard) else edit_text(event, known, wording, language),
        "language": language,
        "intent": dict(heard.intent) if heard else None,
        "sentiment": {"label": heard.sentiment.label, "score": heard.sentiment.score, "aspects": dict(heard.sentiment.aspects)} if heard else None,
        "topic": state.topic,
        "signals": sorted(heard.signals) if heard else [],
        "constraints": [{**wish_json(w), "label": wording.wish(w, language), "new": w.id not in earlier} for w in state.wishes],
        "changes": _changes(event),
        "about": [named_json(i, wording.catalog) for i in heard.about] if heard else [],
        **_reply_json(exchange.said, wording),
        "feedback": [_feedback_json(fed) for fed in exchange.feedback],
        "flags": [m for m in MARKS if m in marks_of_exchange(exchange)],
        "undone": exchange.undone,
    }


def _reply_json(said: Said | None, wording: Wording) -> Json:
    """What came back; of a turn that the process did not live to answer, nothing."""
    return {
        "act": said.act if said else None,
        "recommendation_id": (said.recommendation or None) if said else None,
        "items": _cards(said, wording) if said else [],
        "question": question_json(said.asked) if said else None,
        "relaxed": [offer_json(o) for o in said.offers] if said else [],
        "reply": said.text if said else "",
        "whole": said.whole if said else False,
        "notices": [{"code": code, "text": text} for code, text in said.notices] if said else [],
        "withheld": list(said.withheld) if said else [],
        "calls": [_call_json(call) for call in said.calls] if said else [],
        "latency_ms": dict(said.latency_ms) if said else {},
    }


def _cards(said: Said, wording: Wording) -> list[Json]:
    """The cards as they were shown; of an item that has gone from the catalogue what the log kept."""
    rows: list[Json] = []
    for card in said.cards:
        candidate = candidate_of(card, wording)
        if candidate is not None:
            rows.append({**candidate_json(candidate), "gone": False})
            continue
        attributes = {name: plain_value(value) for name, value in card.attributes.items()}
        reasons = [{"text": r.text, "kind": r.kind, "evidence": {"field": r.field, "value": plain_value(r.value)}} for r in card.reasons]
        rows.append({**named_json(card.item, wording.catalog), "score": card.score, "sources": dict(card.sources), "attributes": attributes, "reasons": reasons, "gone": True})
    return rows


def _call_json(call: Call) -> Json:
    usage = call.usage
    return {
        "stage": call.purpose,
        "model": usage.model,
        "outcome": call.outcome,
        "seconds": round(usage.seconds, 3),
        "first_seconds": round(usage.first, 3),
        "prompt_version": call.prompt,
        "prompt_tokens": usage.prompt,
        "cached_tokens": usage.cached,
        "answer_tokens": usage.answer,
    }


def _feedback_json(fed: Fed) -> Json:
    return {"item_id": fed.item, "kind": fed.kind, "value": fed.value, "reason": fed.reason, "comment": fed.comment, "time": fed.time.isoformat()}


def _changes(event: Heard | Edited) -> list[Json]:
    """What a message, or a hand, changed of the wishes."""
    if isinstance(event, Edited):
        rows: list[Json] = [{"kind": "removed", "constraint": i} for i in event.removed]
        rows += [{"kind": "changed", "wish": wish_json(w)} for w in event.changed]
        return rows + [{"kind": "added", "wish": wish_json(w)} for w in event.added]
    return [
        {"kind": "lift", "field": edit.field, "values": list(edit.values), "source": edit.source}
        if isinstance(edit, Lift)
        else {"kind": "put", "how": edit.how, "wish": wish_json(edit.wish)}
        for edit in event.understanding.edits
    ]
