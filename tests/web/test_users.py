"""What is known of a user, over HTTP: to see, to switch off, to take along, to erase."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.testclient import TestClient

from fakes.visit import Visit
from zhiyin.types import SessionId, UserId

WISH = "a red lamp under 300"


def say(client: TestClient, text: str = WISH, **more: object) -> dict[str, Any]:
    answer = client.post("/v1/chat", json={"message": {"text": text}, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def judge(client: TestClient, shown: dict[str, Any], item: str, value: str) -> None:
    body = {"recommendation_id": shown["recommendation_id"], "session_id": shown["session_id"], "item_id": item, "value": value}
    assert client.post("/v1/feedback", json=body).status_code == 200


@pytest.fixture
def visitors(house) -> tuple[TestClient, TestClient]:
    """Two browsers, each a visitor of its own."""
    key = house.key("browser")
    one, two = (house.client(key=key, visitor=house.visitor()[1]) for _ in range(2))
    return one, two


def test_a_visitor_sees_what_is_known_of_them(visitors) -> None:
    me, _ = visitors
    assert me.get("/v1/users/me").json() | {"user": ""} == {"user": "", "personalise": True, "likes": [], "dislikes": [], "wishes": [], "events": 0, "sessions": 0}
    first, second = say(me), say(me, "一盏蓝色的灯")
    judge(me, first, "ember", "like")
    judge(me, first, "ember-pro", "dislike")
    known = me.get("/v1/users/me").json()
    assert known["user"] == first["user"]
    assert [(r["item_id"], r["title"]) for r in known["likes"]] == [("ember", "Ember")]
    assert known["likes"][0]["weight"] == pytest.approx(1.0, abs=0.01)
    assert [(r["item_id"], r["weight"] < 0) for r in known["dislikes"]] == [("ember-pro", True)]
    assert {(w["session_id"], w["label"]) for w in known["wishes"]} == {(first["session_id"], "red"), (first["session_id"], "price at most ¥300"), (second["session_id"], "蓝色")}
    assert (known["sessions"], known["events"]) == (2, 6)


def test_an_opinion_is_taken_back_by_what_its_row_says(visitors) -> None:
    me, _ = visitors
    shown = say(me)
    judge(me, shown, "ember", "like")
    judge(me, say(me), "ember", "like")
    for left in (1, 0):  # one in each session
        row = me.get("/v1/users/me").json()["likes"][0]
        assert me.post("/v1/feedback", json={**row["retract"], "item_id": row["item_id"]}).status_code == 200
        assert len(me.get("/v1/users/me").json()["likes"]) == left
    judge(me, shown, "ember", "favourite")
    assert me.get("/v1/users/me").json()["likes"][0]["retract"] is None


def test_a_visitor_reads_changes_and_erases_nobody_else(visitors, house) -> None:
    me, other = visitors
    user = say(me)["user"]
    for named in (user, "ann"):
        for method, path, body in (
            ("GET", f"/v1/users/{named}", None),
            ("GET", f"/v1/users/{named}/export", None),
            ("DELETE", f"/v1/users/{named}", None),
            ("PATCH", f"/v1/users/{named}", {"personalise": False}),
        ):
            assert other.request(method, path, json=body).status_code == 404
    assert me.get(f"/v1/users/{user}").json()["personalise"] is True
    assert me.get(f"/v1/users/{user}").json()["events"] == 2


def test_taste_is_switched_off_and_on(visitors) -> None:
    me, _ = visitors
    assert me.patch("/v1/users/me", json={"personalise": False}).json()["personalise"] is False
    assert me.get("/v1/users/me").json()["personalise"] is False
    assert me.patch("/v1/users/me", json={"personalise": True}).json()["personalise"] is True


@pytest.mark.parametrize(("body", "field"), [({}, "personalise"), ({"personalise": "no"}, "personalise"), ({"personalize": False}, "personalize")])
def test_a_decision_that_is_none_is_a_400(client, body: dict[str, object], field: str) -> None:
    answer = client.patch("/v1/users/ann", json=body)
    assert answer.status_code == 400
    assert field in {e["field"] for e in answer.json()["errors"]}


def test_an_export_has_every_event_of_every_session_and_nobody_elses(house) -> None:
    server = house.client(key=house.key("server"))
    first, second = say(server, user="安"), say(server, "a blue lamp", user="安")
    judge(server, first, "ember", "like")
    say(server, "a white lamp", user="bob")
    answer = server.get("/v1/users/安/export")
    assert answer.headers["content-disposition"] == 'attachment; filename="zhiyin-export.json"'
    export = answer.json()
    assert (export["user"], export["settings"]) == ("安", {"personalise": True})
    found = {s["session_id"]: [e["type"] for e in s["events"]] for s in export["sessions"]}
    assert found == {first["session_id"]: ["heard", "said", "fed"], second["session_id"]: ["heard", "said"]}
    assert export["sessions"][0]["events"][0]["turn"]["text"] == WISH


def test_whoever_is_erased_is_gone_from_every_store_and_nobody_else_is(house) -> None:
    server = house.client(key=house.key("server"))
    mine, other = say(server, user="ann"), say(server, user="bob")
    judge(server, mine, "ember", "dislike")
    server.patch("/v1/users/ann", json={"personalise": False})
    assert server.get("/v1/sessions", params={"user": "ann"}).json()["sessions"][0]["title"] == WISH
    assert server.delete("/v1/users/ann").json() == {"erased": {"log": 3, "records": 1, "live": 1}}
    assert server.delete("/v1/users/ann").json() == {"erased": {"log": 0, "records": 0, "live": 0}}
    assert server.get(f"/v1/sessions/{mine['session_id']}").status_code == 404
    assert server.get("/v1/sessions", params={"user": "ann"}).json() == {"sessions": [], "next_cursor": None}
    known = server.get("/v1/users/ann").json()
    assert (known["personalise"], known["dislikes"], known["events"]) == (True, [], 0)
    assert server.get(f"/v1/sessions/{other['session_id']}").status_code == 200
    assert {i["id"] for i in say(server, user="ann")["items"]} == {"ember", "ember-pro"}  # the dislike is forgotten too


def test_a_turn_that_is_answered_while_its_user_is_erased_is_not_kept(house) -> None:
    async def scenario() -> None:
        async def slow(act, slate, state, trace, /):
            await asyncio.sleep(30)
            for _ in ():
                yield _

        house.service.app.engine.speak = slow
        visit = Visit(house.app, "POST", "/v1/chat", {"message": {"text": WISH}, "user": "ann"}, headers={"accept": "text/event-stream"})
        events = visit.events()
        for _ in range(3):
            await anext(events)
        erased = await Visit(house.app, "DELETE", "/v1/users/ann").json()
        assert erased == {"erased": {"log": 2, "records": 0, "live": 1}}
        assert [d async for _, d in events][-2:] == ['{"type":"abort"}', "[DONE]"]
        assert await house.store.sessions(UserId("ann")) == ()
        assert await house.store.events(SessionId("s")) == ()

    house.run(scenario)


def test_an_id_of_a_user_may_hold_a_slash(client) -> None:
    say(client, user="shop/ann")
    say(client, user="shop")
    assert client.get("/v1/users/shop%2Fann").json()["sessions"] == 1
    assert client.get("/v1/users/shop%2Fann/export").json()["user"] == "shop/ann"
    assert client.delete("/v1/users/shop%2Fann").json()["erased"]["log"] > 0
    assert [client.get(f"/v1/users/{user}").json()["sessions"] for user in ("shop", "shop%2Fann")] == [1, 0]


def test_me_is_a_visitor(client, house) -> None:
    assert client.get("/v1/users/me").status_code == 400
    user, token = house.visitor()
    assert house.client(visitor=token).get("/v1/users/me").json()["user"] == user
