"""The parts of a reply as events of the AI SDK's UI message stream, version 1. Pure: parts in, events out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fastapi.sse import format_sse_event

from zhiyin.catalog.columns import Catalog
from zhiyin.reply.wording import Wording
from zhiyin.types import Act, Done, Offer, Op, Part, SessionId, Shown, State, Understood, UserId, Words
from zhiyin.web.suggestions import follow_ups
from zhiyin.wire import Json, Reply, reply_json

PROTOCOL = {"x-vercel-ai-ui-message-stream": "v1", "cache-control": "no-cache", "x-accel-buffering": "no"}
"""The headers of every stream."""
ENDED = "[DONE]"
_TEXT = "t"  # id of the one text of a message


@dataclass(frozen=True, slots=True)
class Frame:
    """An event with its place in the stream, from 1 on."""

    place: int
    data: str

    def encoded(self) -> bytes:
        """The event on the wire."""
        return format_sse_event(data_str=self.data, id=str(self.place))


class Told:
    """One turn as it is told: takes the engine's parts in order and gives the events of each; `reply` is the whole of it once the last part is in."""

    def __init__(self, wording: Wording, *, session: SessionId, user: UserId, turn: str) -> None:
        self.wording, self.session, self.user, self.turn = wording, session, user, turn
        self.understood: Understood | None = None
        self.shown: Shown | None = None
        self.done: Done | None = None
        self._speaking = False
        self._late: Shown | None = None  # cards that changed while words were spoken

    def begun(self) -> list[Json]:
        """What comes before any part."""
        return [{"type": "start", "messageId": self.turn}]

    def take(self, part: Part) -> list[Json]:
        """The events of one part."""
        match part:
            case Understood():
                self.understood = part
                return [{"type": "data-understanding", "data": self._understanding(part)}]
            case Shown():
                self.shown = part
                if self._speaking:
                    self._late = part
                    return []
                return [self._items(part)]
            case Words():
                return [*self._spoken(), {"type": "text-delta", "id": _TEXT, "delta": part.text}]
            case Done():
                self.done = part
                return self._closing(part)

    def failed(self, sentence: str) -> list[Json]:
        """What ends a stream that an error of ours has cut."""
        return [*self._text_end(), {"type": "error", "errorText": sentence}]

    def stopped(self) -> list[Json]:
        """What ends a stream that was stopped: by its user, or by another message in the session."""
        return [*self._text_end(), {"type": "abort"}]

    @property
    def reply(self) -> Json | None:
        """The whole reply as one object; None before the last part."""
        if self.understood is None or self.done is None:
            return None
        shown = self.shown or Shown(slate=())
        reply = reply_json(Reply(understood=self.understood, slate=shown.slate, recommendation=shown.recommendation, done=self.done), self.wording.catalog)
        return {**reply, "total": self._total(), "suggestions": list(self._suggestions()), "session_id": self.session, "user": self.user}

    def _understanding(self, part: Understood) -> Json:
        state, language = part.state, str(part.state.language)
        early = Done(text="", chips=chips_of(state, self.wording), offers=worded(part.act.offers, self.wording, language))
        whole = reply_json(Reply(understood=part, slate=(), recommendation="", done=early), self.wording.catalog)
        told = {name: whole[name] for name in ("turn", "language", "intent", "act", "sentiment", "constraints", "chips", "about")}
        return {**told, "session_id": self.session, "user": self.user}

    def _items(self, shown: Shown) -> Json:
        understood = self.understood
        if understood is None:
            raise RuntimeError("cards came before what was understood")
        offers = worded(understood.act.offers, self.wording, str(understood.state.language))
        whole = reply_json(Reply(understood=understood, slate=shown.slate, recommendation=shown.recommendation, done=Done(text="", offers=offers)), self.wording.catalog)
        told = {name: whole[name] for name in ("recommendation_id", "items", "relaxed")}
        return {"type": "data-items", "data": {**told, "total": self._total()}}

    def _total(self) -> int | None:
        return total_of(self.understood.act, self.wording.catalog) if self.understood else None

    def _closing(self, done: Done) -> list[Json]:
        whole = self.reply
        if whole is None:
            raise RuntimeError("the reply ended before anything was understood")
        events = [*self._spoken(), *self._text_end()]
        if whole["question"] is not None:
            events.append({"type": "data-question", "data": whole["question"]})
        if whole["relaxed"]:
            events.append({"type": "data-relaxed", "data": whole["relaxed"]})
        if self._late is not None:
            events.append(self._items(self._late))
        events += [{"type": "data-notice", "data": {"code": code, "text": text}} for code, text in done.notices]
        events.append({"type": "data-suggestions", "data": {"suggestions": whole["suggestions"]}})
        events.append({"type": "data-done", "data": {name: whole[name] for name in ("reply", "model", "latency_ms", "turn")}})
        return [*events, {"type": "finish"}]

    def _suggestions(self) -> Sequence[str]:
        if self.understood is None:
            return ()
        act, state = self.understood.act, self.understood.state
        shown = len(self.shown.slate) if self.shown else 0
        return follow_ups(self.wording.domain, str(state.language), act.kind, shown, len(act.items))

    def _spoken(self) -> list[Json]:
        """The event that begins the text, once."""
        if self._speaking:
            return []
        self._speaking = True
        return [{"type": "text-start", "id": _TEXT}]

    def _text_end(self) -> list[Json]:
        if not self._speaking:
            return []
        self._speaking = False
        return [{"type": "text-end", "id": _TEXT}]


def encoded(event: Json) -> str:
    """An event as the text of a frame; lone surrogates, which no client could read, are escaped."""
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode()


def chips_of(state: State, wording: Wording) -> tuple[tuple[str, str, str], ...]:
    """The wishes as chips: id, label, the user's words."""
    return tuple((w.id, wording.wish(w, str(state.language)), w.source) for w in state.wishes)


def worded(offers: Sequence[Offer], wording: Wording, language: str) -> tuple[Offer, ...]:
    """Offers with their text in a language."""
    return tuple(replace(o, text=o.text or wording.offer(o, language)) for o in offers)


def total_of(act: Act, catalog: Catalog) -> int | None:
    """How many items of the catalogue keep every hard wish; None where the act looks for none."""
    if act.query is None:
        return None
    return int(catalog.mask([w for w in act.query.wishes if w.hard and w.op is not Op.LIKE]).sum())
