"""`zhiyin users` and `zhiyin explain`: who there is, what is kept, why something was shown; and that erasing reaches a server that runs."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from zhiyin.cli.commands import run

ROWS = ["id,title_en,title_zh,price,colour"] + [f"lamp-{n},Lamp {n},灯 {n},{10 + n},{'red' if n % 2 else 'blue'}" for n in range(12)]
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a dozen lamps whose settings name them and a store."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"CACHE": "cache", "DATA": "data"}.items():
        monkeypatch.setenv(f"ZHIYIN_{name}", str(tmp_path / value))
    monkeypatch.setenv("ZHIYIN_EMBEDDER", "hashing:")
    (tmp_path / "lamps.csv").write_text("\n".join(ROWS), encoding="utf-8")
    (tmp_path / "zhiyin.toml").write_text('items = "lamps.csv"\nstore = "sqlite:///log.db"\n', encoding="utf-8")
    return tmp_path


@pytest.fixture
def zhiyin(shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command there; status, standard output, standard error."""

    def go(*arguments: str, said: str = "") -> tuple[int, str, str]:
        if said:
            done = subprocess.run([sys.executable, "-m", "zhiyin", *arguments], input=said, capture_output=True, text=True, timeout=120, check=False, cwd=shop, env=os.environ)
            return done.returncode, done.stdout, done.stderr
        return run(list(arguments)), *capsys.readouterr()

    return go


@pytest.mark.slow
def test_a_user_is_listed_explained_exported_and_erased(zhiyin: Command, shop: Path) -> None:
    status, out, _ = zhiyin("chat", "--json", "--user", "安", said="a red lamp under 20\n/like 1\n")
    shown = json.loads(out.splitlines()[0])["items"][0]
    assert status == 0
    assert zhiyin("chat", "--json", "--user", "bob", said="a blue lamp\n")[0] == 0
    listed = json.loads(zhiyin("users", "list", "--json")[1])
    assert listed == {"users": [{"user": "bob", "events": 2}, {"user": "安", "events": 3}], "next": None}
    assert json.loads(zhiyin("users", "list", "--json", "--limit", "1")[1])["next"] == "bob"
    status, out, _ = zhiyin("users", "export", "安")
    export = json.loads(out)
    assert status == 0
    (session,) = export["sessions"]
    assert [event["type"] for event in session["events"]] == ["heard", "said", "fed"]
    liked = session["events"][2]["item"]

    explained = json.loads(zhiyin("explain", "安", liked, "--json")[1])
    assert {r["evidence"]["field"] for r in explained["reasons"]} >= {"colour", "price"}
    assert (explained["item"]["id"], explained["reasons"], explained["sources"]) == (shown["id"], shown["reasons"], shown["sources"])
    assert [row["item_id"] for row in explained["profile"]] == [liked]
    status, out, _ = zhiyin("explain", "安", liked.replace("lamp-", "灯 "), "--language", "zh")
    assert status == 0
    assert "红" in out
    assert zhiyin("explain", "安", "lamp-2", "--json")[0] == 0  # it was not shown

    status, _, complaint = zhiyin("users", "forget", "安")
    assert status == 1
    assert "--yes" in complaint
    assert zhiyin("users", "export", "安", "--format", "jsonl", "--out", "an.jsonl")[0] == 0
    lines = [json.loads(line) for line in (shop / "an.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(line["session_id"], line["type"]) for line in lines] == [(session["session_id"], kind) for kind in ("heard", "said", "fed")]
    status, out, _ = zhiyin("users", "forget", "安", "--yes", "--json")
    assert (status, json.loads(out)) == (0, {"user": "安", "erased": {"log": 3, "records": 0}})
    assert [row["user"] for row in json.loads(zhiyin("users", "list", "--json")[1])["users"]] == ["bob"]
    assert "安".encode() not in (shop / "log.db").read_bytes()


def test_who_or_what_is_not_there_is_a_clear_error(zhiyin: Command) -> None:
    for command in (("users", "export", "nobody"), ("users", "forget", "nobody", "--yes"), ("explain", "nobody", "lamp-1")):
        status, _, complaint = zhiyin(*command)
        assert (status, "zhiyin users list" in complaint) == (1, True), complaint
    status, _, complaint = zhiyin("explain", "nobody", "lamp-99")
    assert (status, "Near it are: lamp-9" in complaint) == (1, True), complaint
    assert zhiyin("users", "export", "ann", "--format", "xml")[0] == 2
    assert zhiyin("explain", "ann", "lamp-1", "--language", "fr")[0] == 2
    assert "conversation" in zhiyin("users", "list")[1]


@pytest.mark.slow
def test_a_running_server_drops_what_it_holds_of_whoever_is_erased_beside_it(zhiyin: Command, shop: Path) -> None:
    server = subprocess.Popen([sys.executable, "-m", "zhiyin", "serve", "--port", "0"], stderr=subprocess.PIPE, text=True, cwd=shop, env=os.environ)
    try:
        assert server.stderr is not None
        port = next(int(m[1]) for line in server.stderr if (m := re.search(r"serves at http://127\.0\.0\.1:(\d+)/", line)))
        first = ask(port, "POST", "/v1/chat", {"message": {"text": "a red lamp"}, "user": "ann"})
        disliked = first["items"][0]["id"]
        verdict = {"recommendation_id": first["recommendation_id"], "session_id": first["session_id"], "item_id": disliked, "value": "dislike"}
        ask(port, "POST", "/v1/feedback", verdict)
        other = ask(port, "POST", "/v1/chat", {"message": {"text": "a red lamp"}, "user": "ann"})  # another session, which holds the dislike as taste
        assert disliked not in {i["id"] for i in other["items"]}
        assert json.loads(zhiyin("users", "forget", "ann", "--yes", "--json")[1])["erased"]["log"] == 5
        again = ask(port, "POST", "/v1/recommend", {"user": "ann", "query": "a red lamp", "limit": 12})
        assert disliked in {i["id"] for i in again["items"]}
        assert ask(port, "GET", "/v1/users/ann")["dislikes"] == []
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=40)


def ask(port: int, method: str, path: str, body: object = None) -> dict[str, object]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, None if body is None else json.dumps(body), {"content-type": "application/json"})
    answer = connection.getresponse()
    found = json.loads(answer.read())
    connection.close()
    assert answer.status == 200, found
    return found
