"""Beside the conversation, over HTTP: what to say first, items side by side, why this."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from zhiyin.catalog.load import load_catalog
from zhiyin.catalog.pack import built_in, find_pack, read_pack
from zhiyin.types import Signal, State, Turn
from zhiyin.understand.rules import RuleReader
from zhiyin.web.suggestions import follow_ups, openers, words

WISH = "a red lamp under 300"


def say(client: TestClient, text: str = WISH, **more: object) -> dict[str, Any]:
    answer = client.post("/v1/chat", json={"message": {"text": text}, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def ask(client: TestClient, path: str, **body: object) -> dict[str, Any]:
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


# --- suggestions ---


@pytest.mark.parametrize(
    ("headers", "query", "greeting"),
    [
        ({}, {}, "Hello! What are you looking for among 9 lamps?"),
        ({"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"}, {}, "你好！这里有 9 盏灯，想找什么样的？"),
        ({"accept-language": "fr,en-GB;q=0.9"}, {}, "Hello! What are you looking for among 9 lamps?"),
        ({"accept-language": "zh"}, {"locale": "en"}, "Hello! What are you looking for among 9 lamps?"),
    ],
)
def test_a_greeting_tells_of_the_catalogue_in_the_language_that_is_asked_for(client, headers: dict[str, str], query: dict[str, str], greeting: str) -> None:
    told = client.get("/v1/suggestions", params=query, headers=headers).json()
    assert told["greeting"] == greeting
    assert told["domain"] == "lamps"
    assert [d["name"] for d in told["domains"]] == ["lamps"]
    assert [n["code"] for n in told["notices"]] == ["no_model"]
    assert told["disclaimer"] is None


def test_in_a_session_the_suggestions_go_on_from_it(client) -> None:
    reply = say(client)
    assert client.get("/v1/suggestions", params={"session_id": reply["session_id"]}).json()["suggestions"] == reply["suggestions"]
    assert client.get("/v1/suggestions", params={"locale": "fr"}).status_code == 400
    assert client.get("/v1/suggestions", params={"lang": "zh"}).status_code == 400


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_suggestion_is_understood_as_it_is_meant(client, language: str) -> None:
    wish = "a lamp under 1000" if language == "en" else "一千以内的灯"
    first = say(client, wish, limit=3)
    assert first["language"] == language
    said = words(language)
    for suggestion in first["suggestions"]:
        reply = say(client, wish, limit=3)
        after = say(client, suggestion, session_id=reply["session_id"])
        if suggestion not in said.values():  # "cheaper", from the domain's own words
            assert {c["source"] for c in after["constraints"]} == {suggestion}
            continue
        assert after["act"] == {said["why"]: "explain", said["compare"]: "compare", said["others"]: "recommend"}[suggestion]
        if suggestion == said["others"]:
            assert not {i["id"] for i in after["items"]} & {i["id"] for i in reply["items"]}
    assert len(first["suggestions"]) == 4
    assert say(client, said["restart"], session_id=first["session_id"])["constraints"] == []


@pytest.mark.parametrize("name", built_in())
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_built_in_domains_have_openers_and_a_comparative_that_is_understood(name: str, language: str, tmp_path: Path) -> None:
    domain = read_pack(find_pack(name))
    assert len(openers(domain, language)) == 4
    catalog, _ = load_catalog(domain, tmp_path)
    reader = RuleReader(catalog, None, None)
    comparative = follow_ups(domain, language, "recommend", 5, 0)[0]
    turn = Turn(session="s", user="u", text=comparative, time=datetime(2026, 5, 17, tzinfo=UTC))
    state = State(turn=1, slate=tuple(item.id for item in catalog.items[:5]))
    assert reader(turn, state).edits, comparative
    others = follow_ups(domain, language, "recommend", 5, 0)[1]
    assert Signal.OTHERS in reader(replace(turn, text=others), state).signals


# --- compare ---


def test_items_side_by_side_differ_where_they_differ_and_each_wish_has_a_verdict(client) -> None:
    session = say(client, "a lamp for reading under 250")["session_id"]
    told = ask(client, "/v1/compare", items=["moon-1", "moon-2", "eclipse"], session_id=session)
    assert [i["id"] for i in told["items"]] == ["moon-1", "moon-2", "eclipse"]
    rows = {r["field"]: r for r in told["rows"]}
    assert rows["price"]["label"] == "price"
    assert [c and c["value"] for c in rows["price"]["values"]] == [199, 299, None]
    assert [c and c["text"] for c in rows["price"]["values"]] == ["¥199", "¥299", None]
    assert (rows["price"]["differs"], rows["price"]["best"]) == (True, None)  # nobody knows what the third costs
    assert "line" not in rows
    verdicts = {v["label"]: v["holds"] for v in told["verdicts"]}
    assert verdicts["price at most ¥250"] == [True, False, None]
    assert verdicts["reading"] == [True, True, None]
    assert told["text"].startswith("Moon 1, Moon 2 and Eclipse side by side:") or "Moon 1" in told["text"]


def test_the_best_of_a_row_is_the_one_that_is_ahead_alone(client) -> None:
    told = ask(client, "/v1/compare", items=["moon-1", "ember"], locale="zh")
    rows = {r["field"]: r for r in told["rows"]}
    assert (rows["price"]["best"], rows["rating"]["best"], rows["weight"]["best"], rows["storage"]["best"]) == (1, 0, 0, 0)
    assert (rows["price"]["label"], rows["price"]["values"][0]["text"]) == ("价格", "199 元")
    assert told["verdicts"] == []
    assert "月光一号" in told["text"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"items": ["ember"]}, "items"),
        ({"items": ["ember", "ember"]}, "items"),
        ({"items": ["ember", "nothing"]}, "items.1"),
        ({"items": ["ember", "glow", "eclipse", "firefly", "moon-1"]}, "items"),
        ({"items": "ember"}, "items"),
        ({"item": ["ember", "glow"]}, "item"),
        ({"items": ["ember", "glow"], "locale": "fr"}, "locale"),
    ],
)
def test_what_cannot_be_compared_is_named(client, body: dict[str, object], field: str) -> None:
    answer = client.post("/v1/compare", json=body)
    assert answer.status_code == 400
    assert field in {e["field"] for e in answer.json()["errors"]}


# --- explain ---


def test_why_this_has_the_reasons_and_scores_that_it_was_shown_with(client) -> None:
    reply = say(client)
    card = reply["items"][0]
    told = ask(client, "/v1/explain", session_id=reply["session_id"], item_id=card["id"], recommendation_id=reply["recommendation_id"])
    assert told["item"] == card
    assert (told["reasons"], told["sources"]) == (card["reasons"], card["sources"])
    assert {r["evidence"]["field"] for r in told["reasons"]} >= {"colours", "price"}
    assert all(r["text"] for r in told["reasons"])
    assert told["profile"] == []
    assert "Ember" in told["text"]
    say(client, "a blue one", session_id=reply["session_id"])
    assert ask(client, "/v1/explain", session_id=reply["session_id"], item_id="ember", recommendation_id=reply["recommendation_id"])["reasons"] == card["reasons"]


def test_an_item_that_was_not_shown_is_explained_by_the_wishes_it_keeps_and_the_taste_that_counts(client, house) -> None:
    _, token = house.visitor()
    me = house.client(visitor=token)
    first = say(me)
    body = {"recommendation_id": first["recommendation_id"], "session_id": first["session_id"], "item_id": "ember", "value": "like"}
    me.post("/v1/feedback", json=body)
    second = say(me, "a lamp under 300")
    told = ask(me, "/v1/explain", session_id=second["session_id"], item_id="glow", locale="zh")
    assert told["item"]["id"] == "glow"
    assert {"field": "price", "value": 89, "source": "under 300", "text": {"en": "price: ¥89", "zh": "价格：89 元"}} in [r["evidence"] for r in told["reasons"]]
    assert [(p["item_id"], p["weight"]) for p in told["profile"]] == [("ember", pytest.approx(1.0, abs=0.01))]
    assert "微光" in told["text"]
    assert [p["item_id"] for p in ask(me, "/v1/explain", item_id="eclipse")["profile"]] == ["ember"]
    me.patch("/v1/users/me", json={"personalise": False})
    assert ask(me, "/v1/explain", item_id="eclipse")["profile"] == []


def test_a_liked_item_is_not_explained_by_the_like_of_itself(house) -> None:
    server = house.client(key=house.key("server"))
    for item in ("ember", "ember-pro"):
        server.post("/v1/events", json=[{"event_id": item, "type": "like", "user_id": "ann", "item_ids": [item]}])
    told = ask(server, "/v1/explain", user="ann", item_id="ember", locale="en")
    assert "ember" in {p["item_id"] for p in told["profile"]}
    assert {r["evidence"]["item"] for r in told["reasons"] if r["kind"] == "behaviour"} <= {"ember-pro"}
    assert "because: because" not in told["text"]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"item_id": "nothing", "user": "ann"}, 400, "item_id"),
        ({"user": "ann"}, 400, "item_id"),
        ({"item_id": "ember"}, 400, "session_id"),
        ({"item_id": "ember", "user": "ann", "recommendation_id": "r"}, 404, None),
        ({"item_id": "ember", "session": "s"}, 400, "session"),
    ],
)
def test_what_cannot_be_explained_is_named(client, body: dict[str, object], status: int, field: str | None) -> None:
    answer = client.post("/v1/explain", json=body)
    assert answer.status_code == status, answer.text
    assert field is None or field in {e["field"] for e in answer.json()["errors"]}
