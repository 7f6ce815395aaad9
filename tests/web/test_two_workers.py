"""Two services over one database file, as two workers have it: what one erases the other does not go on serving, with Redis and without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from zhiyin.settings import HttpSettings, Settings
from zhiyin.web.app import create_app
from zhiyin.web.service import open_service

WISH = {"message": {"text": "under 5000, good camera"}, "user": "ann"}


def two_workers(folder: Path, redis: str) -> Iterator[list[TestClient]]:
    http = HttpSettings.model_validate({"access_log": False, "requests": 0, "turns": 0})
    chosen = Settings(cache=folder / "cache", data=folder / "data", domain="phones", store=f"sqlite:///{folder / 'log.db'}", redis=redis, http=http)
    with ExitStack() as stack:
        clients = []
        for _ in range(2):
            app = create_app(chosen, lambda: open_service(chosen))
            clients.append(stack.enter_context(TestClient(app, base_url="http://127.0.0.1:8000", client=("127.0.0.1", 50000))))
        yield clients


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[TestClient]]:
    """Two workers that tell each other nothing."""
    yield from two_workers(tmp_path_factory.mktemp("apart"), "")


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[list[TestClient]]:
    """Two workers that tell each other by Redis."""
    yield from two_workers(tmp_path_factory.mktemp("linked"), redis_url)


@pytest.fixture(params=["apart", pytest.param("linked", marks=pytest.mark.servers)])
def workers(request: pytest.FixtureRequest) -> list[TestClient]:
    return request.getfixturevalue(request.param)


def judged(worker: TestClient, told: dict, value: str) -> None:
    body = {"recommendation_id": told["recommendation_id"], "item_id": told["items"][0]["id"], "value": value, "session_id": told["session_id"], "user": "ann"}
    assert worker.post("/v1/feedback", json=body).status_code == 200


@pytest.mark.parametrize("again", ["another session", "the same session"])
def test_what_one_worker_erases_of_a_user_the_other_does_not_go_on_serving(workers, again: str) -> None:
    here, there = workers
    first = here.post("/v1/chat", json=WISH).json()
    session, disliked = first["session_id"], first["items"][0]["id"]
    judged(there, first, "dislike")
    for worker in workers:
        assert worker.get(f"/v1/sessions/{session}").json()["constraints"]
    assert here.delete("/v1/users/ann").json()["erased"]["log"] == 3
    for worker in workers:
        assert worker.get(f"/v1/sessions/{session}").status_code == 404
        assert worker.get("/v1/users/ann").json()["events"] == 0
    named = {"id": session, "messages": [{"role": "user", "parts": [{"type": "text", "text": WISH["message"]["text"]}]}], "user": "ann"}
    for worker in (there, here):
        fresh = worker.post("/v1/chat", json=WISH if again == "another session" else named, headers={"accept": "application/json"}).json()
        assert fresh["items"][0]["id"] == disliked  # nothing is known against it any more
    here.delete("/v1/users/ann")


def test_a_session_deleted_by_one_worker_and_begun_again_is_the_new_one_for_the_other(workers) -> None:
    here, _ = workers
    named = {"id": "begun again", "user": "ann", "messages": [{"role": "user", "parts": [{"type": "text", "text": "under 5000"}]}]}
    accept = {"accept": "application/json"}
    for worker in workers:
        worker.post("/v1/chat", json=named, headers=accept)
        worker.get("/v1/sessions/begun%20again")
    assert here.delete("/v1/sessions/begun%20again").status_code == 204
    for _ in range(2):  # as many turns as there were
        here.post("/v1/chat", json={**named, "messages": [{"role": "user", "parts": [{"type": "text", "text": "红米"}]}]}, headers=accept)
    seen = [worker.get("/v1/sessions/begun%20again").json() for worker in workers]
    assert seen[0] == seen[1]
    assert [c["field"] for c in seen[1]["constraints"]] != ["price"]
    here.delete("/v1/users/ann")
