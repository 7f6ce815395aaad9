"""A session as clients see it: what was said and shown, turn by turn, and where it stands. Pure: events in, JSON out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from zhiyin.catalog.columns import Catalog
from zhiyin.history import Exchange
from zhiyin.reply.wording import Wording
from zhiyin.types import Candidate, Card, Edited, Event, Fed, Heard, ItemId, Offer, Said, SessionId, State, UserId, Wish
from zhiyin.web.stream import chips_of
from zhiyin.web.suggestions import follow_ups, openers, words
from zhiyin.wire import Json, candidate_json, question_json, wish_json

LONGEST_TITLE = 60  # characters
OPINIONS = frozenset({"like", "dislike", "skip"})
"""Kinds of feedback that take each other's place, and that `none` takes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A session with all that is told of it."""

    session: SessionId
    user: UserId
    state: State
    exchanges: tuple[Exchange, ...]
    running: bool

    def json(self, wording: Wording) -> Json:
        """The whole of it; what was undone is there, marked."""
        standing = [e for e in self.exchanges if not e.undone]
        last = standing[-1].said if standing else None
        shown = next((e.said for e in reversed(standing) if e.said is not None and e.said.items), None)
        return {
            "session_id": self.session,
            "user": self.user,
            "domain": wording.domain.name,
            "language": str(self.state.language),
            "turn": self.state.turn,
            **_wishes_json(self.state, wording),
            "items": cards_json(shown, wording),
            "recommendation_id": (shown.recommendation or None) if shown else None,
            "question": question_json(last.asked) if last else None,
            "relaxed": [offer_json(o) for o in last.offers] if last else [],
            "suggestions": list(self._suggestions(last, wording)),
            "liked": list(self.state.liked),
            "rejected": sorted(self.state.rejected),
            "turns": self._turns(wording),
            "running": self.running,
        }

    def _suggestions(self, last: Said | None, wording: Wording) -> Sequence[str]:
        language = str(self.state.language)
        if last is None:
            return openers(wording.domain, language)
        return follow_ups(wording.domain, language, last.act, len(last.items), len(self.state.focus))

    def _turns(self, wording: Wording) -> list[Json]:
        known = {w.id: w for e in self.exchanges for w in e.state.wishes}
        return [_turn_json(e, known, wording) for e in self.exchanges]


def cards_json(said: Said | None, wording: Wording) -> list[Json]:
    """The items of a reply as they were shown, over today's rows; one that has gone from the catalogue is left out."""
    if said is None:
        return []
    cards = said.cards or tuple(Card(item=i, score=0.0) for i in said.items)  # logs of before have no cards
    return [candidate_json(c) for card in cards if (c := candidate_of(card, wording)) is not None]


def candidate_of(card: Card, wording: Wording) -> Candidate | None:
    """A logged card as a candidate; None where the catalogue no longer has its item."""
    catalog = wording.catalog
    item = catalog.item(card.item)
    if item is None:
        return None
    attributes = card.attributes or catalog.attributes(catalog.row[card.item])
    candidate = Candidate(item=item, score=card.score, sources=card.sources, reasons=card.reasons, attributes=attributes, probability=card.probability)
    return replace(candidate, facts=wording.facts_by_language(candidate), evidence=wording.evidence_by_language(candidate))


def named_json(identity: ItemId, catalog: Catalog) -> Json:
    """An item by its names; by its id where the catalogue no longer has it."""
    item = catalog.item(identity)
    return {"id": identity, "title": item.title("en") if item else identity, "titles": dict(item.titles) if item else {}}


def offer_json(offer: Offer) -> Json:
    """A relaxation on offer."""
    whole = wish_json(offer.wish)
    to = wish_json(Wish(field=offer.wish.field, op=offer.wish.op, value=offer.to))["value"] if offer.to is not None else None
    return {"constraint": offer.wish.id, "from": whole["value"], "to": to, "also": [w.id for w in offer.also], "count": offer.count, "text": offer.text}


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands of some feedback: the opinion on each item, and the favourites."""

    opinions: Mapping[ItemId, str]
    favourites: tuple[ItemId, ...]

    @classmethod
    def of(cls, feedback: Iterable[Fed]) -> Standing:
        """What is left where later feedback takes the place of earlier, or takes it back."""
        opinions: dict[ItemId, str] = {}
        favourites: dict[ItemId, None] = {}
        for fed in feedback:
            if fed.kind in OPINIONS:
                opinions[fed.item] = fed.kind
            elif fed.kind == "none":
                opinions.pop(fed.item, None)
            elif fed.kind == "favourite":
                favourites[fed.item] = None
            elif fed.kind == "unfavourite":
                favourites.pop(fed.item, None)
        return cls(opinions, tuple(favourites))

    @property
    def json(self) -> Json:
        """`feedback` by item, where an opinion goes before a favourite, and the `favourites`."""
        return {"feedback": {**dict.fromkeys(self.favourites, "favourite"), **self.opinions}, "favourites": list(self.favourites)}


def title_of(events: Iterable[Event], language: str = "en") -> str:
    """What a session is called: its first message, shortened."""
    first = next((e.turn.text for e in events if isinstance(e, Heard) and e.turn.text.strip()), "")
    text = " ".join(first.split())
    return (text if len(text) <= LONGEST_TITLE else text[: LONGEST_TITLE - 1].rstrip() + "…") or words(language)["untitled"]


def _wishes_json(state: State, wording: Wording) -> Json:
    chips = [{"constraint": i, "label": label, "source": source} for i, label, source in chips_of(state, wording)]
    return {"constraints": [wish_json(w) for w in state.wishes], "chips": chips}


def _turn_json(exchange: Exchange, known: Mapping[str, Wish], wording: Wording) -> Json:
    event, said, state = exchange.event, exchange.said, exchange.state
    heard = isinstance(event, Heard)
    time = event.turn.time if isinstance(event, Heard) else event.time
    language = str(state.language)
    return {
        "turn": state.turn,
        "kind": "message" if heard else "edit",
        "text": event.turn.text if isinstance(event, Heard) else edit_text(event, known, wording, language),
        "language": language,
        "time": time.isoformat(),
        "act": said.act if said else None,
        "reply": said.text if said else "",
        "items": cards_json(said, wording),
        "recommendation_id": (said.recommendation or None) if said else None,
        "question": question_json(said.asked) if said else None,
        "relaxed": [offer_json(o) for o in said.offers] if said else [],
        "notices": [{"code": code, "text": text} for code, text in said.notices] if said else [],
        **_wishes_json(state, wording),
        **Standing.of(exchange.feedback).json,
        "undone": exchange.undone,
        "whole": said.whole if said else False,
    }


def edit_text(edit: Edited, known: Mapping[str, Wish], wording: Wording, language: str) -> str:
    """A change of wishes by hand, in words."""
    said = words(language)
    removed = [known[i] for i in edit.removed if i in known]
    parts = (("removed", removed), ("changed", edit.changed), ("added", edit.added))
    told = [said[name].format(wishes=wording.wishes(wishes, language)) for name, wishes in parts if wishes]
    return ("，" if language == "zh" else ", ").join(told) or said["nothing"]
