"""What a client reads of a turn, event by event."""

from __future__ import annotations

import json

import pytest

from zhiyin.reply.wording import Wording
from zhiyin.testing import tiny_catalog
from zhiyin.types import (
    Act,
    Candidate,
    Done,
    ItemId,
    Language,
    Notice,
    Offer,
    Op,
    Option,
    Part,
    Query,
    Question,
    Reason,
    SessionId,
    Shown,
    State,
    Understanding,
    Understood,
    UserId,
    Wish,
    Words,
)
from zhiyin.web.stream import Frame, Told, encoded

CATALOG = tiny_catalog()
CHEAP = Wish(id="c1", field="price", op=Op.LE, value=200, source="under 200", turn=1)
RED = Wish(id="c2", field="colours", op=Op.ANY_OF, value=("red",), source="red", turn=1)
INTENT = {"recommend": 0.9, "chitchat": 0.1}
MOON = {
    "id": "moon-1",
    "title": "Moon 1",
    "titles": {"en": "Moon 1", "zh": "月光一号"},
    "score": 0.5,
    "sources": {"keyword": 0.5},
    "attributes": {"price": 199},
    "variants": [{"price": 199, "storage": 8}],
    "description": {"en": "A soft light for late readers.", "zh": "夜读用的柔和灯光。"},
    "reasons": [],
}
C1 = {"id": "c1", "field": "price", "op": "<=", "value": 200, "hard": True, "negated": False, "source": "under 200", "turn": 1}
C2 = {"id": "c2", "field": "colours", "op": "any_of", "value": ["red"], "hard": True, "negated": False, "source": "red", "turn": 1}
CHIP1, CHIP2 = {"constraint": "c1", "label": "price at most ¥200", "source": "under 200"}, {"constraint": "c2", "label": "red", "source": "red"}


def moon(*reasons: Reason) -> Candidate:
    item = CATALOG.item(ItemId("moon-1"))
    assert item is not None
    return Candidate(item=item, score=0.5, sources={"keyword": 0.5}, attributes={"price": 199}, reasons=reasons)


def understood(*wishes: Wish, act: str = "recommend", offers: tuple[Offer, ...] = (), query: bool = True) -> Understood:
    heard = Understanding(language=Language.EN, intent=INTENT)
    state = State(turn=1, language=Language.EN, wishes=wishes, heard=heard)
    return Understood(understanding=heard, state=state, act=Act(kind=act, query=Query(wishes=wishes) if query else None, offers=offers, notices=(Notice(code="few"),)))


def told(*parts: Part) -> list[object]:
    """Everything a client reads but the last line."""
    turn = Told(Wording(CATALOG), session=SessionId("s"), user=UserId("u"), turn="ab12")
    return [*turn.begun(), *(event for part in parts for event in turn.take(part))]


def about(constraints: list[object], chips: list[object], act: str = "recommend") -> dict[str, object]:
    return {
        "type": "data-understanding",
        "data": {
            "turn": 1, "language": "en", "intent": INTENT, "act": act, "sentiment": {"label": "neutral", "score": 0.0},
            "constraints": constraints, "chips": chips, "about": [], "session_id": "s", "user": "u",
        },
    }  # fmt: skip


def test_a_plain_turn_is_told_in_this_order_and_no_other() -> None:
    done = Done(text="For you: one.", notices=(("no_model", "No model."),), latency_ms={"total": 3.0})
    assert told(understood(CHEAP), Shown(slate=(moon(),), recommendation="r1"), Words(text="For you:"), Words(text=" one."), done) == [
        {"type": "start", "messageId": "ab12"},
        about([C1], [CHIP1]),
        {"type": "data-items", "data": {"recommendation_id": "r1", "items": [MOON], "relaxed": [], "total": 4}},
        {"type": "text-start", "id": "t"},
        {"type": "text-delta", "id": "t", "delta": "For you:"},
        {"type": "text-delta", "id": "t", "delta": " one."},
        {"type": "text-end", "id": "t"},
        {"type": "data-notice", "data": {"code": "no_model", "text": "No model."}},
        {"type": "data-suggestions", "data": {"suggestions": ["cheaper", "Show me others", "Why the first one?"]}},
        {"type": "data-done", "data": {"reply": "For you: one.", "model": None, "latency_ms": {"total": 3.0}, "turn": 1}},
        {"type": "finish"},
    ]


def test_a_second_look_tells_understanding_and_items_again_under_the_same_recommendation() -> None:
    events = told(understood(CHEAP), Shown(slate=(moon(),), recommendation="r1"), understood(CHEAP, RED), Shown(slate=(), recommendation="r1"), Words(text="Hm."), Done(text="Hm."))
    assert events[1:6] == [
        about([C1], [CHIP1]),
        {"type": "data-items", "data": {"recommendation_id": "r1", "items": [MOON], "relaxed": [], "total": 4}},
        about([C1, C2], [CHIP1, CHIP2]),
        {"type": "data-items", "data": {"recommendation_id": "r1", "items": [], "relaxed": [], "total": 1}},
        {"type": "text-start", "id": "t"},
    ]


