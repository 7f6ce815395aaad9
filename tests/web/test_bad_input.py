"""Values that no field wants, sent to every field that reaches a store, on every store: a 4xx that names the field, or kept whole; never a fault."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from fakes.visit import Visit
from zhiyin.settings import HttpSettings, Settings
from zhiyin.state import replay
from zhiyin.types import Heard, Said, SessionId, UserId
from zhiyin.web.app import create_app
from zhiyin.web.service import open_service

JSON = {"content-type": "application/json"}
EMOJI = "😀" * 128
VALUES = {
    "half a character": r'"\ud800"',
    "NUL": r'"a\u0000b"',
    "too big a float": "1e999",
    "NaN": "NaN",
    "400 digits": "9" * 400,
    "64 bits and one": str(2**63),
    "nested lists": "[" * 10_000 + "]" * 10_000,
    "nested objects": '{"a":' * 10_000 + "1" + "}" * 10_000,
    "emoji": f'"{EMOJI}"',
    "5,000 letters": f'"{"x" * 5000}"',
    "null": "null",
    "list": "[]",
    "object": "{}",
}
FIELDS = (
    ("POST", "/v1/chat", '{"message": {"text": %s}}'),
    ("POST", "/v1/chat", '{"message": {"text": "x"}, "user": %s}'),
    ("POST", "/v1/chat", '{"message": {"text": "x"}, "context": {"page": %s}}'),
    ("POST", "/v1/chat", '{"message": {"text": "x"}, "filters": {"price": {"op": "<=", "value": %s}}}'),
    ("POST", "/v1/chat", '{"message": {"text": "x"}, "filters": {"brand": %s}}'),
    ("POST", "/v1/chat", '{"id": %s, "messages": [{"role": "user", "parts": [{"type": "text", "text": "x"}]}]}'),
    ("POST", "/v1/chat/completions", '{"model": "zhiyin", "messages": [{"role": "user", "content": %s}]}'),
    ("POST", "/v1/chat/completions", '{"model": "zhiyin", "messages": [{"role": "user", "content": "x"}], "user": %s}'),
    ("PATCH", "/v1/sessions/SESSION/constraints", '{"change": [{"id": "c1", "value": %s}]}'),
    ("PATCH", "/v1/sessions/SESSION/constraints", '{"answer": {"field": "brand", "value": %s}}'),
    ("PATCH", "/v1/sessions/SESSION/constraints", '{"answer": {"field": "price", "value": [0, %s]}}'),
    ("POST", "/v1/feedback", '{"recommendation_id": "SHOWN", "item_id": "ITEM", "value": "like", "comment": %s}'),
    ("POST", "/v1/feedback", '{"recommendation_id": %s, "item_id": "ITEM", "value": "like"}'),
    ("POST", "/v1/events", '{"events": [{"type": "click", "item_id": "ITEM", "user_id": "ann", "properties": {"a": %s}}]}'),
    ("POST", "/v1/events", '{"events": [{"type": "click", "item_id": %s, "user_id": "ann"}]}'),
    ("POST", "/v1/events", '{"events": [{"type": "click", "item_id": "ITEM", "user_id": "ann", "value": %s}]}'),
    ("PUT", "/v1/items/new", '{"title": "x", "attributes": {"price": %s}}'),
    ("PUT", "/v1/items/new", '{"title": %s, "attributes": {}}'),
    ("POST", "/v1/items:batch", '{"items": [{"id": %s, "title": "x", "attributes": {}}]}'),
    ("POST", "/v1/recommend", '{"filters": {"price": %s}}'),
)
PATHS = ("%00", "a%00b", "%ED%A0%80", "%FF", "%F0%9F%8E%B2" * 128, "%F0%9F%8E%B2" * 129, "..%2F..%2Fetc", "%0a", "%zz", "x" * 129, "%7F")
HEADERS = (
    {"content-type": "application/json; charset=utf-16"},
    {"content-type": "text/plain"},
    {**JSON, "host": "[::1"},
    {**JSON, "origin": "http://[::1"},
    {**JSON, "x-zhiyin-visitor": b"\xff"},
    {**JSON, "authorization": b"Bearer \xff\xfe"},
    {**JSON, **{f"x-{place}": "y" * 50 for place in range(3000)}},
)


class Asked:
    """An application over one of the stores, with a conversation in it."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        told = client.post("/v1/chat", json={"message": {"text": "5000 以内"}, "user": "ann"}).json()
        self.names = {"SESSION": told["session_id"], "SHOWN": told["recommendation_id"], "ITEM": told["items"][0]["id"]}

    def send(self, method: str, path: str, body: str) -> tuple[int, dict]:
        for name, value in self.names.items():
            path, body = path.replace(name, value), body.replace(name, value)
        answer = self.client.request(method, path, content=body.encode(), headers={**JSON, "accept": "application/json"})
        return answer.status_code, answer.json() if answer.content else {}


def serving(folder: Path, store: str) -> Iterator[Asked]:
    http = HttpSettings.model_validate({"access_log": False, "requests": 0, "turns": 0, "resume_seconds": 0.05})
    chosen = Settings(cache=folder / "cache", data=folder / "data", domain="phones", store=store, http=http)
    app = create_app(chosen, lambda: open_service(chosen))
    with TestClient(app, base_url="http://127.0.0.1:8000", client=("127.0.0.1", 50000), raise_server_exceptions=False) as client:
        yield Asked(client)


@pytest.fixture(
    scope="class",
    params=["memory", "sqlite", pytest.param("postgres_url", marks=pytest.mark.servers), pytest.param("mariadb_url", marks=pytest.mark.servers)],
)
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    folder = tmp_path_factory.mktemp("asked")
    urls = {"memory": "memory:", "sqlite": f"sqlite:///{folder / 'log.db'}"}
    yield from serving(folder, urls.get(request.param) or request.getfixturevalue(request.param))


