"""The operator finds conversations by what went wrong in them, and sees all that the log knows of one."""

from __future__ import annotations

from zhiyin.types import Call, Card, Heard, ItemId, Language, Reason, Said, SessionId, Turn, Understanding, Usage, UserId


def say(client, text: str, **more: object) -> dict:
    answer = client.post("/v1/chat", json={"message": {"text": text}, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def feel(client, reply: dict, value: str, place: int = 0, **more: object) -> None:
    body = {"recommendation_id": reply["recommendation_id"], "session_id": reply["session_id"], "item_id": reply["items"][place]["id"], "value": value, **more}
    answer = client.post("/v1/feedback", json=body)
    assert answer.status_code == 200, answer.text


def sessions(client, **params: object) -> list[str]:
    answer = client.get("/v1/admin/sessions", params=params)
    assert answer.status_code == 200, answer.text
    return [row["session_id"] for row in answer.json()["sessions"]]


def log_turn(house, session: str, **said: object) -> None:
    time = house.clock()
    turn = Turn(session=SessionId(session), user=UserId("u"), text="a lamp", time=time)
    heard = Heard(turn=turn, understanding=Understanding(language=Language.EN, intent={"recommend": 1.0}))
    shown = {"act": "recommend", "text": "Here.", "items": (ItemId("ember"),), "cards": (Card(item=ItemId("ember"), score=1.0),), **said}
    house.run(house.store.append, SessionId(session), UserId("u"), heard, Said(time=time, **shown))


def test_sessions_are_listed_with_their_marks_the_latest_first(client) -> None:
    first = say(client, "a red lamp", user="ada")
    second = say(client, "一盏灯，预算1元以内", user="bob")
    feel(client, first, "dislike")
    rows = client.get("/v1/admin/sessions").json()["sessions"]
    assert [row["session_id"] for row in rows] == [first["session_id"], second["session_id"]]
    assert (rows[0]["user"], rows[0]["title"], rows[0]["turns"], rows[0]["languages"], rows[0]["flags"]) == ("ada", "a red lamp", 1, ["en"], ["disliked"])
    assert rows[1]["languages"] == ["zh"]
    assert {"empty", "relaxed"} <= set(rows[1]["flags"])


def test_a_filter_finds_what_went_wrong_and_nothing_else(house, client) -> None:
    log_turn(house, "fine")
    log_turn(house, "slow", latency_ms={"cards": 1500.0, "total": 1600.0})
    log_turn(house, "late", latency_ms={"cards": 5.0, "total": 20_000.0})
    log_turn(house, "fell", calls=(Call(purpose="speak", prompt="", outcome="model_slow"),))
    log_turn(house, "cut", whole=False)
    log_turn(house, "held", withheld=("It flies.",))
    log_turn(house, "empty", items=(), cards=())
    reply = say(client, "a red lamp", user="ada")
    client.post(f"/v1/sessions/{reply['session_id']}/undo")
    assert sessions(client, filter="slow") == ["late", "slow"]
    assert sessions(client, filter="fallback") == ["fell"]
    assert sessions(client, filter="cut") == ["cut"]
    assert sessions(client, filter="withheld") == ["held"]
    assert sessions(client, filter="empty") == ["empty"]
    assert sessions(client, filter="undone") == [reply["session_id"]]
    assert len(sessions(client)) == 8


def test_sessions_of_one_user_page_by_page(client) -> None:
    own = [say(client, "a red lamp", user="ada")["session_id"] for _ in range(5)]
    say(client, "a red lamp", user="bob")
    found: list[str] = []
    cursor = None
    while True:
        page = client.get("/v1/admin/sessions", params={"user": "ada", "limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        found += [row["session_id"] for row in page["sessions"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == own[::-1]


def test_a_cursor_goes_on_behind_the_sessions_looked_at_where_none_is_found(house, client, monkeypatch) -> None:
    monkeypatch.setattr("zhiyin.web.admin.sessions.LOOKED_AT", 3)
    log_turn(house, "slow", latency_ms={"cards": 1500.0})
    for n in range(5):
        log_turn(house, f"fine{n}")
    first = client.get("/v1/admin/sessions", params={"filter": "slow"}).json()
    assert (first["sessions"], first["looked_at"]) == ([], 3)
    second = client.get("/v1/admin/sessions", params={"filter": "slow", "cursor": first["next_cursor"]}).json()
    assert [row["session_id"] for row in second["sessions"]] == ["slow"]


def test_what_happens_later_in_a_session_changes_its_line(client) -> None:
    reply = say(client, "a red lamp", user="ada")
    assert client.get("/v1/admin/sessions").json()["sessions"][0]["flags"] == []
    feel(client, reply, "dislike")
    assert client.get("/v1/admin/sessions").json()["sessions"][0]["flags"] == ["disliked"]


def test_events_of_a_website_are_no_conversation(client) -> None:
    event = {"event_id": "e1", "type": "click", "user_id": "ada", "item_ids": ["ember"]}
    assert client.post("/v1/events", json=[event]).status_code == 200
    assert sessions(client) == []


def test_a_session_tells_all_of_each_turn(client) -> None:
    reply = say(client, "a lamp for reading, not from Hearth", user="ada")
    session = reply["session_id"]
    feel(client, reply, "dislike", reason="price_sensitivity", comment="too dear")
    client.patch(f"/v1/sessions/{session}/constraints", json={"remove": [reply["constraints"][0]["id"]]})
    told = client.get(f"/v1/admin/sessions/{session}").json()
    assert (told["user"], told["title"], told["domain"]) == ("ada", "a lamp for reading, not from Hearth", "lamps")
    turn, edit = told["turns"]
    assert {name: turn[name] for name in ("turn", "kind", "text", "language", "act", "reply", "recommendation_id", "undone", "whole")} == {
        "turn": 1,
        "kind": "message",
        "text": "a lamp for reading, not from Hearth",
        "language": "en",
        "act": reply["act"],
        "reply": reply["reply"],
        "recommendation_id": reply["recommendation_id"],
        "undone": False,
        "whole": True,
    }
    assert {name: value for name, value in turn["constraints"][0].items() if name in reply["constraints"][0]} == reply["constraints"][0]
    assert all(c["label"] and c["new"] for c in turn["constraints"])
    assert [change["kind"] for change in turn["changes"]] == ["put"] * len(turn["constraints"])
    assert [(i["id"], i["score"], i["sources"]) for i in turn["items"]] == [(i["id"], i["score"], i["sources"]) for i in reply["items"]]
    assert turn["intent"] == {name: p for name, p in turn["intent"].items() if 0 <= p <= 1}
    assert turn["latency_ms"]["total"] > 0
    assert turn["feedback"][0] | {"time": ""} == {
        "item_id": reply["items"][0]["id"],
        "kind": "dislike",
        "value": None,
        "reason": "price_sensitivity",
        "comment": "too dear",
        "time": "",
    }
    assert turn["flags"] == ["disliked"]
    assert (edit["kind"], edit["intent"], [c["kind"] for c in edit["changes"]]) == ("edit", None, ["removed"])
    assert not any(c["new"] for c in edit["constraints"])


def test_calls_of_a_model_and_what_was_withheld_are_told(house, client) -> None:
    call = Call(purpose="speak", prompt="lamps/one.en@1", outcome="ok", usage=Usage(prompt=120, cached=100, answer=30, model="m", first=0.2, seconds=1.25))
    log_turn(house, "s", calls=(call,), withheld=("It flies.",), notices=(("no_model", "..."),))
    (turn,) = client.get("/v1/admin/sessions/s").json()["turns"]
    (told,) = turn["calls"]
    assert (told["stage"], told["model"], told["seconds"], told["prompt_version"], told["prompt_tokens"]) == ("speak", "m", 1.25, "lamps/one.en@1", 120)
    assert turn["withheld"] == ["It flies."]
    assert turn["notices"] == [{"code": "no_model", "text": "..."}]


def test_an_item_that_has_gone_is_told_as_the_log_has_it(house, client) -> None:
    card = Card(item=ItemId("ember"), score=0.7, reasons=(Reason(kind="wish", field="price", value=3, text="cheap"),), attributes={"price": 3, "uses": ("reading",)})
    log_turn(house, "s", cards=(card,))
    assert client.delete("/v1/items/ember").status_code == 204
    ((item,),) = [turn["items"] for turn in client.get("/v1/admin/sessions/s").json()["turns"]]
    assert (item["id"], item["gone"], item["score"], item["attributes"]) == ("ember", True, 0.7, {"price": 3, "uses": ["reading"]})
    assert item["reasons"][0]["text"] == "cheap"


def test_a_turn_that_was_never_answered_is_cut(house, client) -> None:
    turn = Turn(session=SessionId("s"), user=UserId("u"), text="a lamp", time=house.clock())
    house.run(house.store.append, SessionId("s"), UserId("u"), Heard(turn=turn, understanding=Understanding(language=Language.EN, intent={"recommend": 1.0})))
    (told,) = client.get("/v1/admin/sessions/s").json()["turns"]
    assert (told["act"], told["items"], told["flags"]) == (None, [], ["cut"])
    assert sessions(client, filter="cut") == ["s"]


def test_a_session_that_is_not_there_is_a_404(client) -> None:
    assert client.get("/v1/admin/sessions/none").status_code == 404


def test_users_are_listed_and_found(client) -> None:
    for user in ("Ada", "bob", "adam"):
        say(client, "a red lamp", user=user)
    rows = client.get("/v1/admin/users").json()["users"]
    assert {row["user"] for row in rows} == {"Ada", "bob", "adam"}
    assert all((row["events"], row["sessions"]) == (2, 1) and row["last"] for row in rows)
    assert {row["user"] for row in client.get("/v1/admin/users", params={"query": "ADA"}).json()["users"]} == {"Ada", "adam"}
    first = client.get("/v1/admin/users", params={"limit": 2}).json()
    rest = client.get("/v1/admin/users", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert len({row["user"] for row in (*first["users"], *rest["users"])}) == 3
    assert rest["next_cursor"] is None
