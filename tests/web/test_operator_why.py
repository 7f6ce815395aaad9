"""Why a turn showed what it showed: what is told adds up, agrees with the log, and names what kept an item out."""

from __future__ import annotations

import pytest

from zhiyin.types import Card, Heard, ItemId, Language, Op, Put, Said, SessionId, Turn, Understanding, UserId, Wish


def say(client, text: str, **more: object) -> dict:
    answer = client.post("/v1/chat", json={"message": {"text": text}, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def why(client, reply: dict, turn: int | None = None, **params: object) -> dict:
    answer = client.get(f"/v1/admin/sessions/{reply['session_id']}/turns/{turn or reply['turn']}/why", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(client) -> list[str]:
    return [item["id"] for item in client.get("/v1/items").json()["items"]]


@pytest.mark.parametrize(
    "text", ["a red lamp under 300", "a cosy lamp for reading", "一盏蓝色的灯，不要Hearth的", "surprise me", "the cheapest lamp", "something like Ember", "coals of a fire"]
)
def test_contributions_add_up_to_the_score_that_was_logged(client, text: str) -> None:
    reply = say(client, text, user="ada")
    told = why(client, reply)
    assert told["cards"], text
    assert told["reproduced"], told["notes"]
    for shown, card in zip(reply["items"], told["cards"], strict=True):
        now, then = card["now"], card["then"]
        assert card["id"] == shown["id"]
        assert sum(c["contribution"] for c in now["contributions"]) == pytest.approx(now["score"], abs=1e-5)
        assert all(c["contribution"] == pytest.approx(c["score"] * c["weight"], abs=1e-5) for c in now["contributions"])
        assert now["score"] == pytest.approx(shown["score"], abs=1e-4) == then["score"]
        assert sum(c["contribution"] for c in then["contributions"]) + then["rest"] == pytest.approx(then["score"], abs=1e-5)
        assert now["rank"] == then["rank"]
        assert card["kept_out"] is None


def test_every_item_of_the_catalogue_is_shown_or_told_what_kept_it_out(client) -> None:
    say(client, "a red lamp", user="ada")
    reply = say(client, "a lamp under 300, no more than 2 of them", user="ada")
    shown = {item["id"] for item in reply["items"]}
    for item_id in ids(client):
        item = why(client, reply, item_id=item_id)["item"]
        assert (item["kept_out"] is None) == (item_id in shown)
        broken = [v for v in item["verdicts"] if v["hard"] and not v["passes"]]
        assert bool(broken) == (item["kept_out"] is not None and item["kept_out"]["code"] == "wish")
        assert (item["now"] is None) == (item["kept_out"] is not None and item["kept_out"]["code"] not in {"rank", "variety"})


def test_an_item_that_breaks_a_wish_says_which_with_its_value(client) -> None:
    reply = say(client, "a red lamp under 300", user="ada")
    outside = next(i for i in ids(client) if why(client, reply, item_id=i)["item"]["kept_out"])
    item = why(client, reply, item_id=outside)["item"]
    broken = [v for v in item["verdicts"] if v["verdict"] == "fails"]
    assert item["kept_out"]["code"] == "wish"
    assert {v["constraint"] for v in broken} <= set(item["kept_out"]["constraints"])
    assert all(v["value"] is not None and v["label"]["en"] and v["label"]["zh"] for v in broken)
    assert item["shown"] is False
    assert item["then"] is None
    assert all(item["kept_out"]["text"][language] for language in ("en", "zh"))


def test_an_item_about_which_the_catalogue_says_nothing_is_unknown_not_failing(client) -> None:
    reply = say(client, "a lamp under 300", user="ada")
    item = why(client, reply, item_id=bare(client))["item"]
    (verdict,) = item["verdicts"]
    assert (verdict["verdict"], verdict["passes"], verdict["value"]) == ("unknown", False, None)
    assert item["kept_out"]["code"] == "wish"


def bare(client) -> str:
    """The lamp that is known by its name only."""
    items = client.get("/v1/items").json()["items"]
    return next(item["id"] for item in items if not set(item["attributes"]) - {"currency"} and "variants" not in item)


def test_wishes_on_sizes_must_hold_on_one_size(house, client) -> None:
    sizes = [{"price": 100, "storage": 2}, {"price": 900, "storage": 64}]
    assert client.put("/v1/items/two", json={"titles": {"en": "Two"}, "attributes": {"brand": "Nordlys"}, "variants": sizes}).status_code == 201
    time, edits = house.clock(), tuple(Put(wish=Wish(field=field, op=op, value=value)) for field, op, value in (("price", Op.LE, 300), ("storage", Op.GE, 64)))
    understanding = Understanding(language=Language.EN, intent={"recommend": 1.0}, edits=edits)
    heard = Heard(turn=Turn(session=SessionId("s"), user=UserId("u"), text="under 300 with 64 GB", time=time), understanding=understanding)
    house.run(house.store.append, SessionId("s"), UserId("u"), heard, Said(act="relax", text="None.", time=time))
    item = client.get("/v1/admin/sessions/s/turns/1/why", params={"item_id": "two"}).json()["item"]
    assert [v["verdict"] for v in item["verdicts"]] == ["holds", "holds"]
    assert (item["kept_out"]["code"], item["kept_out"]["constraints"]) == ("sizes", ["c1", "c2"])


def test_what_the_user_refused_is_told_as_refused(client) -> None:
    first = say(client, "a lamp for reading", user="ada")
    refused = first["items"][0]["id"]
    body = {"recommendation_id": first["recommendation_id"], "session_id": first["session_id"], "item_id": refused, "value": "dislike"}
    assert client.post("/v1/feedback", json=body).status_code == 200
    second = say(client, "under 2000 please", user="ada", session_id=first["session_id"])
    assert why(client, second, item_id=refused)["item"]["kept_out"]["code"] == "rejected"
    elsewhere = say(client, "a lamp for reading", user="ada")
    told = why(client, elsewhere, item_id=refused)
    assert told["item"]["kept_out"]["code"] == "done_before"
    assert told["reproduced"], told["notes"]
    assert [row["item_id"] for row in told["query"]["taste"]] == [refused]
    before = why(client, first, item_id=refused)  # when the first list was made nothing was refused yet
    assert before["item"]["kept_out"] is None
    assert before["query"]["taste"] == []
    assert before["reproduced"], before["notes"]


def test_others_leaves_out_what_was_shown(client) -> None:
    first = say(client, "a lamp for reading", user="ada")
    other = say(client, "show me others", user="ada", session_id=first["session_id"])
    shown = first["items"][0]["id"]
    assert shown not in {item["id"] for item in other["items"]}
    assert why(client, other, item_id=shown)["item"]["kept_out"]["code"] in {"shown_before", "no_list"}


def test_a_turn_that_showed_no_list_says_so(client) -> None:
    reply = say(client, "hello", user="ada")
    told = why(client, reply, item_id="ember")
    assert (told["cards"], told["reproduced"], [n["code"] for n in told["notes"]]) == ([], False, ["no_list"])
    assert told["item"]["kept_out"]["code"] == "no_list"


def test_an_item_that_passes_but_ranks_behind_tells_its_place(client) -> None:
    reply = say(client, "a lamp for reading", user="ada", limit=1)
    told = why(client, reply)
    assert told["query"]["limit"] == 1
    behind = next(item for i in ids(client) if (item := why(client, reply, item_id=i)["item"])["kept_out"] and item["kept_out"]["code"] == "rank")
    assert 1 < behind["now"]["by_score"] <= told["passing"]
    assert behind["now"]["rank"] is None
    assert behind["now"]["score"] <= told["cards"][0]["now"]["score"]


def test_changes_of_the_catalogue_since_are_told(client) -> None:
    reply = say(client, "a red lamp under 300", user="ada")
    item = client.get(f"/v1/items/{reply['items'][0]['id']}").json()
    body = {name: item[name] for name in ("titles", "attributes", "description", "variants") if name in item}
    body["attributes"] = {**body["attributes"], "weight": 4321}
    assert client.put(f"/v1/items/{item['id']}", json=body).status_code == 200
    told = why(client, reply)
    assert told["cards"][0]["changed"][-1] == "weight"
    assert "attributes" in {n["code"] for n in told["notes"]}
    assert client.delete(f"/v1/items/{item['id']}").status_code == 204
    gone = why(client, reply, item_id=item["id"])
    assert (gone["item"]["gone"], gone["item"]["kept_out"]["code"], gone["item"]["now"]) == (True, "gone", None)
    assert gone["item"]["then"]["score"] == reply["items"][0]["score"]
    assert gone["reproduced"] is False
    assert {"gone", "scores", "order"} <= {n["code"] for n in gone["notes"]}


def test_a_list_that_a_model_had_a_say_in_is_told_as_such(house, client) -> None:
    time = house.clock()
    heard = Heard(turn=Turn(session=SessionId("s"), user=UserId("u"), text="a lamp", time=time), understanding=Understanding(language=Language.EN, intent={"recommend": 1.0}))
    card = Card(item=ItemId("ember"), score=1.0, sources={"popular": 0.5, "model": 0.9}, probability=0.4)
    house.run(house.store.append, SessionId("s"), UserId("u"), heard, Said(act="recommend", text="Here.", items=(card.item,), cards=(card,), time=time))
    told = client.get("/v1/admin/sessions/s/turns/1/why").json()
    assert "model" in {n["code"] for n in told["notes"]}
    assert told["cards"][0]["then"]["probability"] == 0.4
    assert {c["source"]: c["weight"] for c in told["cards"][0]["then"]["contributions"]} == {"popular": 1.0, "model": 0.0}


def test_looking_leaves_no_trace(house, client) -> None:
    reply = say(client, "a red lamp under 300", user="ada")
    before = house.run(house.store.events, SessionId(reply["session_id"]))
    why(client, reply, item_id="ember")
    assert house.run(house.store.events, SessionId(reply["session_id"])) == before
    assert say(client, "a red lamp under 300", user="bob")["items"] == reply["items"]


@pytest.mark.parametrize(("path", "status"), [("none/turns/1", 404), ("{session}/turns/2", 404), ("{session}/turns/0", 400), ("{session}/turns/x", 400)])
def test_a_turn_that_is_not_there_is_refused(client, path: str, status: int) -> None:
    session = say(client, "a red lamp", user="ada")["session_id"]
    assert client.get(f"/v1/admin/sessions/{path.format(session=session)}/why").status_code == status


def test_an_item_that_nobody_knows_is_named(client) -> None:
    reply = say(client, "a red lamp", user="ada")
    answer = client.get(f"/v1/admin/sessions/{reply['session_id']}/turns/1/why", params={"item_id": "nothing"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "item_id"
