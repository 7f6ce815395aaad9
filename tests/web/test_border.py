"""The border: what every request meets first and every answer passes last."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import pytest
import structlog
from starlette.requests import Request
from starlette.testclient import TestClient

from conftest import House
from zhiyin.errors import StoreError
from zhiyin.settings import HttpSettings
from zhiyin.web.bodies import Body, Text

SECRET = "预算三千以内的秘密"


class Asked(Body):
    text: Text = ""


@pytest.fixture
def http_settings() -> HttpSettings:
    return HttpSettings.model_validate({"body_limit": 1000, "in_flight": 3, "frame_ancestors": "https://shop.example"})


@pytest.fixture
def faulty(house: House) -> TestClient:
    """A client of an application with endpoints that go wrong."""

    @house.app.post("/v1/echo")
    async def echo(body: Asked) -> dict[str, str]:
        return {"text": body.text}

    @house.app.post("/v1/read")
    async def read(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @house.app.get("/v1/fault/{word}")
    async def fault(word: str, text: str = "") -> None:
        raise KeyError(word)

    @house.app.get("/v1/store")
    async def store() -> None:
        raise StoreError(f"cannot read {SECRET}")

    return house.client()


@pytest.fixture
def lines() -> Iterator[list[dict[str, object]]]:
    with structlog.testing.capture_logs() as found:
        yield found


def test_an_answer_carries_the_callers_request_id_or_a_new_one(client: TestClient) -> None:
    assert client.get("/healthz", headers={"x-request-id": "order-4711.a_B"}).headers["x-request-id"] == "order-4711.a_B"
    first, second = (client.get("/healthz").headers["x-request-id"] for _ in range(2))
    assert first != second
    for wrong in ("short", "x" * 65, "with space in it", "new\tline-----"):
        given = client.get("/healthz", headers={"x-request-id": wrong}).headers["x-request-id"]
        assert given != wrong
        assert len(given) == 24


def test_every_answer_keeps_a_page_to_itself(faulty: TestClient) -> None:
    for path in ("/", "/healthz", "/v1/nothing", "/v1/fault/x"):
        headers = faulty.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors https://shop.example" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_a_fault_of_ours_is_a_500_that_tells_nothing(faulty: TestClient, lines: list[dict[str, object]]) -> None:
    answer = faulty.get(f"/v1/fault/{SECRET}?text={SECRET}")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["code"], problem["status"], problem["request_id"]) == ("internal", 500, answer.headers["x-request-id"])
    assert SECRET not in answer.text
    assert "KeyError" not in answer.text
    fault = next(line for line in lines if line["event"] == "fault")
    assert (fault["error"], fault["request_id"]) == ("KeyError", problem["request_id"])
    assert "fault" in str(fault["frames"])


def test_the_log_names_routes_and_never_what_was_said(faulty: TestClient, lines: list[dict[str, object]]) -> None:
    faulty.post("/v1/echo", json={"text": SECRET}, headers={"x-zhiyin-visitor": "", "authorization": "Bearer"})
    faulty.get(f"/v1/fault/{SECRET}?text={SECRET}")
    faulty.get(f"/{SECRET}")
    faulty.get("/v1/store")
    requests = [line for line in lines if line["event"] == "request"]
    assert [(line["method"], line["route"], line["status"]) for line in requests] == [
        ("POST", "/v1/echo", 200),
        ("GET", "/v1/fault/{word}", 500),
        ("GET", "-", 404),
        ("GET", "/v1/store", 503),
    ]
    assert SECRET not in json.dumps(lines, ensure_ascii=False, default=str)


def test_a_store_that_is_down_is_a_503_with_a_time_to_come_back(faulty: TestClient) -> None:
    answer = faulty.get("/v1/store")
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert SECRET not in answer.text


@pytest.mark.parametrize("path", ["/v1/echo", "/v1/read", "/v1/visitors"])
def test_a_body_that_says_it_is_too_long_is_refused_unread(faulty: TestClient, path: str) -> None:
    answer = faulty.post(path, content=b"x" * 1001, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert "1000" in answer.json()["detail"]
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("path", ["/v1/echo", "/v1/read"])
def test_a_body_that_hides_its_length_is_counted(faulty: TestClient, path: str) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'{"text": "'
        for _ in range(100):
            yield b"x" * 100
        yield b'"}'

    answer = faulty.post(path, content=pieces(), headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"text"', "body"),
        ("[1]", "body"),
        ('"x"', "body"),
        ("", "body"),
        ("[" * 900, "body"),
        ('{"text": 3}', "text"),
        ('{"text": "\\ud800"}', "text"),
        ('{"text": "a\\u0000b"}', "text"),
        (b'{"text": "\xff"}', "body"),
        ('{"txt": "a"}', "txt"),
    ],
)
def test_a_bad_body_is_a_400_that_names_the_field(faulty: TestClient, body: str | bytes, field: str) -> None:
    answer = faulty.post("/v1/echo", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    problem = answer.json()
    assert problem["errors"][0]["field"] == field
    assert problem["errors"][0]["message"]


def test_an_unknown_field_is_told_the_nearest_name(faulty: TestClient) -> None:
    problem = faulty.post("/v1/echo", json={"txet": "a"}).json()
    assert problem["code"] == "unknown_field"
    assert "'text'" in problem["detail"]
    problem = faulty.get("/v1/fault/x?limit=3").json()
    assert (problem["status"], problem["code"]) == (400, "unknown_field")
    assert problem["errors"][0]["field"] == "limit"


def test_a_body_that_is_no_json_is_unsupported(faulty: TestClient) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = faulty.post("/v1/echo", content=b'{"text": "a"}', headers={"content-type": kind})
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media")
    assert faulty.post("/v1/echo", content=b'{"text": "a"}', headers={"content-type": "application/vnd.shop+json"}).status_code == 200


def test_unknown_paths_and_methods_are_problems_too(client: TestClient) -> None:
    assert client.get("/v1/nothing").json()["code"] == "not_found"
    assert client.delete("/healthz").json()["code"] == "method_not_allowed"
    odd = client.request("BREW", "/healthz")
    assert odd.status_code == 405
    metrics = client.get("/metrics").text
    assert 'method="OTHER"' in metrics
    assert "BREW" not in metrics


def test_more_requests_than_can_be_held_are_turned_away_at_once(house: House) -> None:
    held, go = threading.Semaphore(0), threading.Event()

    @house.app.get("/v1/slow")
    def slow() -> dict[str, bool]:  # in a thread, as FastAPI does with sync functions
        held.release()
        go.wait(10)
        return {"done": True}

    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(house.client().get("/v1/slow").status_code)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert held.acquire(timeout=10)
    try:
        begun = time.perf_counter()
        refused = house.client().get("/v1/suggestions")
        seconds = time.perf_counter() - begun
        assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
        assert refused.headers["retry-after"] == "1"
        assert refused.json()["request_id"] == refused.headers["x-request-id"]
        assert seconds < 0.25
        assert house.client().get("/healthz").status_code == 200  # or a watchdog would kill a busy server
    finally:
        go.set()
        for thread in threads:
            thread.join()
    assert answers == [200, 200, 200]
    text = house.client().get("/metrics").text
    assert "zhiyin_http_shed_total 1.0" in text
    assert "zhiyin_http_in_flight 1.0" in text


def test_turns_are_turned_away_where_the_line_is_full_and_other_requests_are_not(house: House) -> None:
    gate = house.service.gate
    house.run(gate.enter)
    waiting = [house.portal.start_task_soon(gate.enter) for _ in range(house.settings.http.waiting)]
    try:
        until = time.monotonic() + 5
        while not gate.full and time.monotonic() < until:
            time.sleep(0.01)
        assert house.client().post("/v1/chat", content=b"not even read").json()["code"] == "overloaded"
        assert house.client().patch("/v1/sessions/s/constraints", json={}).json()["code"] == "overloaded"
        assert house.client().post("/v1/visitors").status_code == 201
    finally:
        house.run(leave_all, house, len(waiting) + 1)
        for one in waiting:
            one.result(5)


async def leave_all(house: House, times: int) -> None:
    for _ in range(times):
        house.service.gate.leave()
