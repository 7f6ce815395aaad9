"""Conversations as test cases: what was said, with what was seen to come of it, for the operator to correct and for `tests/conversations/run.py` to play."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import Field, Strict

from zhiyin.catalog.columns import Catalog
from zhiyin.state import advance
from zhiyin.types import EVENT_WEIGHTS, NUMERIC_OPS, Edited, Event, Fed, Heard, Op, Said, State, Undone, Wish
from zhiyin.web.admin.kept import KIND, every_case
from zhiyin.web.admin.sessions import opened
from zhiyin.web.bodies import Body, Id, Text
from zhiyin.web.problems import Problem, missing
from zhiyin.web.service import Here
from zhiyin.wire import Json, wish_json

router = APIRouter()
_TIED = 0.01  # intents that are this close are one as good as the other
MOST = 1000
"""Cases that are kept; a conversation has its place in tests/conversations, not here for good."""


class CaseBody(Body):
    """Which part of a conversation to keep, and why."""

    turn: Annotated[int, Strict(), Field(ge=1, le=1_000_000)] | None = Field(None, description="the last turn of the case; all of the conversation where it is left out")
    note: Text = Field("", description="what is wrong with it, or what it shows")


@router.post("/v1/admin/sessions/{session_id}/case", status_code=201)
async def make_case(service: Here, session_id: Id, body: CaseBody) -> Json:
    """Keep a conversation, up to a turn, as a case. What is expected is what was seen: correct it before it is believed."""
    user, events = await opened(service, session_id)
    case = read_case(events, service.app.catalog, last=body.turn)
    if not case.turns:
        raise missing("message in this session" if body.turn is None else "turn of this session")
    name = f"{service.app.domain.name}-{case.language}-{hashlib.sha256(session_id.encode()).hexdigest()[:10]}-{case.last}"
    line = case.line(name, service.app.domain.name, body.note)
    kept = {"line": line, "note": body.note, "session_id": session_id, "user": user, "turn": case.last, "made": service.clock().isoformat(timespec="seconds")}
    if await service.records.get(KIND, name) is None and len(await service.records.page(KIND, limit=MOST)) >= MOST:
        raise Problem(409, "conflict", f"{MOST:,} cases are kept, the most there may be; download them and delete some")
    await service.records.put(KIND, name, json.dumps(kept, ensure_ascii=False))
    return {"name": name, "jsonl": line + "\n", "path": None, "gaps": list(case.gaps)}


@router.get("/v1/admin/cases")
async def list_cases(service: Here) -> Json:
    """The cases that are kept, by name."""
    rows: list[Json] = []
    async with aclosing(every_case(service.records)) as found:
        async for name, kept in found:
            rows.append({"name": name, **{part: kept[part] for part in ("note", "session_id", "turn", "made")}, "jsonl": f"{kept['line']}\n"})
    return {"cases": rows}


@router.get("/v1/admin/cases.jsonl", response_class=Response, responses={200: {"content": {"application/jsonl": {}}}})
async def download_cases(service: Here) -> Response:
    """All cases as one file for `tests/conversations/run.py`."""
    async with aclosing(every_case(service.records)) as found:
        lines = [f"{kept['line']}\n" async for _, kept in found]
    return Response("".join(lines), media_type="application/jsonl", headers={"content-disposition": 'attachment; filename="cases.jsonl"', "cache-control": "no-store"})


@router.delete("/v1/admin/cases/{name}", status_code=204)
async def delete_case(service: Here, name: Id) -> None:
    """Keep a case no longer."""
    if not await service.records.delete(KIND, name):
        raise missing("case")


@dataclass(slots=True, kw_only=True)
class Case:
    """A conversation as a list of lines for `zhiyin chat --json`, each with what is expected of the answer."""

    turns: list[Json] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)  # what no line can say; what was seen after it is not expected
    language: str = "en"
    last: int = 0

    def line(self, name: str, domain: str, note: str) -> str:
        """The case as a line of a file of cases. `review` says that nobody has judged it yet."""
        told: Json = {"id": name, "domain": domain, "review": True, **({"note": note} if note else {}), **({"gaps": self.gaps} if self.gaps else {}), "turns": self.turns}
        return json.dumps(told, ensure_ascii=False)


def read_case(events: Sequence[Event], catalog: Catalog, *, last: int | None = None) -> Case:
    """The case of a session's events, up to the turn `last` where it is given; without a turn where the session has none of that number."""
    case, state = Case(), State()
    for event in events:
        after = advance(state, event)
        if isinstance(event, Heard | Edited) and last is not None and after.turn > last:
            break
        match event:
            case Heard():
                case.language, case.last = str(event.understanding.language), after.turn
                case.turns.append({"say": _line(event.turn.text), "expect": {} if case.gaps else _understood(event, after)})
            case Edited():
                case.last = after.turn
                case.gaps.append(f"turn {after.turn}: wishes were changed by hand")
            case Said() if event.text or event.items:
                _answered(case, event, after, catalog)
            case Fed() | Undone():
                _done(case, event, state)
        state = after
    return case if last is None or case.last == last else Case()


