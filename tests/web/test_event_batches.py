"""POST /v1/events: batches in which every event is judged by itself."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from zhiyin.types import Fed, SessionId, UserId

LAMP = "moon-1"


def event(n: int, **more: object) -> dict[str, object]:
    return {"event_id": f"e{n}", "type": "click", "user_id": "ann", "item_ids": [LAMP], **more}


def kept(house, user: str) -> list[Fed]:
    """A user's events as the log has them, whatever the session."""
    sessions = house.run(house.store.sessions, UserId(user))
    return [e for session in sessions for e in house.run(house.store.events, session) if isinstance(e, Fed)]


def test_good_events_are_kept_around_bad_ones(server_client) -> None:
    batch = [event(1), event(2, type="dance"), event(3, item_ids=["nothing"]), {"event_id": "e4"}, "text", event(5, time="2999-01-01T00:00:00Z"), event(6, itm=1), event(7)]
    answer = server_client.post("/v1/events", json={"events": batch})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["accepted"], told["duplicates"]) == (2, 0)
    assert [r["index"] for r in told["rejected"]] == [1, 2, 3, 4, 5, 6]
    fields = [r["errors"][0]["field"] for r in told["rejected"]]
    assert fields[0] == "type"
    assert fields[1] == "item_ids"
    assert fields[4] == "time"
    assert "itm" in str(told["rejected"][5]["errors"])


def test_an_event_counts_once_within_a_batch_and_over_batches(server_client) -> None:
    assert server_client.post("/v1/events", json=[event(1), event(1), event(2)]).json() == {"accepted": 2, "duplicates": 1, "rejected": []}
    assert server_client.post("/v1/events", json=[event(2), event(3)]).json() == {"accepted": 1, "duplicates": 1, "rejected": []}


def test_the_names_that_others_use_are_taken(server_client) -> None:
    batch = [
        event(1, type="detail-page-view"),
        event(2, type="add_to_cart"),
        event(3, type="purchase-complete", value=4999, currency="CNY", quantity=1),
        event(4, type="search", item_ids=[], query="lamp"),
    ]
    assert server_client.post("/v1/events", json=batch).json()["accepted"] == 4


def test_what_was_done_is_known_of_the_user(server_client) -> None:
    server_client.post("/v1/events", json=[event(1, type="like")])
    assert [like["item_id"] for like in server_client.get("/v1/users/ann").json()["likes"]] == [LAMP]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"type": "rating", "value": 9}, "value"),
        ({"type": "purchase", "value": 49.99, "currency": "CNY"}, "value"),
        ({"currency": "yuan"}, "currency"),
        ({"time": "yesterday"}, "time"),
        ({"time": "1960-01-01T00:00:00Z"}, "time"),
        ({"time": "0001-01-01T00:00:00+14:00"}, "time"),
        ({"time": "9999-12-31T23:59:59-14:00"}, "time"),
        ({"item_ids": []}, "item_ids"),
        ({"quantity": 0}, "quantity"),
        ({"event_id": ""}, "event_id"),
        ({"user_id": None}, "user_id"),
        ({"user_id": None, "session_id": "nobody-knows-it"}, "session_id"),
        ({"type": "purchase", "value": 4999}, "currency"),
        ({"type": "purchase", "value": 4999, "currency": "ZZZ"}, "currency"),
        ({"type": "dwell"}, "value"),
        ({"type": "dwell", "value": -1}, "value"),
        ({"type": "rating", "value": "5"}, "value"),
        ({"type": "x" * 100_000}, "type"),
        ({"event_id": "e" * 100_000}, "event_id"),
        ({"event_id": 7}, "event_id"),
        ({"query": "q" * 100_000}, "query"),
        ({"properties": {"note": "x" * 100_000}}, "properties.note"),
        ({"properties": {"k" * 100_000: 1}}, "properties"),
        ({"properties": {str(n): n for n in range(51)}}, "properties"),
        ({"properties": {"deep": {"er": 1}}}, "properties.deep"),
        ({"properties": [1]}, "properties"),
        ({"item_ids": LAMP}, "item_ids"),
        ({"item_ids": [LAMP] * 101}, "item_ids"),
        ({"item_ids": [LAMP, "nothing"]}, "item_ids"),
        ({"position": True}, "position"),
        ({"time": 1700000000}, "time"),
        ({"time": "2026-01-31"}, "time"),
        ({"time": "2026-01-31T08:00:00"}, "time"),
        ({"time": "2026-02-30T08:00:00Z"}, "time"),
    ],
)
def test_a_batch_without_a_good_event_is_a_400_that_names_the_field(server_client, wrong: dict[str, object], field: str) -> None:
    answer = server_client.post("/v1/events", json=[event(1, **wrong)])
    assert answer.status_code == 400
    assert field in str(answer.json()["errors"])


