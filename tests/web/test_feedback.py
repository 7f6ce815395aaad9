"""Feedback over HTTP: joined to what was shown, counted once, taken back."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from fakes.visit import Visit
from zhiyin.types import Fed, SessionId, Words

WISH = "a red lamp under 300"


def say(client: TestClient, text: str = WISH, **more: object) -> dict[str, Any]:
    answer = client.post("/v1/chat", json={"message": {"text": text}, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def give(client: TestClient, shown: dict[str, Any], value: str, item: str | None = "ember", status: int = 200, **more: object) -> dict[str, Any]:
    body = {"recommendation_id": shown["recommendation_id"], "session_id": shown["session_id"], "value": value, **({"item_id": item} if item else {}), **more}
    answer = client.post("/v1/feedback", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def kept(house, session: str) -> list[Fed]:
    return [e for e in house.run(house.store.events, SessionId(session)) if isinstance(e, Fed)]


def look(client: TestClient, session: str) -> dict[str, Any]:
    return client.get(f"/v1/sessions/{session}").json()


def test_feedback_is_kept_with_the_slate_it_is_about(client, house) -> None:
    shown = say(client)
    assert give(client, shown, "dislike", reason="price_sensitivity", comment="太贵", turn_id="t1") == {"accepted": True, "session_id": shown["session_id"], "item_id": "ember"}
    (fed,) = kept(house, shown["session_id"])
    assert (fed.kind, fed.item, fed.recommendation, fed.reason, fed.comment, fed.user) == (
        "dislike", "ember", shown["recommendation_id"], "price_sensitivity", "太贵", shown["user"],
    )  # fmt: skip
    assert fed.properties == {"turn_id": "t1"}
    seen = look(client, shown["session_id"])
    assert (seen["rejected"], seen["turns"][0]["feedback"]) == (["ember"], {"ember": "dislike"})
    assert "ember" not in {i["id"] for i in say(client, "show me red ones", session_id=shown["session_id"])["items"]}


def test_the_same_feedback_twice_counts_once_and_another_takes_its_place(client, house) -> None:
    shown = say(client)
    for _ in range(3):
        give(client, shown, "like")
    assert [f.kind for f in kept(house, shown["session_id"])] == ["like"]
    give(client, shown, "dislike")
    give(client, shown, "dislike")
    give(client, shown, "dislike", reason="other")
    assert [(f.kind, f.reason) for f in kept(house, shown["session_id"])] == [("like", ""), ("dislike", ""), ("dislike", "other")]
    seen = look(client, shown["session_id"])
    assert (seen["liked"], seen["rejected"]) == ([], ["ember"])


@pytest.mark.parametrize(("value", "list_"), [("like", "liked"), ("dislike", "rejected")])
def test_none_takes_an_opinion_back_and_it_can_be_given_again(client, house, value: str, list_: str) -> None:
    shown = say(client)
    give(client, shown, "none")
    give(client, shown, value)
    give(client, shown, "none")
    give(client, shown, "none")
    assert [f.kind for f in kept(house, shown["session_id"])] == [value, "none"]
    seen = look(client, shown["session_id"])
    assert (seen[list_], seen["turns"][0]["feedback"]) == ([], {})
    give(client, shown, value)
    assert look(client, shown["session_id"])[list_] == ["ember"]


def test_none_takes_back_what_was_said_of_the_item_on_an_earlier_slate(client) -> None:
    first = say(client)
    give(client, first, "like", "ember-pro")
    second = say(client, "a red lamp", session_id=first["session_id"])
    assert "ember-pro" in {i["id"] for i in second["items"]}
    give(client, second, "none", "ember-pro")
    seen = look(client, first["session_id"])
    assert seen["liked"] == []
    assert [t["feedback"] for t in seen["turns"]] == [{}, {}]


def test_a_favourite_stands_beside_an_opinion_and_is_taken_back_by_its_own_word(client, house) -> None:
    shown = say(client)
    give(client, shown, "unfavourite")
    for value in ("favourite", "favourite", "skip"):
        give(client, shown, value)
    turn = look(client, shown["session_id"])["turns"][0]
    assert (turn["feedback"], turn["favourites"]) == ({"ember": "skip"}, ["ember"])
    give(client, shown, "none")
    turn = look(client, shown["session_id"])["turns"][0]
    assert (turn["feedback"], turn["favourites"]) == ({"ember": "favourite"}, ["ember"])
    give(client, shown, "unfavourite")
    assert look(client, shown["session_id"])["turns"][0]["favourites"] == []
    assert [f.kind for f in kept(house, shown["session_id"])] == ["favourite", "skip", "none", "unfavourite"]


def test_feedback_on_a_whole_slate_says_nothing_of_any_one_item(client, house) -> None:
    shown = say(client)
    assert give(client, shown, "dislike", None, comment="none of these")["item_id"] is None
    give(client, shown, "dislike", None, comment="none of these")
    (fed,) = kept(house, shown["session_id"])
    assert (fed.item, fed.recommendation, fed.properties["value"], fed.comment) == ("", shown["recommendation_id"], "dislike", "none of these")
    seen = look(client, shown["session_id"])
    assert (seen["liked"], seen["rejected"]) == ([], [])
    assert {i["id"] for i in say(client, "show me red ones", session_id=shown["session_id"])["items"]} >= {"ember"}


def test_the_session_need_not_be_named_where_the_caller_is_known(house) -> None:
    key = house.key("browser")
    visitor = house.client(key=key, visitor=house.visitor()[1])
    shown = say(visitor)
    say(visitor, "a blue lamp")
    body = {"recommendation_id": shown["recommendation_id"], "item_id": "ember", "value": "like"}
    assert visitor.post("/v1/feedback", json=body).json()["session_id"] == shown["session_id"]
    assert house.client(key=key, visitor=house.visitor()[1]).post("/v1/feedback", json=body).status_code == 404
    server = house.client(key=house.key("server"))
    assert server.post("/v1/feedback", json={**body, "user": shown["user"]}).json()["session_id"] == shown["session_id"]
    assert server.post("/v1/feedback", json={**body, "user": "bob"}).status_code == 404
    assert server.post("/v1/feedback", json=body).status_code == 400


def test_a_card_can_be_liked_while_its_words_are_still_spoken(house) -> None:
    async def scenario() -> None:
        go_on = asyncio.Event()

        async def slow(act, slate, state, trace, /):
            yield Words(text="So")
            await go_on.wait()

        house.service.app.engine.speak = slow
        visit = Visit(house.app, "POST", "/v1/chat", {"message": {"text": WISH}}, headers={"accept": "text/event-stream"})
        events = visit.events()
        got = [json.loads((await anext(events))[1]) for _ in range(3)]
        session, shown = got[1]["data"]["session_id"], got[2]["data"]["recommendation_id"]
        body = {"recommendation_id": shown, "item_id": "ember", "value": "like", "session_id": session}
        assert (await Visit(house.app, "POST", "/v1/feedback", body).begun()).status == 200
        go_on.set()
        assert [d async for _, d in events][-1] == "[DONE]"
        seen = await Visit(house.app, "GET", f"/v1/sessions/{session}").json()
        assert (seen["liked"], seen["turns"][0]["feedback"]) == (["ember"], {"ember": "like"})

    house.run(scenario)


def test_feedback_is_counted_and_other_workers_hear_of_it(client, house) -> None:
    shown = say(client)
    told = house.service.bus.listen("taste")
    give(client, shown, "like")

    async def next_told() -> tuple[str, str]:
        return await asyncio.wait_for(anext(told), 5)

    topic, message = house.run(next_told)
    assert (topic, message.partition(":")[2]) == ("taste", shown["user"])
    assert 'zhiyin_feedback_total{value="like"} 1.0' in house.service.metrics.exposition().decode()


@pytest.mark.parametrize(
    ("change", "field", "status"),
    [
        ({"item_id": "glow"}, "item_id", 400),
        ({"value": "love"}, "value", 400),
        ({"value": "like", "reason": "other"}, "reason", 400),
        ({"value": "dislike", "reason": "ugly"}, "reason", 400),
        ({"comment": "x" * 4001}, "comment", 400),
        ({"item_id": 7}, "item_id", 400),
        ({"itemid": "ember"}, "itemid", 400),
        ({"recommendation_id": "nothing"}, None, 404),
        ({"session_id": "nobody"}, None, 404),
        ({"recommendation_id": None}, "recommendation_id", 400),
    ],
)
def test_feedback_that_fits_nothing_is_a_problem_and_nothing_is_kept(client, house, change: dict[str, object], field: str | None, status: int) -> None:
    shown = say(client)
    body = {"recommendation_id": shown["recommendation_id"], "session_id": shown["session_id"], "item_id": "ember", "value": "like", **change}
    answer = client.post("/v1/feedback", json=body)
    assert answer.status_code == status, answer.text
    assert field is None or field in {e["field"] for e in answer.json()["errors"]}
    assert kept(house, shown["session_id"]) == []
