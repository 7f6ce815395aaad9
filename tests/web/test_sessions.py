"""Sessions over HTTP: where one stands, chips by hand, undo, the list of them, and that nobody sees another's."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from fakes.visit import Visit
from zhiyin.llms.scripted import ScriptedLLM
from zhiyin.state import replay
from zhiyin.types import Edited, Heard, Said, SessionId, Undone

WISH = "a red lamp under 300"


def say(client: TestClient, text: str = WISH, **more: object) -> dict[str, Any]:
    answer = client.post("/v1/chat", json={"message": {"text": text}, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def edit(client: TestClient, session: str, status: int = 200, **body: object) -> dict[str, Any]:
    answer = client.patch(f"/v1/sessions/{session}/constraints", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def look(client: TestClient, session: str) -> dict[str, Any]:
    answer = client.get(f"/v1/sessions/{session}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def wish(reply: dict[str, Any], field: str) -> dict[str, Any]:
    return next(c for c in reply["constraints"] if c["field"] == field)


def fields(reply: dict[str, Any]) -> set[str]:
    return {c["field"] for c in reply["constraints"]}


def ids(reply: dict[str, Any]) -> list[str]:
    return [i["id"] for i in reply["items"]]


# --- where it stands ---


def test_a_session_is_seen_as_it_was_answered(client) -> None:
    reply = say(client)
    seen = look(client, reply["session_id"])
    for name in ("session_id", "user", "language", "turn", "constraints", "chips", "items", "recommendation_id", "question", "relaxed"):
        assert seen[name] == reply[name], name
    assert (seen["domain"], seen["running"], seen["liked"], seen["rejected"]) == ("lamps", False, [], [])
    assert seen["suggestions"] == reply["suggestions"]
    (turn,) = seen["turns"]
    assert (turn["kind"], turn["text"], turn["act"], turn["reply"], turn["undone"], turn["whole"]) == ("message", WISH, "recommend", reply["reply"], False, True)
    assert turn["notices"] == reply["notices"]
    assert turn["items"] == reply["items"]
    assert turn["feedback"] == {}


def test_an_item_that_has_gone_from_the_catalogue_is_left_out_of_history(client, house) -> None:
    reply = say(client)
    events = house.run(house.store.events, SessionId(reply["session_id"]))
    heard, said = events
    gone = said.cards[0].__class__(item="gone", score=1.0)
    house.run(
        house.store.append, SessionId("s2"), heard.turn.user, heard, Said(act=said.act, text=said.text, items=("gone", *said.items), cards=(gone, *said.cards), time=said.time)
    )
    assert ids(look(client, "s2")) == ids(reply)


def test_a_session_that_is_answered_just_now_is_running(house) -> None:
    async def scenario() -> None:
        first = await Visit(house.app, "POST", "/v1/chat", {"message": {"text": WISH}}).json()
        waiting = asyncio.Event()

        async def slow(act, slate, state, trace, /):
            await waiting.wait()
            for _ in ():
                yield _

        house.service.app.engine.speak = slow
        path = f"/v1/sessions/{first['session_id']}"
        visit = Visit(house.app, "POST", "/v1/chat", {"message": {"text": "cheaper"}, "session_id": first["session_id"]}, headers={"accept": "text/event-stream"})
        events = visit.events()
        await anext(events)
        assert (await Visit(house.app, "GET", path).json())["running"] is True
        waiting.set()
        assert [d async for _, d in events][-1] == "[DONE]"
        assert (await Visit(house.app, "GET", path).json())["running"] is False

    house.run(scenario)


# --- chips by hand ---


def test_a_chip_that_is_removed_brings_other_items_at_once_and_no_model_is_asked(client, house) -> None:
    model = ScriptedLLM(["Never."])

    async def never(act, slate, state, trace, /):
        raise AssertionError("a model was asked")
        yield

    reply = say(client)
    house.service.app.engine.model, house.service.app.engine.speak = model, never
    after = edit(client, reply["session_id"], remove=[wish(reply, "colours")["id"]])
    assert fields(after) == {"price"}
    assert set(ids(after)) > set(ids(reply))
    assert after["turn"] == 2
    assert model.requests == []
    turn = look(client, reply["session_id"])["turns"][1]
    assert (turn["kind"], turn["text"]) == ("edit", "without red")


def test_a_chip_edit_streams_like_a_message(client) -> None:
    session = say(client)["session_id"]
    answer = client.patch(f"/v1/sessions/{session}/constraints", json={"clear": True}, headers={"accept": "text/event-stream"})
    data = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    assert [json.loads(d)["type"] for d in data[:3]] == ["start", "data-understanding", "data-items"]
    assert json.loads(data[1])["data"]["constraints"] == []
    assert data[-1] == "[DONE]"


def test_a_chip_can_get_another_value_another_comparison_and_another_weight(client) -> None:
    reply = say(client)
    session, price, colour = reply["session_id"], wish(reply, "price")["id"], wish(reply, "colours")["id"]
    cheap = edit(client, session, change=[{"id": price, "value": 200}])
    assert (wish(cheap, "price")["value"], wish(cheap, "price")["id"], wish(cheap, "price")["source"]) == (200, price, "")
    assert ids(cheap) == ["ember"]
    blue = edit(client, session, change=[{"id": colour, "value": ["蓝色"]}])
    assert wish(blue, "colours")["value"] == ["blue"]
    assert set(ids(blue)) == {"moon-1", "firefly"}
    none = edit(client, session, change=[{"id": colour, "op": "none_of"}])
    assert (wish(none, "colours")["op"], wish(none, "colours")["negated"]) == ("none_of", True)
    soft = edit(client, session, change=[{"id": price, "hard": False, "op": "<", "value": 50}])
    assert (wish(soft, "price")["hard"], wish(soft, "price")["op"]) == (False, "<")
    assert len(ids(soft)) > 1


def test_an_offer_that_is_accepted_widens_its_wish(client) -> None:
    reply = say(client, "a red lamp under 100")
    assert reply["act"] == "relax"
    offer = reply["relaxed"][0]
    after = edit(client, reply["session_id"], accept=0)
    assert (wish(after, "price")["value"], wish(after, "price")["op"]) == (offer["to"], "<=")
    assert len(ids(after)) == offer["count"]
    assert edit(client, reply["session_id"], 400, accept=0)["errors"][0]["field"] == "accept"


def test_an_answer_is_a_wish_in_the_words_of_the_option(client) -> None:
    reply = say(client, "recommend me a lamp")
    question = reply["question"]
    assert question is not None
    option = question["options"][0]
    after = edit(client, reply["session_id"], answer={"field": question["field"], "value": option["value"]})
    taken = wish(after, question["field"])
    assert (taken["value"], taken["source"]) == ([option["value"]], option["label"])
    assert after["total"] == option["count"]


@pytest.mark.parametrize(("value", "op", "stored"), [([100], ">=", 100), ([0, 200], "<", 200), ([100, 200], "between", [100, 200]), (199, "=", 199)])
def test_an_answer_of_numbers_is_the_band_that_its_label_says(client, value: object, op: str, stored: object) -> None:
    session = say(client, "recommend me a lamp")["session_id"]
    taken = wish(edit(client, session, answer={"field": "price", "value": value}), "price")
    assert (taken["op"], taken["value"]) == (op, stored)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"remove": ["c99"]}, "remove.0"),
        ({"remove": "c1"}, "remove"),
        ({"change": [{"id": "c99", "value": 3}]}, "change.0.id"),
        ({"change": [{"id": "c1"}]}, "change.0"),
        ({"change": [{"id": "c1", "value": []}]}, "change.0.value"),
        ({"change": [{"id": "c1", "op": "like"}]}, "change.0.value.op"),
        ({"change": [{"id": "c1", "colour": 1}]}, "change.0.colour"),
        ({"remove": ["c1"], "change": [{"id": "c1", "hard": False}]}, "change.0.id"),
        ({"accept": 3}, "accept"),
        ({"accept": -1}, "accept"),
        ({"accept": True}, "accept"),
        ({"answer": {"field": "colour", "value": "red"}}, "answer.colour"),
        ({"answer": {"field": "price", "value": "cheap"}}, "answer.value"),
        ({"answer": {"field": "price"}}, "answer.value"),
        ({"clear": "yes"}, "clear"),
        ({"remov": ["c1"]}, "remov"),
    ],
)
def test_an_edit_that_does_not_fit_names_what_does_not_and_changes_nothing(client, body: dict[str, object], field: str) -> None:
    reply = say(client)
    problem = edit(client, reply["session_id"], 400, **body)
    assert field in {e["field"] for e in problem["errors"]}, problem
    assert look(client, reply["session_id"])["turn"] == 1


# --- undo ---


def test_undo_takes_back_message_edit_and_feedback_one_by_one_and_then_says_that_nothing_is_left(client) -> None:
    reply = say(client)
    session = reply["session_id"]
    edit(client, session, remove=[wish(reply, "price")["id"]])
    client.post("/v1/feedback", json={"recommendation_id": reply["recommendation_id"], "item_id": "ember", "value": "like", "session_id": session})
    assert look(client, session)["liked"] == ["ember"]
    undone = [client.post(f"/v1/sessions/{session}/undo").json() for _ in range(3)]
    assert (undone[0]["liked"], fields(undone[0])) == ([], {"colours"})
    assert undone[0]["turns"][0]["feedback"] == {}
    assert fields(undone[1]) == {"colours", "price"}
    assert ids(undone[1]) == ids(reply)
    assert [t["undone"] for t in undone[1]["turns"]] == [False, True]
    assert (fields(undone[2]), undone[2]["items"], undone[2]["recommendation_id"]) == (set(), [], None)
    assert [t["undone"] for t in undone[2]["turns"]] == [True, True]
    last = client.post(f"/v1/sessions/{session}/undo")
    assert (last.status_code, last.json()["code"]) == (409, "nothing_to_undo")


# --- many of them ---


def test_a_users_sessions_are_listed_newest_first_page_by_page(house) -> None:
    server = house.client(key=house.key("server"))
    long = "a lamp that is " + "very " * 30 + "bright"
    texts = ["a red lamp", "台灯", long]
    made = [say(server, text, user="ann")["session_id"] for text in texts]
    say(server, "cheaper", session_id=made[0], user="ann")
    say(server, "a blue lamp", user="bob")
    listed = server.get("/v1/sessions", params={"user": "ann"}).json()
    assert [s["session_id"] for s in listed["sessions"]] == [made[0], made[2], made[1]]
    assert [s["turns"] for s in listed["sessions"]] == [2, 1, 1]
    assert [s["title"] for s in listed["sessions"]][::2] == ["a red lamp", "台灯"]
    assert listed["sessions"][1]["title"] == (long[:59].rstrip() + "…")
    assert listed["next_cursor"] is None
    first = server.get("/v1/sessions", params={"user": "ann", "limit": 2}).json()
    second = server.get("/v1/sessions", params={"user": "ann", "limit": 2, "cursor": first["next_cursor"]}).json()
    assert [s["session_id"] for s in first["sessions"] + second["sessions"]] == [made[0], made[2], made[1]]
    assert server.get("/v1/sessions", params={"user": "bob", "cursor": first["next_cursor"]}).status_code == 400
    assert server.get("/v1/sessions").status_code == 400


def test_a_deleted_session_is_gone_and_the_others_are_not(client, house) -> None:
    one, two = say(client)["session_id"], say(client)["session_id"]
    assert client.delete(f"/v1/sessions/{one}").status_code == 204
    assert client.get(f"/v1/sessions/{one}").status_code == 404
    assert client.get(f"/v1/sessions/{one}/stream", params={"after": 0}).status_code == 404
    assert client.get(f"/v1/sessions/{two}").status_code == 200
    assert house.run(house.store.events, SessionId(one)) == ()


OPERATIONS: list[tuple[str, str, object]] = [
    ("GET", "/v1/sessions/{s}", None),
    ("DELETE", "/v1/sessions/{s}", None),
    ("PATCH", "/v1/sessions/{s}/constraints", {"clear": True}),
    ("POST", "/v1/sessions/{s}/undo", None),
    ("POST", "/v1/sessions/{s}/stop", None),
    ("GET", "/v1/sessions/{s}/stream", None),
    ("POST", "/v1/compare", {"items": ["ember", "glow"], "session_id": "{s}"}),
    ("POST", "/v1/explain", {"item_id": "ember", "session_id": "{s}"}),
    ("POST", "/v1/feedback", {"recommendation_id": "r", "value": "like", "session_id": "{s}"}),
    ("GET", "/v1/suggestions?session_id={s}", None),
]


@pytest.mark.parametrize(("method", "path", "body"), OPERATIONS, ids=[f"{m} {p}" for m, p, _ in OPERATIONS])
def test_a_session_of_somebody_else_is_not_there_for_any_operation(house, method: str, path: str, body: object) -> None:
    key = house.key("browser")
    mine, other = (house.client(key=key, visitor=house.visitor()[1]) for _ in range(2))
    session = say(mine)["session_id"]
    before = house.run(house.store.events, SessionId(session))
    for named in (session, "nobody"):
        filled = json.loads(json.dumps(body).replace("{s}", named))
        answer = other.request(method, path.format(s=named), json=filled) if body is not None else other.request(method, path.format(s=named))
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), answer.text
    assert house.run(house.store.events, SessionId(session)) == before
    assert house.client(key=key).request(method, path.format(s=session)).status_code in {400, 401, 404}


@pytest.mark.parametrize(("query", "headers"), [("after=-1", {}), ("after=x", {}), ("aftr=1", {}), ("", {"last-event-id": "x"}), ("", {"last-event-id": "9" * 30})])
def test_a_place_in_a_stream_that_is_none_is_a_400(client, query: str, headers: dict[str, str]) -> None:
    session = say(client)["session_id"]
    assert client.get(f"/v1/sessions/{session}/stream?{query}", headers=headers).status_code == 400


def test_a_stream_of_another_turn_than_the_one_that_was_read_is_not_given(client) -> None:
    session = say(client)["session_id"]
    assert client.get(f"/v1/sessions/{session}/stream", params={"after": 2, "turn": "another"}).status_code == 204
    assert client.get(f"/v1/sessions/{session}/stream", params={"after": 2}).status_code == 200


def test_whatever_was_done_the_state_is_the_replay_of_the_log(client, house) -> None:
    reply = say(client)
    session = SessionId(reply["session_id"])
    edit(client, session, remove=[wish(reply, "price")["id"]])
    client.post("/v1/feedback", json={"recommendation_id": reply["recommendation_id"], "item_id": "ember", "value": "dislike", "session_id": session})
    say(client, "newer", session_id=session)
    client.post(f"/v1/sessions/{session}/undo")
    events = house.run(house.store.events, session)
    assert [type(e) for e in events if isinstance(e, Heard | Edited | Undone)] == [Heard, Edited, Heard, Undone]
    seen = look(client, session)
    replayed = replay(events)
    assert [c["id"] for c in seen["constraints"]] == [w.id for w in replayed.wishes]
    assert (seen["turn"], seen["rejected"]) == (replayed.turn, ["ember"])
