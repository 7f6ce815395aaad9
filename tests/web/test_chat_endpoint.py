"""A conversation over HTTP: both forms of an answer, streams that are left and come back to, and what is refused."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import pytest
from starlette.testclient import TestClient

from fakes.visit import Visit
from zhiyin.llm import LLMRequest, Message
from zhiyin.llms.scripted import ScriptedLLM
from zhiyin.ports import LLM
from zhiyin.types import Heard, Said, SessionId, Words

WISH = "a red lamp under 300"
SSE = {"accept": "text/event-stream"}
Scenario = Callable[[], Awaitable[None]]


class Slow:
    """The `Speak` port by a model that takes its time."""

    def __init__(self, model: LLM) -> None:
        self.model = model

    async def __call__(self, act, slate, state, trace, /) -> AsyncGenerator[Words, None]:
        request = LLMRequest(messages=(Message(role="user", text="?"),), purpose="speak")
        async with aclosing(self.model.stream(request)) as chunks:
            async for chunk in chunks:
                if chunk.text:
                    yield Words(text=chunk.text, by="model")


def slowly(house, text: str = "one two three four five six seven eight nine ten", pause: float = 0.02) -> ScriptedLLM:
    model = ScriptedLLM([text], pause=pause)
    house.service.app.engine.speak = Slow(model)
    return model


def say(client: TestClient, text: str = WISH, **more: object) -> dict[str, Any]:
    answer = client.post("/v1/chat", json={"message": {"text": text}, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def heard(house, session: str) -> list[tuple[Heard, Said]]:
    events = [e for e in await house.store.events(SessionId(session)) if isinstance(e, Heard | Said)]
    return list(zip(events[::2], events[1::2], strict=True))


async def begin(house, text: str = WISH, session: str | None = None) -> tuple[Visit, AsyncGenerator[tuple[int, str], None], list[tuple[int, str]], str]:
    """A stream read up to its cards: the visit, what is still to come, what came, the session."""
    visit = Visit(house.app, "POST", "/v1/chat", {"message": {"text": text}, **({"session_id": session} if session else {})}, headers=SSE)
    events = visit.events()
    got = [await anext(events) for _ in range(3)]
    return visit, events, got, json.loads(got[1][1])["data"]["session_id"]


async def until(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.005)


def without_times(data: str) -> str:
    return re.sub(r'"latency_ms":\{[^}]*\}', "", data)


# --- both forms ---


def test_an_answer_is_the_object_of_the_contract_with_its_session_and_user(client) -> None:
    reply = say(client)
    assert reply["act"] == "recommend"
    assert [i["id"] for i in reply["items"]] == ["ember", "ember-pro"]
    assert {c["field"] for c in reply["constraints"]} == {"colours", "price"}
    assert reply["recommendation_id"]
    assert (reply["turn"], reply["language"], reply["total"]) == (1, "en", 2)
    assert reply["user"].startswith("anonymous-")
    assert say(client, "cheaper", session_id=reply["session_id"])["turn"] == 2


def test_a_stream_has_the_same_parts_in_the_order_of_the_contract(client) -> None:
    with client.stream("POST", "/v1/chat", json={"message": {"text": WISH}}, headers=SSE) as answer:
        lines = [line for line in answer.iter_lines() if line]
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-vercel-ai-ui-message-stream"] == "v1"
    assert answer.headers["x-request-id"]
    data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    assert [line for line in lines if line.startswith("id: ")] == [f"id: {n}" for n in range(1, len(data) + 1)]
    assert data[-1] == "[DONE]"
    events = [json.loads(d) for d in data[:-1]]
    kinds = [e["type"] for e in events]
    assert list(dict.fromkeys(kinds)) == [
        "start", "data-understanding", "data-items", "text-start", "text-delta", "text-end", "data-notice", "data-suggestions", "data-done", "finish",
    ]  # fmt: skip
    said = "".join(e["delta"] for e in events if e["type"] == "text-delta")
    told = {e["type"]: e.get("data") for e in events}
    assert said == told["data-done"]["reply"] == say(client)["reply"]
    assert [i["id"] for i in told["data-items"]["items"]] == ["ember", "ember-pro"]


def test_the_ai_sdk_gets_a_stream_and_its_own_id_is_the_session(client) -> None:
    messages = [
        {"id": "m1", "role": "user", "parts": [{"type": "text", "text": "hello"}]},
        {"id": "m2", "role": "assistant", "parts": [{"type": "step-start"}, {"type": "data-items", "data": {}}, {"type": "text", "text": "Hi.", "state": "done"}], "metadata": {}},
        {"id": "m3", "role": "user", "parts": [{"type": "text", "text": WISH}]},
    ]
    body = {"id": "chat-1", "messages": messages, "trigger": "submit-message"}
    answer = client.post("/v1/chat", json=body, headers={"accept": "*/*"})
    understood = json.loads(re.findall(r"^data: (.*understanding.*)$", answer.text, re.MULTILINE)[0])["data"]
    assert understood["session_id"] == "chat-1"
    assert {c["field"] for c in understood["constraints"]} == {"colours", "price"}
    again = client.post("/v1/chat", json=body, headers={"accept": "application/json"}).json()
    assert (again["session_id"], again["turn"]) == ("chat-1", 2)


def test_an_empty_message_is_answered_with_a_question_of_what_is_meant(client) -> None:
    assert say(client, "")["act"] == "clarify"


@pytest.mark.parametrize(("text", "locale", "language"), [("???", "zh", "zh"), ("", "zh", "zh"), ("???", "en", "en"), (WISH, "zh", "en"), ("红色的灯", "en", "zh")])
def test_a_first_message_of_no_language_is_answered_in_the_callers(client, text: str, locale: str, language: str) -> None:
    reply = say(client, text, locale=locale)
    assert reply["language"] == language
    assert say(client, "???", locale="en" if language == "zh" else "zh", session_id=reply["session_id"])["language"] == language


def test_filters_and_limit_hold_for_the_turn_and_leave_no_chip(client) -> None:
    reply = say(client, "a lamp", filters={"brand": "光明", "price": {"op": "<=", "value": 300}}, limit=1)
    assert len(reply["items"]) == 1
    assert reply["items"][0]["attributes"]["brand"] == "Guangming"
    assert "brand" not in {c["field"] for c in reply["constraints"]}
    assert reply["total"] == 2
    assert "brand" not in {c["field"] for c in say(client, "show me others", session_id=reply["session_id"])["constraints"]}


# --- leaving and coming back ---


def test_a_stream_cut_after_any_event_is_given_again_from_there_to_the_same_whole(house) -> None:
    slowly(house, "one two three four", 0.01)

    async def scenario() -> None:
        _, events, got, session = await begin(house)
        whole = got + [e async for e in events]
        for cut in range(len(whole)):
            visit = Visit(house.app, "GET", f"/v1/sessions/{session}/stream", headers={"last-event-id": str(cut)})
            assert [e async for e in visit.events()] == whole[cut:]
            assert visit.headers["x-vercel-ai-ui-message-stream"] == "v1"
        assert (await Visit(house.app, "GET", f"/v1/sessions/{session}/stream", query=f"after={len(whole)}").begun()).status == 204
        assert (await Visit(house.app, "GET", f"/v1/sessions/{session}/stream").begun()).status == 204

    house.run(scenario)


@pytest.mark.parametrize("cut", range(1, 17))
def test_a_client_that_hangs_up_at_any_event_of_a_running_turn_and_comes_back_misses_nothing(house, cut: int) -> None:
    slowly(house, "one two three four", 0.02)

    async def scenario() -> None:
        visit = Visit(house.app, "POST", "/v1/chat", {"message": {"text": WISH}}, headers=SSE)
        got: list[tuple[int, str]] = []
        async for event in visit.events():
            got.append(event)
            if len(got) == max(cut, 2):
                break
        session = json.loads(got[1][1])["data"]["session_id"]
        await visit.hang_up()
        back = Visit(house.app, "GET", f"/v1/sessions/{session}/stream", headers={"last-event-id": str(len(got))})
        got += [e async for e in back.events()]
        assert [place for place, _ in got] == list(range(1, len(got) + 1))
        assert got[-1][1] == "[DONE]"
        assert "".join(json.loads(d)["delta"] for _, d in got if '"text-delta"' in d) == "one two three four"
        ((_, said),) = await heard(house, session)
        assert (said.text, said.whole) == ("one two three four", True)

    house.run(scenario)


def test_a_client_that_hangs_up_stops_the_model_within_the_patience_and_the_turn_is_kept(house) -> None:
    model = slowly(house, "word " * 500, 0.02)
    house.service.turns._patience = 0.2

    async def scenario() -> None:
        visit, events, _, session = await begin(house)
        async for _, data in events:
            if '"text-delta"' in data:
                break
        start = time.perf_counter()
        await visit.hang_up()
        await until(lambda: model.stopped == 1)
        assert 0.15 < time.perf_counter() - start < 1.5
        await until(lambda: house.service.turns.running(SessionId(session)) is None)
        ((message, said),) = await heard(house, session)
        assert message.turn.text == WISH
        assert said.text.startswith("word")
        assert len(said.text) < 500
        assert not said.whole
        assert said.items == ("ember", "ember-pro")
        view = await Visit(house.app, "GET", f"/v1/sessions/{session}").json()
        assert [(t["text"], t["whole"], [i["id"] for i in t["items"]]) for t in view["turns"]] == [(WISH, False, ["ember", "ember-pro"])]
        assert not view["running"]

    house.run(scenario)


def test_a_client_of_the_one_object_that_hangs_up_stops_the_model_too(house) -> None:
    model = slowly(house, "word " * 500, 0.02)
    house.service.turns._patience = 0.1

    async def scenario() -> None:
        visit = Visit(house.app, "POST", "/v1/chat", {"message": {"text": WISH}})
        await until(lambda: bool(model.requests))
        await visit.hang_up()
        await until(lambda: model.stopped == 1)

    house.run(scenario)


def test_stop_ends_a_turn_at_once_and_its_stream_says_so(house) -> None:
    model = slowly(house, "word " * 500, 0.02)

    async def scenario() -> None:
        _, events, got, session = await begin(house)
        while '"text-delta"' not in got[-1][1]:
            got.append(await anext(events))
        start = time.perf_counter()
        assert (await Visit(house.app, "POST", f"/v1/sessions/{session}/stop").begun()).status == 204
        assert time.perf_counter() - start < 0.5
        ((_, said),) = await heard(house, session)  # in the log when the answer is there
        assert not said.whole
        rest = [d async for _, d in events]
        assert rest[-3:] == ['{"type":"text-end","id":"t"}', '{"type":"abort"}', "[DONE]"]
        assert model.stopped == 1
        assert (await Visit(house.app, "POST", f"/v1/sessions/{session}/stop").begun()).status == 204

    house.run(scenario)


def test_a_stop_while_the_log_is_written_does_not_lose_the_turn(house) -> None:
    append, writing = house.store.append, asyncio.Event()

    async def slow(*args):
        writing.set()
        await asyncio.sleep(0.1)
        return await append(*args)

    house.store.append = slow

    async def scenario() -> None:
        _, events, _, session = await begin(house)
        await asyncio.wait_for(writing.wait(), 5)
        await Visit(house.app, "POST", f"/v1/sessions/{session}/stop").begun()
        ((_, said),) = await heard(house, session)
        assert said.whole
        assert [d async for _, d in events][-1] == "[DONE]"

    house.run(scenario)


def test_a_second_message_stops_the_first_and_both_are_in_the_log_in_order(house) -> None:
    slowly(house, "word " * 100, 0.02)

    async def scenario() -> None:
        _, first, _, session = await begin(house)
        _, second, got, same = await begin(house, "cheaper", session)
        assert same == session
        assert json.loads(got[1][1])["data"]["turn"] == 2
        assert [d async for _, d in first][-2:] == ['{"type":"abort"}', "[DONE]"]
        await second.aclose()
        await house.service.turns.stop(SessionId(session))
        assert [(h.turn.text, s.whole) for h, s in await heard(house, session)] == [(WISH, False), ("cheaper", False)]

    house.run(scenario)


def test_of_two_clients_that_talk_at_once_in_one_session_every_message_is_kept_and_the_state_is_the_replay(house) -> None:
    slowly(house, "one two", 0.005)

    async def scenario() -> None:
        first = await Visit(house.app, "POST", "/v1/chat", {"message": {"text": WISH}}).json()
        session = first["session_id"]
        texts = ["cheaper", "a blue one", "show me others", "newer"]
        visits = [Visit(house.app, "POST", "/v1/chat", {"message": {"text": t}, "session_id": session}) for t in texts]
        answers = [await v.begun() for v in visits]
        assert {v.status for v in answers} <= {200, 409}
        assert 200 in {v.status for v in answers}
        log = await heard(house, session)
        assert sorted(h.turn.text for h, _ in log) == sorted([WISH, *texts])
        view = await Visit(house.app, "GET", f"/v1/sessions/{session}").json()
        assert view["turn"] == 5
        assert [t["turn"] for t in view["turns"]] == [1, 2, 3, 4, 5]

    house.run(scenario)


# --- what is refused ---


def test_the_gate_turns_away_at_once_what_is_too_much(house) -> None:
    understand = house.service.app.engine.understand

    def busy(turn, state):
        time.sleep(0.05)
        return understand(turn, state)

    house.service.app.engine.understand = busy

    async def scenario() -> None:
        start = time.perf_counter()
        visits = [Visit(house.app, "POST", "/v1/chat", {"message": {"text": f"a lamp {n}"}}) for n in range(40)]
        statuses: list[int] = []
        for visit in visits:
            await visit.begun()
            statuses.append(visit.status)
        assert set(statuses) == {200, 503}
        line = house.settings.http.waiting
        assert line + 1 <= statuses.count(200) <= line + 4  # one at work and a full line, and who came when one had left
        refused = next(v for v in visits if v.status == 503)
        assert refused.headers["retry-after"] == "1"
        assert (await refused.json())["code"] == "overloaded"
        assert time.perf_counter() - start < 5

    house.run(scenario)


def test_a_model_that_must_answer_and_is_not_there_is_a_problem_and_nothing_is_kept(client, house) -> None:
    answer = client.post("/v1/chat", json={"message": {"text": WISH}, "require_llm": True})
    assert (answer.status_code, answer.json()["code"]) == (503, "model_unavailable")
    assert answer.headers["retry-after"]
    house.service.app.engine.model = ScriptedLLM(["Fine."])
    assert client.post("/v1/chat", json={"message": {"text": WISH}, "require_llm": True}).status_code == 200


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "body", "invalid"),
        ({"message": {"text": "x"}, "messages": [], "id": "a"}, "body", "invalid"),
        ({"messages": [{"role": "user", "parts": []}]}, "body", "invalid"),
        ({"id": "a", "messages": [{"role": "assistant", "parts": []}]}, "messages", "invalid"),
        ({"id": "a", "messages": [{"role": "user", "parts": [{"type": "text", "text": "x" * 4001}]}]}, "messages.0.parts", "invalid"),
        ({"id": "a", "messages": [{"role": "user", "parts": [{"type": "file", "url": "data:,"}]}]}, "messages.0.parts", "unsupported_input"),
        ({"message": {"text": 7}}, "message.text", "invalid"),
        ({"message": {"text": "x" * 4001}}, "message.text", "invalid"),
        ({"message": {"text": "a\0b"}}, "message.text", "invalid"),
        ({"message": {"text": "x", "images": ["data:"]}}, "message.images", "unsupported_input"),
        ({"message": {"text": "x", "audio": "data:"}}, "message.audio", "unsupported_input"),
        ({"message": {"txt": "x"}}, "message.txt", "unknown_field"),
        ({"mesage": {"text": "x"}}, "mesage", "unknown_field"),
        ({"message": {"text": "x"}, "limit": 0}, "limit", "invalid"),
        ({"message": {"text": "x"}, "limit": "5"}, "limit", "invalid"),
        ({"message": {"text": "x"}, "locale": "fr"}, "locale", "invalid"),
        ({"message": {"text": "x"}, "require_llm": "yes"}, "require_llm", "invalid"),
        ({"message": {"text": "x"}, "domain": "cars"}, "domain", "invalid"),
        ({"message": {"text": "x"}, "session_id": ""}, "session_id", "invalid"),
        ({"message": {"text": "x"}, "filters": {"colour": "red"}}, "filters.colour", "unknown_field"),
        ({"message": {"text": "x"}, "filters": {"price": "cheap"}}, "filters.price", "invalid"),
        ({"message": {"text": "x"}, "filters": {"price": {"op": "=<", "value": 3}}}, "filters.price.op", "invalid"),
        ({"message": {"text": "x"}, "filters": {"price": {"op": "between", "value": [3]}}}, "filters.price", "invalid"),
        ({"message": {"text": "x"}, "filters": {"price": {"value": 3, "ops": "<"}}}, "filters.price.ops", "unknown_field"),
        ({"message": {"text": "x"}, "filters": {"brand": 7}}, "filters.brand", "invalid"),
        ({"message": {"text": "x"}, "filters": {"dimmable": "yes"}}, "filters.dimmable", "invalid"),
        ({"message": {"text": "x"}, "filters": {"line": "Moon"}}, "filters.line", "invalid"),
        ({"message": {"text": "x"}, "user": "a\nb"}, "user", "invalid"),
        ([1, 2], "body", "invalid"),
        ("x", "body", "invalid"),
    ],
)
def test_a_body_that_is_wrong_is_a_problem_that_names_the_field(client, body: object, field: str, code: str) -> None:
    answer = client.post("/v1/chat", json=body)
    assert answer.status_code == 400, answer.text
    problem = answer.json()
    assert problem["code"] == code
    assert field in {e["field"] for e in problem["errors"]}, problem


def test_an_unknown_filter_is_told_the_nearest_name(client) -> None:
    problem = client.post("/v1/chat", json={"message": {"text": "x"}, "filters": {"colour": "red"}}).json()
    assert "'colours'" in problem["detail"]


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b'{"message": {"text": "\\ud800"}}', b"[" * 5000, b"null", b'{"message": {"text": "x"}, "limit": 1e400}'])
def test_a_body_that_is_no_json_or_no_text_is_a_4xx(client, raw: bytes) -> None:
    answer = client.post("/v1/chat", content=raw, headers={"content-type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_message_of_100_kb_is_refused_and_a_body_of_3_mb_is_too_large(client) -> None:
    assert client.post("/v1/chat", json={"message": {"text": "灯" * 100_000}}).status_code == 400
    assert client.post("/v1/chat", json={"message": {"text": "x" * 3_000_000}}).status_code == 413


def test_a_session_of_somebody_else_and_one_that_nobody_knows_are_not_there(house) -> None:
    key = house.key("browser")
    mine, other = (house.client(key=key, visitor=house.visitor()[1]) for _ in range(2))
    session = say(mine)["session_id"]
    for client, named in ((other, session), (mine, "nobody-knows")):
        answer = client.post("/v1/chat", json={"message": {"text": WISH}, "session_id": named})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    taken = other.post("/v1/chat", json={"id": session, "messages": [{"role": "user", "parts": [{"type": "text", "text": "hi"}]}]})
    assert taken.status_code == 404
    assert mine.post("/v1/chat", json={"message": {"text": "cheaper"}, "session_id": session, "user": "u"}).status_code == 403
    assert house.client(key=key).post("/v1/chat", json={"message": {"text": "hi"}}).status_code == 401


def test_a_server_acts_for_the_user_it_names(house) -> None:
    server = house.client(key=house.key("server"))
    reply = say(server, user="ann")
    assert reply["user"] == "ann"
    assert say(server, "cheaper", session_id=reply["session_id"], user="ann")["turn"] == 2
    assert server.post("/v1/chat", json={"message": {"text": "x"}, "session_id": reply["session_id"], "user": "bob"}).status_code == 404


def test_the_same_request_twice_with_a_key_is_one_turn(client) -> None:
    body = {"message": {"text": WISH}}
    first, second = (client.post("/v1/chat", json=body, headers={"idempotency-key": "k1"}).json() for _ in range(2))
    assert first == second
    assert client.get(f"/v1/sessions/{first['session_id']}").json()["turn"] == 1


def test_whoever_switched_taste_off_gets_the_list_of_somebody_unknown(house) -> None:
    server = house.client(key=house.key("server"))
    liked = say(server, "a lamp for reading", user="ann")
    for item in liked["items"][-2:]:
        server.post("/v1/feedback", json={"recommendation_id": liked["recommendation_id"], "item_id": item["id"], "value": "favourite", "session_id": liked["session_id"]})
    unknown = [i["score"] for i in say(server, WISH, user="bob")["items"]]
    assert [i["score"] for i in say(server, WISH, user="ann")["items"]] != unknown
    server.patch("/v1/users/ann", json={"personalise": False})
    assert [i["score"] for i in say(server, WISH, user="ann")["items"]] == unknown
