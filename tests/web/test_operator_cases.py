"""A conversation becomes a case that tests/conversations/run.py plays: what was seen is what is expected, and it holds when it is played again."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

PLAYER = Path(__file__).parents[1] / "conversations" / "run.py"


@pytest.fixture(scope="module")
def player() -> ModuleType:
    """tests/conversations/run.py, whose checks judge every case."""
    spec = importlib.util.spec_from_file_location("conversation_player", PLAYER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def say(client, text: str, **more: object) -> dict:
    answer = client.post("/v1/chat", json={"message": {"text": text}, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def exported(client, session: str, **body: object) -> dict:
    answer = client.post(f"/v1/admin/sessions/{session}/case", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def play(player: ModuleType, client, case: dict) -> list[tuple[str, bool]]:
    """Each check of a case with whether it holds, in a new conversation of somebody new, as run.py plays it."""
    past: list[dict] = []
    found = []
    session = None
    for turn in case["turns"]:
        line = turn["say"]
        if line == "/undo":
            assert client.post(f"/v1/sessions/{session}/undo").status_code == 200
        elif line.startswith("/"):
            kind, place = line[1:].split()
            shown = player.last_shown(past)
            slate = next(p["recommendation_id"] for p in reversed(past) if p["items"])
            body = {"recommendation_id": slate, "session_id": session, "item_id": shown[int(place) - 1]["id"], "value": kind}
            assert client.post("/v1/feedback", json=body).status_code == 200
        else:
            answer = say(client, line, **({"session_id": session} if session else {"user": "somebody new"}))
            session = answer["session_id"]
            found += [(name, bool(player.CHECKS[name](want, answer, past))) for name, want in turn.get("expect", {}).items()]
            past.append(answer)
    return found


TALKS = [
    ["a red lamp under 2000", "cheaper please", "not from Hearth", "hello"],
    ["一盏看书用的灯", "预算500以内", "换一批"],
    ["a lamp under 1", "thanks"],
    ["I loved Ember, what else would I like?", "why the first one?"],
    ["a lamp for reading\nand travel", "/like this one"],
]


@pytest.mark.parametrize("talk", TALKS)
def test_a_case_holds_when_it_is_played_again(player, client, talk: list[str]) -> None:
    session = None
    for text in talk:
        session = say(client, text, **({"session_id": session} if session else {"user": "ada"}))["session_id"]
    case = json.loads(exported(client, session)["jsonl"])
    assert len(case["turns"]) == len(talk)
    checks = play(player, client, case)
    assert len(checks) >= 3 * len(talk)
    assert [name for name, good in checks if not good] == []


def test_a_case_that_was_corrected_fails_where_the_program_is_wrong(player, client) -> None:
    reply = say(client, "a red lamp under 2000", user="ada")
    case = json.loads(exported(client, reply["session_id"])["jsonl"])
    case["turns"][0]["expect"]["excludes"] = [reply["items"][0]["title"]]
    assert [name for name, good in play(player, client, case) if not good] == ["excludes"]


def test_likes_and_undoing_are_played_too(player, client) -> None:
    first = say(client, "a lamp for reading", user="ada")
    session = first["session_id"]
    body = {"recommendation_id": first["recommendation_id"], "session_id": session, "item_id": first["items"][1]["id"], "value": "dislike"}
    assert client.post("/v1/feedback", json=body).status_code == 200
    say(client, "a red one", session_id=session)
    assert client.post(f"/v1/sessions/{session}/undo").status_code == 200
    say(client, "a blue one", session_id=session)
    told = exported(client, session)
    case = json.loads(told["jsonl"])
    assert [turn["say"] for turn in case["turns"]] == ["a lamp for reading", "/dislike 2", "a red one", "/undo", "a blue one"]
    assert told["gaps"] == []
    assert [name for name, good in play(player, client, case) if not good] == []


def test_a_case_says_what_it_is(client) -> None:
    reply = say(client, "a red lamp under 2000", user="ada")
    told = exported(client, reply["session_id"], note="the first one is too large")
    case = json.loads(told["jsonl"])
    assert case["id"] == told["name"]
    assert (case["domain"], case["note"], case["review"]) == ("lamps", "the first one is too large", True)
    (turn,) = case["turns"]
    assert turn["seen"] == {"items": [item["title"] for item in reply["items"]], "reply": reply["reply"]}
    assert ["price", "<=", 2000] in turn["expect"]["constraint"] or ["price", "<", 2000] in turn["expect"]["constraint"]
    assert turn["expect"]["act"] == "recommend"
    assert turn["expect"]["min_items"] == len(reply["items"])


def test_a_case_ends_with_the_turn_that_is_named(client) -> None:
    session = say(client, "a red lamp", user="ada")["session_id"]
    say(client, "cheaper please", session_id=session)
    case = json.loads(exported(client, session, turn=1)["jsonl"])
    assert [turn["say"] for turn in case["turns"]] == ["a red lamp"]
    assert client.post(f"/v1/admin/sessions/{session}/case", json={"turn": 3}).status_code == 404
    assert client.post("/v1/admin/sessions/none/case", json={}).status_code == 404


def test_after_wishes_were_changed_by_hand_nothing_is_expected(client) -> None:
    reply = say(client, "a red lamp under 2000", user="ada")
    session = reply["session_id"]
    client.patch(f"/v1/sessions/{session}/constraints", json={"remove": [reply["constraints"][0]["id"]]})
    say(client, "a blue one", session_id=session)
    told = exported(client, session)
    assert told["gaps"] == ["turn 2: wishes were changed by hand"]
    first, last = json.loads(told["jsonl"])["turns"]
    assert first["expect"]
    assert last == {"say": "a blue one", "expect": {}}


def test_cases_are_listed_downloaded_and_deleted(client) -> None:
    names = [exported(client, say(client, text, user="ada")["session_id"])["name"] for text in ("a red lamp", "一盏蓝色的灯")]
    assert sorted(row["name"] for row in client.get("/v1/admin/cases").json()["cases"]) == sorted(names)
    file = client.get("/v1/admin/cases.jsonl")
    assert file.headers["content-type"].startswith("application/jsonl")
    assert sorted(json.loads(line)["id"] for line in file.text.splitlines()) == sorted(names)
    assert client.delete(f"/v1/admin/cases/{names[0]}").status_code == 204
    assert client.delete(f"/v1/admin/cases/{names[0]}").status_code == 404
    assert [row["name"] for row in client.get("/v1/admin/cases").json()["cases"]] == names[1:]


def test_the_same_conversation_is_one_case_until_it_goes_on(client) -> None:
    session = say(client, "a red lamp", user="ada")["session_id"]
    assert exported(client, session)["name"] == exported(client, session, note="again")["name"]
    (row,) = client.get("/v1/admin/cases").json()["cases"]
    assert row["note"] == "again"


def test_cases_of_a_user_who_is_erased_go_too(client) -> None:
    for user in ("ada", "bob"):
        exported(client, say(client, "a red lamp", user=user)["session_id"])
    assert client.delete("/v1/users/ada").status_code == 200
    assert len(client.get("/v1/admin/cases").json()["cases"]) == 1


@pytest.mark.parametrize("body", [{"turn": "1"}, {"turn": 0}, {"turn": True}, {"notes": "x"}, {"note": "\ud800"}, [], None])
def test_a_body_that_is_none_is_refused(client, body: object) -> None:
    session = say(client, "a red lamp", user="ada")["session_id"]
    answer = client.post(f"/v1/admin/sessions/{session}/case", content=json.dumps(body), headers={"content-type": "application/json"})
    assert answer.status_code == 400
