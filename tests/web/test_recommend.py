"""POST /v1/recommend: lists without a conversation."""

from __future__ import annotations

import pytest

from zhiyin.types import Said, UserId


def recommend(client, **body):
    answer = client.post("/v1/recommend", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_words_and_filters_choose_and_the_total_counts_what_they_leave(server_client) -> None:
    found = recommend(server_client, query="a reading lamp under 250 yuan", user="ann")
    assert {card["id"] for card in found["items"]} == {"moon-1", "firefly"}
    assert found["total"] == 2
    assert found["user"] == "ann"
    narrowed = recommend(server_client, query="a reading lamp under 250 yuan", user="ann", filters={"brand": "Guangming"})
    assert [card["id"] for card in narrowed["items"]] == ["moon-1"]


def test_reasons_are_in_the_language_of_the_words(server_client) -> None:
    found = recommend(server_client, query="阅读用的台灯")
    assert any("\u4e00" <= sign <= "\u9fff" for card in found["items"] for reason in card["reasons"] for sign in reason["text"])


def test_a_limit_holds(server_client) -> None:
    assert len(recommend(server_client, limit=2)["items"]) == 2
    assert len(recommend(server_client)["items"]) == 5


def test_what_cannot_be_had_comes_with_offers(server_client) -> None:
    found = recommend(server_client, query="a red lamp under 100 yuan")
    assert found["items"] == []
    assert found["recommendation_id"] is None
    assert found["relaxed"]
    assert all(offer["count"] > 0 and offer["text"] for offer in found["relaxed"])


def test_a_filter_is_never_offered_away(server_client) -> None:
    found = recommend(server_client, query="under 100 yuan", filters={"colours": "red"})
    assert found["items"] == []
    assert {offer["from"] for offer in found["relaxed"] if not isinstance(offer["from"], list)} <= {100}


def test_feedback_can_be_given_on_what_was_shown(server_client) -> None:
    found = recommend(server_client, user="ann")
    first = found["items"][0]["id"]
    given = server_client.post("/v1/feedback", json={"recommendation_id": found["recommendation_id"], "item_id": first, "value": "dislike", "user": "ann"})
    assert given.status_code == 200
    assert first not in {card["id"] for card in recommend(server_client, user="ann")["items"]}
    not_shown = server_client.post("/v1/feedback", json={"recommendation_id": found["recommendation_id"], "item_id": "nothing", "value": "like", "session_id": found["session_id"]})
    assert not_shown.status_code == 400


def test_taste_ranks_unless_the_user_said_no(server_client) -> None:
    server_client.post("/v1/events", json=[{"event_id": "e1", "type": "like", "user_id": "ann", "item_ids": ["ember"]}])
    told = recommend(server_client, user="ann", explain=True)["explanation"]
    assert [row["item_id"] for row in told["profile"]] == ["ember"]
    server_client.patch("/v1/users/ann", json={"personalise": False})
    assert recommend(server_client, user="ann", explain=True)["explanation"]["profile"] == []


def test_an_explanation_says_what_the_words_were_taken_for(server_client) -> None:
    told = recommend(server_client, query="something like Ember under 300 yuan", explain=True)["explanation"]
    assert told["like"] == ["ember"]
    assert [(c["field"], c["value"]) for c in told["constraints"]] == [("price", 300)]
    assert "explanation" not in recommend(server_client, query="lamp")


def test_a_conversation_counts_and_does_not_change(house, server_client) -> None:
    talk = server_client.post("/v1/chat", json={"message": {"text": "a reading lamp"}, "user": "ann"}).json()
    before = server_client.get(f"/v1/sessions/{talk['session_id']}").json()
    found = recommend(server_client, session_id=talk["session_id"], query="under 100 yuan")
    assert [card["id"] for card in found["items"]] == ["firefly"]
    assert server_client.get(f"/v1/sessions/{talk['session_id']}").json() == before


def test_what_was_shown_is_in_the_log_and_not_among_the_conversations(house, server_client) -> None:
    found = recommend(server_client, user="ann", query="a lamp")
    events = house.run(house.store.events, found["session_id"])
    assert [(e.recommendation, len(e.items), e.text) for e in events if isinstance(e, Said)] == [(found["recommendation_id"], 5, "")]
    assert [(card.item, card.score) for card in events[0].cards] == [(card["id"], card["score"]) for card in found["items"]]
    assert list(house.run(house.store.sessions, UserId("ann"))) == [found["session_id"]]
    assert server_client.get("/v1/sessions", params={"user": "ann"}).json()["sessions"] == []


def test_a_stranger_gets_nobody_elses_session(server_client, browser_client) -> None:
    talk = server_client.post("/v1/chat", json={"message": {"text": "a lamp"}, "user": "ann"}).json()
    assert browser_client.post("/v1/recommend", json={"session_id": talk["session_id"]}).status_code == 404
    assert browser_client.post("/v1/recommend", json={"user": "ann"}).status_code == 403
    assert server_client.post("/v1/recommend", json={"session_id": talk["session_id"], "user": "bob"}).status_code == 404
    assert browser_client.post("/v1/recommend", json={}).status_code == 200


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({"querry": "x"}, "querry", "query"),
        ({"filters": {"colour": "red"}}, "filters.colour", "colours"),
        ({"filters": {"price": "cheap"}}, "filters.price", "number"),
        ({"limit": 0}, "limit", ""),
        ({"limit": "5"}, "limit", ""),
        ({"query": "x" * 100_000}, "query", ""),
        ({"query": 7}, "query", ""),
        ({"user": ""}, "user", ""),
        ({"explain": "yes"}, "explain", ""),
    ],
)
def test_what_is_wrong_is_named(server_client, body: dict[str, object], field: str, said: str) -> None:
    answer = server_client.post("/v1/recommend", json=body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    assert said in answer.json()["errors"][0]["message"]