class TestOnEveryStore:
    @pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
    def test_a_value_that_no_field_wants_is_named_or_kept_whole(self, asked, value: str) -> None:
        for method, path, body in FIELDS:
            status, said = asked.send(method, path, body.replace("%s", value))
            assert status < 500, (path, body, said)
            if status >= 400 and "completions" not in path:
                assert said["errors"] or status == 404, (path, body, said)
                rows = [inner for error in said["errors"] for inner in error.get("errors", [error])]  # of a batch, row by row
                assert all(row["field"] for row in rows), said

    def test_an_id_of_128_emoji_is_an_id(self, asked) -> None:
        name = "🎧" * 128
        status, said = asked.send("POST", "/v1/chat", json.dumps({"id": name, "user": name, "messages": [{"role": "user", "parts": [{"type": "text", "text": "红米"}]}]}))
        assert status == 200, said
        assert asked.client.get(f"/v1/sessions/{name}", params={"user": name}).json()["session_id"] == name
        assert asked.client.delete(f"/v1/users/{name}").json()["erased"]["log"] == 2

    def test_a_path_that_is_no_id_is_not_there(self, asked) -> None:
        for name in PATHS:
            for path in ("/v1/sessions/{}", "/v1/sessions/{}/stream", "/v1/items/{}", "/v1/admin/sessions/{}", "/v1/admin/imports/{}"):
                answer = asked.client.get(path.format(name))
                assert answer.status_code in {400, 404}, (path, name, answer.text)
            assert asked.client.get(f"/v1/users/{name}").status_code < 500
            assert asked.client.get("/v1/sessions", params={"user": "ann", "cursor": name}).status_code == 400

    def test_good_rows_around_bad_ones_are_kept(self, asked) -> None:
        good = '{"type": "click", "item_id": "ITEM", "user_id": "bo", "event_id": "%s"}'
        rows = [good.replace("%s", "one"), r'{"type": "click", "item_id": "\u0000", "user_id": "bo"}', "7", good.replace("%s", "two"), good.replace("%s", "one")]
        status, said = asked.send("POST", "/v1/events", f"[{', '.join(rows)}]")
        assert (status, said["accepted"], said["duplicates"]) == (200, 2, 1)
        assert [row["index"] for row in said["rejected"]] == [1, 2]
        assert asked.client.get("/v1/users/bo").json()["events"] == 2


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    yield from serving(tmp_path_factory.mktemp("alone"), "memory:")


@pytest.mark.parametrize("place", range(len(HEADERS)))
def test_headers_that_nobody_sends_are_no_fault(alone, place: int) -> None:
    for method, path, body in (("POST", "/v1/chat", '{"message": {"text": "手机"}}'), ("GET", "/v1/items", "")):
        answer = alone.client.request(method, path, content=body.encode(), headers=HEADERS[place])
        assert answer.status_code < 500, answer.text


def test_of_a_key_that_stands_twice_the_last_counts(alone) -> None:
    status, said = alone.send("POST", "/v1/chat", '{"message": {"text": "x"}, "user": 7, "user": "bo"}')
    assert (status, said["user"]) == (200, "bo")


@pytest.mark.parametrize("said", [b"", b"{", b'{"message": {"te'])
def test_a_body_that_stops_in_the_middle_is_left_without_a_trace(alone, said: bytes) -> None:
    app = alone.client.app

    async def scenario() -> None:
        pieces = [{"type": "http.request", "body": said, "more_body": True}, {"type": "http.disconnect"}]
        sent = []

        async def receive() -> dict:
            return pieces.pop(0) if pieces else {"type": "http.disconnect"}

        async def send(message: dict) -> None:
            sent.append(message)

        headers = [(b"host", b"127.0.0.1:8000"), (b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")]
        scope = {"type": "http", "http_version": "1.1", "method": "POST", "scheme": "http", "path": "/v1/chat", "raw_path": b"/v1/chat", "query_string": b"", "root_path": ""}
        await app({**scope, "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000), "state": {}}, receive, send)
        assert not [m for m in sent if m.get("status", 0) >= 500]

    alone.client.portal.call(scenario)


def test_a_stream_that_is_left_at_any_place_is_in_the_log_once_and_leaves_no_task(alone) -> None:
    """The application gives a piece whole or not at all: to leave within a piece is to leave after it."""
    app, service = alone.client.app, alone.client.app.state.service

    async def left(session: str, pieces: int) -> bool:
        body = {"id": session, "user": "cy", "messages": [{"role": "user", "parts": [{"type": "text", "text": "拍照好的"}]}]}
        visit, read = Visit(app, "POST", "/v1/chat", body, headers={"accept": "text/event-stream"}), 0
        await visit.begun()
        if pieces:
            async for _ in visit.pieces():
                read += 1
                if read == pieces:
                    break
        await visit.hang_up()
        return read == pieces

    async def scenario() -> None:
        before, pieces = asyncio.all_tasks(), 0
        while await left(f"left after {pieces}", pieces):
            session = SessionId(f"left after {pieces}")
            if running := service.turns.running(session):
                await running.ended.wait()
            events = await service.store.events(session)
            assert [type(event) for event in events] == [Heard, Said], pieces
            assert await service.app.engine.state(session, UserId("cy")) == service.app.engine.present.known(replay(events))
            pieces += 1
        assert pieces > 9
        left_over = asyncio.all_tasks() - before
        _, running_on = await asyncio.wait(left_over, timeout=5) if left_over else ((), ())
        assert not running_on

    alone.client.portal.call(scenario)
