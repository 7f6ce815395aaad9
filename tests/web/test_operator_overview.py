"""What the operator sees of the last hours: everything of the log is counted once, in the stretch of time in which it happened."""

from __future__ import annotations

from datetime import timedelta

import pytest

from zhiyin.types import Call, Card, Fed, Heard, ItemId, Language, Offer, Op, Said, SessionId, Turn, Understanding, UserId, Wish

WISH = Wish(field="price", op=Op.LE, value=1)


def say(client, text: str, **more: object) -> dict:
    answer = client.post("/v1/chat", json={"message": {"text": text}, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def log_turn(house, ago: timedelta, *, session: str = "s", user: str = "u", cards: float = 5.0, total: float = 9.0, **said: object) -> None:
    """A turn of the past, as the engine would have kept it."""
    time = house.clock() - ago
    turn = Turn(session=SessionId(session), user=UserId(user), text="a lamp", time=time)
    heard = Heard(turn=turn, understanding=Understanding(language=Language.EN, intent={"recommend": 1.0}))
    shown = {"act": "recommend", "text": "Here.", "items": (ItemId("ember"),), "cards": (Card(item=ItemId("ember"), score=1.0),), **said}
    house.run(house.store.append, SessionId(session), UserId(user), heard, Said(latency_ms={"cards": cards, "total": total}, time=time, **shown))


def overview(client, **params: object) -> dict:
    answer = client.get("/v1/admin/overview", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_nothing_was_said_yet(client) -> None:
    told = overview(client)
    assert told["totals"]["turns"] == 0
    assert told["totals"]["first_card_p50_ms"] is None
    assert len(told["buckets"]) == 49
    assert all(bucket["turns"] == 0 and bucket["first_card_p95_ms"] is None for bucket in told["buckets"])
    assert told["truncated"] is False


@pytest.mark.parametrize("hours", [1, 2, 24, 36, 168, 720])
def test_the_stretches_cover_the_time_asked_for_without_a_gap(client, hours: int) -> None:
    told = overview(client, hours=hours)
    assert 24 <= len(told["buckets"]) <= 61
    assert told["buckets"][0]["start"] == told["since"]
    assert told["bucket_seconds"] * (len(told["buckets"]) - 1) >= hours * 3600 - told["bucket_seconds"]


@pytest.mark.parametrize("hours", [0, 721, "day"])
def test_hours_out_of_range_are_refused(client, hours: object) -> None:
    answer = client.get("/v1/admin/overview", params={"hours": hours})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "hours"


def test_turns_feedback_and_people_are_counted(client) -> None:
    first = say(client, "a red lamp", user="ada")
    say(client, "cheaper ones please", user="ada", session_id=first["session_id"])
    say(client, "一盏蓝色的灯", user="bob")
    for kind in ("like", "dislike"):
        answer = client.post(
            "/v1/feedback", json={"recommendation_id": first["recommendation_id"], "session_id": first["session_id"], "item_id": first["items"][0]["id"], "value": kind}
        )
        assert answer.status_code == 200, answer.text
    totals = overview(client)["totals"]
    assert (totals["turns"], totals["sessions"], totals["users"]) == (3, 2, 2)
    assert (totals["likes"], totals["dislikes"], totals["clicks"]) == (1, 1, 0)
    assert totals["total_p95_ms"] >= totals["total_p50_ms"] >= totals["first_card_p50_ms"] > 0


def test_what_went_wrong_is_counted(house, client) -> None:
    log_turn(house, timedelta(minutes=1), items=(), offers=(Offer(wish=WISH, to=None, count=3),))
    log_turn(house, timedelta(minutes=2), calls=(Call(purpose="speak", prompt="", outcome="model_slow"), Call(purpose="rank", prompt="", outcome="skipped")))
    log_turn(house, timedelta(minutes=3), withheld=("It is waterproof.",), whole=False)
    totals = overview(client)["totals"]
    assert {name: totals[name] for name in ("empty", "relaxed", "fallbacks", "withheld", "cut")} == {"empty": 1, "relaxed": 1, "fallbacks": 1, "withheld": 1, "cut": 1}
    assert totals["calls"] == {"model_slow": 1, "skipped": 1}


def test_each_turn_is_in_the_stretch_of_its_time_and_the_sums_agree(house, client) -> None:
    for hours in (0, 5, 5, 30):
        log_turn(house, timedelta(hours=hours, minutes=1), session=f"s{hours}")
    told = overview(client, hours=24)
    assert [bucket["turns"] for bucket in told["buckets"] if bucket["turns"]] == [2, 1]
    assert told["totals"]["turns"] == sum(bucket["turns"] for bucket in told["buckets"]) == 3
    assert overview(client, hours=48)["totals"]["turns"] == 4


def test_waiting_times_are_the_middle_and_the_worst(house, client) -> None:
    for n in range(1, 21):
        log_turn(house, timedelta(minutes=1), cards=float(n), total=10.0 * n)
    totals = overview(client)["totals"]
    assert totals["first_card_p50_ms"] == 10.5
    assert totals["first_card_p95_ms"] == pytest.approx(19.05, abs=0.06)
    assert totals["total_p50_ms"] == 105.0


def test_what_happens_after_a_look_is_in_the_next_one(client) -> None:
    say(client, "a red lamp", user="ada")
    assert overview(client)["totals"]["turns"] == 1
    say(client, "a blue lamp", user="ada")
    assert overview(client)["totals"]["turns"] == 2
    assert overview(client)["totals"]["turns"] == 2


def test_a_list_without_a_conversation_is_no_turn(client) -> None:
    assert client.post("/v1/recommend", json={"user": "ada", "query": "a red lamp"}).json()["items"]
    assert overview(client)["totals"]["turns"] == 0


def test_of_what_was_erased_nothing_is_counted(client) -> None:
    for user in ("ada", "bob"):
        first = say(client, "a red lamp", user=user)["session_id"]
        say(client, "a red lamp", user=user)
    assert overview(client)["totals"]["turns"] == 4
    assert client.delete("/v1/users/ada").status_code == 200
    assert overview(client)["totals"]["turns"] == 2
    assert client.delete(f"/v1/sessions/{first}").status_code == 204
    assert overview(client)["totals"]["turns"] == 1


def test_what_another_worker_erased_is_not_counted(house, client) -> None:
    say(client, "a red lamp", user="ada")
    assert overview(client)["totals"]["turns"] == 1
    house.run(house.store.forget, UserId("ada"))
    house.run(house.service.bus.publish, "taste", "another:ada")
    for _ in range(100):
        if overview(client)["totals"]["turns"] == 0:
            return
    raise AssertionError("it is still counted")


def test_a_longer_window_is_read_behind_a_shorter_one(house, client) -> None:
    for n in range(30):
        log_turn(house, timedelta(minutes=1), session=f"s{n}")
    house.clock.forward(hours=2)
    log_turn(house, timedelta(minutes=1), session="now")
    assert [overview(client, hours=hours)["totals"]["turns"] for hours in (1, 24, 1, 24)] == [1, 31, 1, 31]


def test_who_asks_while_the_log_is_read_gets_what_is_read_and_is_told_so(house, client, monkeypatch) -> None:
    monkeypatch.setattr("zhiyin.web.admin.tally.PATIENCE", 0.0)
    for n in range(30):
        log_turn(house, timedelta(minutes=1), session=f"s{n}")
    told = overview(client)
    assert (told["reading"], told["truncated"]) == (True, True)
    assert told["totals"]["turns"] <= 30
    monkeypatch.setattr("zhiyin.web.admin.tally.PATIENCE", 10.0)
    told = overview(client)
    assert (told["reading"], told["truncated"], told["totals"]["turns"]) == (False, False, 30)


def test_of_a_log_that_is_too_long_the_newest_is_counted_and_that_is_said(house, client, monkeypatch) -> None:
    monkeypatch.setattr("zhiyin.web.admin.tally.MOST", 10)
    for n in range(30):
        log_turn(house, timedelta(minutes=1), session=f"s{n}")
    told = overview(client)
    assert told["truncated"] is True
    assert told["totals"]["turns"] == 5


def test_what_lies_before_the_window_is_not_read(house, client, monkeypatch) -> None:
    """Places of the log are halved until the window's first is found: a long log before it costs nothing and truncates nothing."""
    monkeypatch.setattr("zhiyin.web.admin.tally.MOST", 10)
    for n in range(30):
        log_turn(house, timedelta(hours=2), session=f"s{n}")
    house.clock.forward(hours=2)
    log_turn(house, timedelta(minutes=1), session="now")
    told = overview(client, hours=1)
    assert (told["truncated"], told["totals"]["turns"]) == (False, 1)


def test_feedback_counts_where_it_was_kept_by_kind(house, client) -> None:
    time = house.clock()
    feds = [Fed(user=UserId("u"), kind=kind, item=ItemId("ember"), time=time) for kind in ("click", "click", "purchase", "view")]
    house.run(house.store.append, SessionId("s"), UserId("u"), *feds)
    totals = overview(client)["totals"]
    assert (totals["clicks"], totals["purchases"], totals["turns"]) == (2, 1, 0)