def test_a_question_an_offer_and_a_notice_come_after_the_words() -> None:
    offer = Offer(wish=CHEAP, to=259, count=2, also=(RED,))
    told_offer = {"constraint": "c1", "from": 200, "to": 259, "also": ["c2"], "count": 2, "text": "price at most ¥259: 2 lamps"}
    question = Question(field="brand", text="Which brand?", gain=1.5, options=(Option(label="Hearth", value="Hearth", count=2),))
    events = told(
        understood(CHEAP, act="relax", offers=(offer,)),
        Shown(slate=()),
        Words(text="None."),
        Done(text="None.", question=question, offers=(Offer(wish=CHEAP, to=259, count=2, also=(RED,), text="price at most ¥259: 2 lamps"),), notices=(("few", "Few."),)),
    )
    assert events[2:] == [
        {"type": "data-items", "data": {"recommendation_id": None, "items": [], "relaxed": [told_offer], "total": 4}},
        {"type": "text-start", "id": "t"},
        {"type": "text-delta", "id": "t", "delta": "None."},
        {"type": "text-end", "id": "t"},
        {"type": "data-question", "data": {"field": "brand", "text": "Which brand?", "gain": 1.5, "options": [{"label": "Hearth", "value": "Hearth", "count": 2}]}},
        {"type": "data-relaxed", "data": [told_offer]},
        {"type": "data-notice", "data": {"code": "few", "text": "Few."}},
        {"type": "data-suggestions", "data": {"suggestions": ["Start over"]}},
        {"type": "data-done", "data": {"reply": "None.", "model": None, "latency_ms": {}, "turn": 1}},
        {"type": "finish"},
    ]


def test_reasons_that_come_with_the_words_are_told_after_them() -> None:
    reason = Reason(kind="wish", field="price", value=199, text="¥199", source="under 200")
    late = Shown(slate=(moon(reason),), recommendation="r1")
    events = told(understood(CHEAP), Shown(slate=(moon(),), recommendation="r1"), Words(text="Here."), late, Done(text="Here."))
    kinds = [e["type"] for e in events]
    assert kinds == ["start", "data-understanding", "data-items", "text-start", "text-delta", "text-end", "data-items", "data-suggestions", "data-done", "finish"]
    assert events[6]["data"]["items"][0]["reasons"] == [{"text": "¥199", "kind": "wish", "evidence": {"field": "price", "value": 199, "source": "under 200"}}]


def test_a_turn_without_words_has_an_empty_text_and_one_that_looks_for_nothing_no_total() -> None:
    events = told(understood(act="chat", query=False), Shown(slate=()), Done(text=""))
    assert [e["type"] for e in events] == ["start", "data-understanding", "data-items", "text-start", "text-end", "data-suggestions", "data-done", "finish"]
    assert events[2] == {"type": "data-items", "data": {"recommendation_id": None, "items": [], "relaxed": [], "total": None}}


@pytest.mark.parametrize("spoken", [True, False])
def test_a_stream_that_is_cut_closes_its_text_before_it_says_why(spoken: bool) -> None:
    turn = Told(Wording(CATALOG), session=SessionId("s"), user=UserId("u"), turn="ab12")
    for part in (understood(), Shown(slate=()), *((Words(text="Wel"),) if spoken else ())):
        turn.take(part)
    end = [{"type": "text-end", "id": "t"}] if spoken else []
    assert turn.failed("the store does not answer") == [*end, {"type": "error", "errorText": "the store does not answer"}]
    assert turn.stopped() == [{"type": "abort"}]
    assert turn.reply is None


def test_a_frame_has_its_place_as_id_and_json_on_one_line() -> None:
    event = encoded({"type": "text-delta", "id": "t", "delta": "两\n行 \ud800 \u2028"})
    assert Frame(7, event).encoded().decode() == 'data: {"type":"text-delta","id":"t","delta":"两\\n行 \\ud800 \u2028"}\nid: 7\n\n'
    assert json.loads(event)["delta"] == "两\n行 \ud800 \u2028"


def test_the_whole_reply_has_what_the_stream_tells() -> None:
    turn = Told(Wording(CATALOG), session=SessionId("s"), user=UserId("u"), turn="ab12")
    for part in (understood(CHEAP), Shown(slate=(moon(),), recommendation="r1"), Words(text="One."), Done(text="One.", chips=(("c1", "price at most ¥200", "under 200"),))):
        turn.take(part)
    reply = turn.reply
    assert reply is not None
    assert (reply["reply"], reply["items"], reply["recommendation_id"], reply["total"], reply["session_id"], reply["user"]) == ("One.", [MOON], "r1", 4, "s", "u")
    assert reply["chips"] == [CHIP1]
    assert reply["suggestions"] == ["cheaper", "Show me others", "Why the first one?"]