def _line(text: str) -> str:
    """A message as one line that is no control."""
    line = " ".join(text.splitlines())
    return f" {line}" if line.startswith("/") else line


def _understood(event: Heard, state: State) -> Json:
    heard = event.understanding
    best = heard.intent[heard.leading]
    found: Json = {"language": str(heard.language), "intent": sorted(name for name, p in heard.intent.items() if p > best - _TIED)}
    if heard.sentiment.label != "neutral":
        found["sentiment"] = heard.sentiment.label
    if state.wishes:
        found["constraint"] = [[w.field, str(w.op), wish_json(w)["value"]] for w in state.wishes]
    return found


def _answered(case: Case, said: Said, state: State, catalog: Catalog) -> None:
    """What was answered joins what is expected of the message before it."""
    turn = case.turns[-1] if case.turns else {}
    if case.gaps or "expect" not in turn or "seen" in turn:  # after a gap, or a list that was asked for without a message
        return
    expect = turn["expect"]
    if not isinstance(expect, dict):
        raise TypeError("what is expected is an object")
    titles = [item.title("en") for i in said.items if (item := catalog.item(i)) is not None]
    turn["seen"] = {"items": titles, "reply": said.text}
    expect["act"] = said.act
    if said.items:
        expect["min_items"] = len(said.items)
        if predicates := [p for w in state.wishes if w.hard for p in _predicates(w)]:
            expect["every_item"] = predicates
        if titles:
            expect["includes"] = [titles[0]]
    if said.question:
        expect["asks_about"] = said.question
    if said.offers:
        expect["offers"] = True


def _predicates(wish: Wish) -> list[list[object]]:
    """A hard wish as what every item shown has to keep; an amount that unknown values pass is left out."""
    value = wish_json(wish)["value"]
    values = value if isinstance(value, list) else [value]
    if wish.op in NUMERIC_OPS:
        return [] if wish.negated else [[wish.field, str(wish.op), value]]
    if wish.op is Op.ANY_OF:
        return [[wish.field, "any_of", values]]
    named = {Op.ALL_OF: "has", Op.NONE_OF: "lacks"}.get(wish.op)
    return [[wish.field, named, one] for one in values] if named else []


def _done(case: Case, event: Fed | Undone, state: State) -> None:
    """Feedback and undoing as the controls of `zhiyin chat`; what they cannot say is a gap."""
    if not case.turns:
        return
    if isinstance(event, Undone):
        case.turns.append({"say": "/undo"})
    elif event.kind in EVENT_WEIGHTS and event.kind != "none" and event.item in state.slate:
        place = state.slate.index(event.item) + 1
        value = f" {event.value:g}" if event.value is not None else ""
        case.turns.append({"say": f"/{event.kind} {place}" if event.kind in {"like", "dislike", "skip"} else f"/event {event.kind} {place}{value}"})
    elif EVENT_WEIGHTS.get(event.kind, 0.0) or event.kind == "none":
        case.gaps.append(f"after turn {state.turn}: feedback {event.kind} on an item that the last list does not hold, or that no control gives")