@pytest.mark.parametrize("text", ["{", "", "[" * 100_000, '[{"event_id": NaN}]', b"\xff"])
def test_what_is_no_json_is_a_400(server_client, text: str | bytes) -> None:
    answer = server_client.post("/v1/events", content=text, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "body"


@pytest.mark.parametrize("body", ["x", 1, None, {"event": []}, {"events": {}}, [event(n) for n in range(1001)]])
def test_what_is_no_batch_is_a_400(server_client, body: object) -> None:
    assert server_client.post("/v1/events", json=body).status_code == 400


def test_a_browser_speaks_for_its_visitor_only(browser_client) -> None:
    assert browser_client.post("/v1/events", json=[{"event_id": "v1", "type": "click", "item_ids": [LAMP]}]).json()["accepted"] == 1
    assert browser_client.post("/v1/events", json=[event(2)]).status_code == 400
    assert browser_client.post("/v1/events", json=[{"event_id": "v3", "type": "click", "item_ids": [LAMP], "session_id": "of-somebody-else"}]).status_code == 400


def test_a_browser_without_a_visitor_is_sent_for_its_token(house) -> None:
    browser = house.client(key=house.key("browser"))
    assert browser.post("/v1/events", json=[{"event_id": "v1", "type": "click", "item_ids": [LAMP]}]).status_code == 401


def test_a_browser_may_speak_of_its_own_conversation(house, browser_client) -> None:
    talk = browser_client.post("/v1/chat", json={"message": {"text": "a reading lamp"}}).json()
    body = {"event_id": "v1", "type": "click", "item_ids": [talk["items"][0]["id"]], "session_id": talk["session_id"], "recommendation_id": talk["recommendation_id"]}
    assert browser_client.post("/v1/events", json=[body]).json()["accepted"] == 1
    assert [e.kind for e in house.run(house.store.events, SessionId(talk["session_id"])) if isinstance(e, Fed)] == ["click"]


def test_a_session_is_not_lent_to_another_user(server_client) -> None:
    talk = server_client.post("/v1/chat", json={"message": {"text": "a lamp"}, "user": "ann"}).json()
    batch = [event(1, session_id=talk["session_id"], user_id="bob"), event(2, session_id=talk["session_id"], user_id=None), event(3, session_id=talk["session_id"])]
    told = server_client.post("/v1/events", json=batch).json()
    assert told["accepted"] == 2
    assert [(r["index"], r["errors"][0]["field"]) for r in told["rejected"]] == [(0, "session_id")]
    assert [like["item_id"] for like in server_client.get("/v1/users/ann").json()["likes"]] == [LAMP]
    assert server_client.get("/v1/users/bob").json()["likes"] == []


def test_an_event_of_several_items_is_one_event_and_its_money_counts_once(house, server_client) -> None:
    order = event(1, type="purchase", item_ids=["moon-1", "ember", "ember"], value=35800, currency="CNY", quantity=1, properties={"coupon": "spring"})
    assert server_client.post("/v1/events", json=[order]).json()["accepted"] == 1
    assert server_client.post("/v1/events", json=[order]).json()["duplicates"] == 1
    rows = kept(house, "ann")
    assert [(e.id, e.item, e.value) for e in rows] == [("e1#0", "moon-1", 35800.0), ("e1#1", "ember", None)]
    assert all(e.properties == {"coupon": "spring", "quantity": 1, "currency": "CNY"} for e in rows)


def test_what_names_no_item_does_not_harm_the_next_turn(server_client) -> None:
    batch = [event(1, type="search", item_ids=[], query="灯"), event(2, type="impression", item_ids=[]), event(3, type="home-page-view", item_ids=[])]
    assert server_client.post("/v1/events", json=batch).json()["accepted"] == 3
    assert server_client.post("/v1/chat", json={"message": {"text": "a reading lamp"}, "user": "ann"}).json()["items"]
    assert server_client.post("/v1/recommend", json={"user": "ann"}).json()["items"]
    assert server_client.get("/v1/users/ann").json()["likes"] == []


@pytest.mark.parametrize(
    "theirs",
    [
        {"eventType": "detail-page-view", "visitorId": "v", "eventTime": "2026-01-31T08:00:00.5Z", "productDetails": [{"product": {"id": LAMP}, "quantity": 1}], "eventId": "g"},
        {"event_name": "view_item", "user_pseudo_id": "v", "items": [{"item_id": LAMP}], "event_id": "g4"},
        {"eventType": "conversion", "eventSubtype": "purchase", "userToken": "v", "objectIDs": [LAMP], "messageId": "a"},
        {"FeedbackType": "read", "VisitorId": "v", "ItemId": LAMP, "Timestamp": "2026-01-31T08:00:00+08:00", "event_id": "go"},
        {"eventType": "click", "itemId": LAMP, "eventId": "p", "userInfo": {"visitorId": "v"}},
        {"事件类型": "加购", "访客": "v", "商品id": LAMP, "event_id": "zh"},
    ],
)
def test_fields_may_have_the_names_that_others_use(house, server_client, theirs: dict[str, object]) -> None:
    answer = server_client.post("/v1/events", json=[theirs])
    assert answer.status_code == 200, answer.json()
    assert [(e.item, e.kind in {"view", "click", "purchase", "cart"}) for e in kept(house, "visitor:v")] == [(LAMP, True)]


def test_a_name_of_nobodys_is_refused_with_the_nearest_of_ours(server_client) -> None:
    answer = server_client.post("/v1/events", json=[event(1, recommendationid="r")])
    assert answer.status_code == 400
    assert "recommendation_id" in str(answer.json()["errors"])


def test_times_are_kept_as_told_and_bounded(house, server_client) -> None:
    soon = (house.clock() + timedelta(minutes=4)).isoformat()
    late = (house.clock() + timedelta(minutes=6)).isoformat()
    told = server_client.post("/v1/events", json=[event(1, time="2020-01-31T08:00:00+08:00"), event(2, time=soon), event(3, time=late)]).json()
    assert told["accepted"] == 2
    assert [r["index"] for r in told["rejected"]] == [2]
    assert min(e.time for e in kept(house, "ann")).isoformat() == "2020-01-31T00:00:00+00:00"


def test_ids_are_of_one_user(server_client) -> None:
    assert server_client.post("/v1/events", json=[event(1), event(1, user_id="bob")]).json()["accepted"] == 2


def test_a_full_batch_is_kept_whole_around_bad_rows(house, server_client) -> None:
    batch = [event(n, user_id=f"u{n % 40}", **({"item_ids": ["nothing"]} if n % 10 == 3 else {})) for n in range(1000)]
    told = server_client.post("/v1/events", json=batch).json()
    assert told["accepted"] == 900
    assert [r["index"] for r in told["rejected"]] == list(range(3, 1000, 10))
    assert sum(len(kept(house, f"u{n}")) for n in range(40)) == 900


def test_what_was_wrong_is_not_sent_back(server_client) -> None:
    answer = server_client.post("/v1/events", json=[event(1, event_id="secret" * 1000, properties={"a": "secret" * 1000})])
    assert "secretsecret" not in json.dumps(answer.json())


def test_users_with_long_and_like_names_do_not_share_a_session(house, server_client) -> None:
    one, two = "u" * 127 + "1", "u" * 127 + "2"
    assert server_client.post("/v1/events", json=[event(1, user_id=one), event(2, user_id=two)]).json()["accepted"] == 2
    assert len(kept(house, one)) == len(kept(house, two)) == 1
