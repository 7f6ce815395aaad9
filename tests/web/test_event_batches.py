"""POST /v1/events: batches in which every event is judged by itself."""

from __future__ import annotations

import pytest

LAMP = "moon-1"


def event(n: int, **more: object) -> dict[str, object]:
    return {"event_id": f"e{n}", "type": "click", "user_id": "ann", "item_ids": [LAMP], **more}


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
        ({"item_ids": []}, "item_ids"),
        ({"quantity": 0}, "quantity"),
        ({"event_id": ""}, "event_id"),
        ({"user_id": None}, "user_id"),
    ],
)
def test_a_batch_without_a_good_event_is_a_400_that_names_the_field(server_client, wrong: dict[str, object], field: str) -> None:
    answer = server_client.post("/v1/events", json=[event(1, **wrong)])
    assert answer.status_code == 400
    assert field in str(answer.json()["errors"])


@pytest.mark.parametrize("body", ["x", 1, None, {"event": []}, [event(n) for n in range(1001)]])
def test_what_is_no_batch_is_a_400(server_client, body: object) -> None:
    assert server_client.post("/v1/events", json=body).status_code == 400


def test_a_browser_speaks_for_its_visitor_only(browser_client) -> None:
    assert browser_client.post("/v1/events", json=[{"event_id": "v1", "type": "click", "item_ids": [LAMP]}]).json()["accepted"] == 1
    assert browser_client.post("/v1/events", json=[event(2)]).status_code == 400
    assert browser_client.post("/v1/events", json=[{"event_id": "v3", "type": "click", "item_ids": [LAMP], "session_id": "of-somebody-else"}]).status_code == 400
