"""Why did it show that? The verdict on every wish, what each source gave, and what kept an item out: from the log as it was, and replayed over the rows of now."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated

from fastapi import APIRouter, Path, Query

from zhiyin.engine import feedback_of
from zhiyin.reply.wording import Wording
from zhiyin.retrieve.fuse import WEIGHTS
from zhiyin.types import Card, ItemId, Op, SessionId, Value, Wish
from zhiyin.types import Query as Look
from zhiyin.web.admin.replaying import Past, Replay, kept_out, past_turn, replayed
from zhiyin.web.admin.sessions import opened
from zhiyin.web.bodies import Id
from zhiyin.web.known import weights_json
from zhiyin.web.personal import personal
from zhiyin.web.problems import invalid, missing
from zhiyin.web.service import Here
from zhiyin.web.views import named_json
from zhiyin.wire import Json, plain_value, wish_json

router = APIRouter()
_TASTE = 20  # weights told
_LANGUAGES = ("en", "zh")
_SAME = 2e-4  # scores are logged with four digits


@router.get("/v1/admin/sessions/{session_id}/turns/{turn}/why")
async def get_why(
    *,
    service: Here,
    session_id: Id,
    turn: Annotated[int, Path(ge=1, le=1_000_000)],
    item_id: Annotated[Id | None, Query(description="an item to explain too, shown or not")] = None,
) -> Json:
    """Every card of a turn, and one item more: its wishes, its scores then and now, its places, and what kept it out."""
    user, events = await opened(service, session_id)
    past = past_turn(SessionId(session_id), user, events, turn)
    if past is None:
        raise missing("turn of this session")
    before = tuple(f for f in await feedback_of(service.store, user, but=past.session) if f.time <= past.time)  # as far as it had been given by then
    personally = await personal(service.records, user)
    if past.before.topic or past.event.type == "heard":
        await service.ahead.embed(past.event.turn.text if past.event.type == "heard" else past.before.topic)
    async with service.gate:  # it is computed as a turn is, and waits in the same line
        view = service.items.living.view
        asked = ItemId(item_id) if item_id is not None else None
        if asked is not None and view.catalog.item(asked) is None and not (past.said and asked in past.said.items):
            raise invalid("item_id", "the catalogue has no such item, and the turn did not show it")
        return _Why(past, replayed(view, service.app.engine.present.known, past, before, personal=personally)).json(asked)


@dataclass(frozen=True, slots=True)
class _Why:
    """A turn's answer to why."""

    past: Past
    replay: Replay

    @property
    def wording(self) -> Wording:
        """Words for the rows of now."""
        return self.replay.view.wording

    def json(self, asked: ItemId | None) -> Json:
        """The whole of it."""
        past, said, query = self.past, self.past.said, self.replay.query
        shown = said.cards if said else ()
        cards = [self.card(card.item, card, rank) for rank, card in enumerate(shown, 1)]
        own = next((row for card, row in zip(shown, cards, strict=True) if card.item == asked), None)
        extra = None if asked is None else own or self.card(asked, None, None)
        notes = self.notes(cards)
        return {
            "session_id": past.session,
            "turn": self.replay.state.turn,
            "time": past.time.isoformat(),
            "text": past.event.turn.text if past.event.type == "heard" else "",
            "language": str(self.replay.state.language),
            "act": said.act if said else None,
            "recommendation_id": (said.recommendation or None) if said else None,
            "query": self.query(query),
            "weights": dict(WEIGHTS),
            "items": len(self.replay.view.catalog),
            "passing": len(self.replay.pool.rows),
            "now": [named_json(i, self.wording.catalog) for i in self.replay.slate],
            "reproduced": bool(shown) and not {n["code"] for n in notes} & {"gone", "scores", "order", "model"},
            "notes": notes,
            "cards": cards,
            "item": extra,
        }

    def query(self, query: Look) -> Json:
        """What was looked for."""
        return {
            "constraints": [{**wish_json(w), "label": self.label(w)} for w in query.wishes],
            "topic": query.topic,
            "like": [named_json(i, self.wording.catalog) for i in query.basis],
            "taste": [row for row, _ in weights_json(query.profile, self.wording)[:_TASTE]],
            "excluded": len(query.exclude),
            "limit": query.limit,
            "explore": query.explore,
        }

    def card(self, item: ItemId, card: Card | None, rank: int | None) -> Json:
        """One item: then, now, its wishes, what kept it out."""
        standing = self.replay.standing(item)
        place = self.replay.slate.index(item) + 1 if item in self.replay.slate else None
        now = None
        if standing is not None:
            rows = [{"source": s.source, "score": round(s.score, 6), "weight": s.weight, "contribution": round(s.contribution, 6)} for s in standing.shares if s.score]
            now = {"rank": place, "by_score": standing.by_score, "score": round(standing.score, 6), "contributions": rows}
        return {
            **named_json(item, self.wording.catalog),
            "shown": card is not None,
            "gone": self.wording.catalog.item(item) is None,
            "then": self.then(card, rank) if card is not None else None,
            "now": now,
            "verdicts": [self.verdict(w, item) for w in self.replay.query.wishes],
            "kept_out": self.kept_out(item),
            "changed": self.changed(card) if card is not None else [],
        }

    def then(self, card: Card, rank: int | None) -> Json:
        """The card as the log has it. `rest` is what its sources do not tell of its score: what unknown values cost, chance, rounding, or weights of another version."""
        rows = [
            {"source": name, "score": score, "weight": WEIGHTS.get(name, 0.0), "contribution": round(WEIGHTS.get(name, 0.0) * score, 6)} for name, score in card.sources.items()
        ]
        told = sum(WEIGHTS.get(name, 0.0) * score for name, score in card.sources.items())
        return {"rank": rank, "score": card.score, "probability": card.probability, "contributions": rows, "rest": round(card.score - told, 6)}

    def verdict(self, wish: Wish, item: ItemId) -> Json:
        """What the row of now says to a wish; an order ("the cheapest") ranks and judges nobody."""
        catalog = self.wording.catalog
        row = catalog.row.get(item)
        told: Json = {"constraint": wish.id, "field": wish.field, "label": self.label(wish), "source": wish.source, "hard": wish.hard}
        if row is None or wish.field not in catalog.domain.fields:
            return {**told, "verdict": "unknown", "passes": False, "value": None}
        value = catalog.attributes(row, self.replay.query.wishes).get(wish.field)
        passes = bool(catalog.satisfies(wish)[row])
        known = bool(catalog.has(wish.field)[row])
        verdict = "ranks" if wish.op is Op.LIKE else "unknown" if not known else "holds" if passes else "fails"
        return {**told, "verdict": verdict, "passes": passes, "value": plain_value(value)}

    def kept_out(self, item: ItemId) -> Json | None:
        """What keeps an item off the list, in words; None for one that is on it."""
        act = self.past.said.act if self.past.said else ""
        found = kept_out(self.replay, item, shows=act == "recommend" or not act)
        if found is None:
            return None
        code, wishes = found
        standing = self.replay.standing(item)
        numbers = {"by_score": standing.by_score if standing else 0, "passing": len(self.replay.pool.rows), "limit": self.replay.query.limit, "act": act}
        text = {language: _words()["kept_out"][code][language].format(wishes="; ".join(w[language] for w in map(self.label, wishes)), **numbers) for language in _LANGUAGES}
        return {"code": code, "text": text, "constraints": [w.id for w in wishes]}

    def changed(self, card: Card) -> list[str]:
        """The fields whose values are others now than on the card."""
        catalog = self.wording.catalog
        row = catalog.row.get(card.item)
        if row is None or not card.attributes:
            return []
        now: Mapping[str, Value] = catalog.attributes(row, self.replay.query.wishes)
        return sorted(name for name in now.keys() | card.attributes.keys() if now.get(name) != card.attributes.get(name))

    def notes(self, cards: Sequence[Json]) -> list[Json]:
        """What has changed since, and what a replay cannot know."""
        said = self.past.said
        if said is None:
            return [_note("unanswered")]
        if not cards:
            return [_note("no_list")]
        found = []
        if gone := sum(bool(card["gone"]) for card in cards):
            found.append(_note("gone", count=gone))
        if changed := sum(bool(card["changed"]) for card in cards):
            found.append(_note("attributes", count=changed))
        by_model = any("model" in c.sources or "rewritten" in c.sources or "guess" in c.sources for c in said.cards)
        if by_model:
            found.append(_note("model"))
        standing = [(card, self.replay.standing(card.item)) for card in said.cards]
        if any(now is None or abs(now.score - card.score) > _SAME for card, now in standing):
            found.append(_note("scores"))
        if tuple(c.item for c in said.cards) != self.replay.slate:
            found.append(_note("order"))
        return found

    def label(self, wish: Wish) -> dict[str, str]:
        """A wish in words, in both languages."""
        return {language: self.wording.wish(wish, language) for language in _LANGUAGES}


def _note(code: str, **numbers: int) -> Json:
    return {"code": code, "text": {language: _words()["notes"][code][language].format(**numbers) for language in _LANGUAGES}}


@cache
def _words() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    found: Mapping[str, Mapping[str, Mapping[str, str]]] = tomllib.loads((files("zhiyin.web.admin") / "words.toml").read_text(encoding="utf-8"))
    return found
