"""Conversations of several people with two workers over one store, in any order: what is seen is the fold of the log, and nobody touches another's.

In CI always the same examples; for more: `ZHIYIN_FUZZ=200 pytest tests/properties/test_session_machine.py`, others each time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test
from starlette.testclient import TestClient

from zhiyin.settings import HttpSettings, Settings
from zhiyin.state import replay
from zhiyin.types import SessionId
from zhiyin.web.app import create_app
from zhiyin.web.service import Service, open_service

LONGER = int(os.environ.get("ZHIYIN_FUZZ", "0"))
searched = settings(max_examples=LONGER or 25, stateful_step_count=20, deadline=None, derandomize=not LONGER, database=None, suppress_health_check=list(HealthCheck))
FRAGMENTS = (
    "5000 以内", "拍照好", "不要苹果", "小米", "第二个怎么样", "换一批", "便宜点", "比较前两个", "你好", "谢谢", "还有别的吗", "撤销", "",
    "under 5000", "good camera", "no Apple", "the second one", "more", "cheaper", "compare the first two", "hello", "something else", "undo", "big battery",
)  # fmt: skip
texts = st.lists(st.sampled_from(FRAGMENTS), max_size=3).map("，".join)
people, workers = st.sampled_from([0, 1]), st.sampled_from([0, 1])


class Conversations(RuleBasedStateMachine):
    """Two visitors, each with connections to both workers."""

    apps: list[TestClient]

    def __init__(self) -> None:
        super().__init__()
        self.users = [uuid4().hex for _ in range(2)]
        self.sessions: list[str | None] = [None, None]
        self.told: list[dict | None] = [None, None]
        self.disliked: list[set[str]] = [set(), set()]

    def service(self, worker: int) -> Service:
        return self.apps[worker].app.state.service

    def seen(self, person: int, worker: int = 0) -> dict:
        return self.apps[worker].get(f"/v1/sessions/{self.sessions[person]}", params={"user": self.users[person]}).json()

    def took(self, person: int, told: dict) -> None:
        self.told[person] = told
        shown = [item["id"] for item in told["items"]]
        assert len(set(shown)) == len(shown)
        hard = [c for c in told["constraints"] if c["hard"] and c["field"] == "price" and c["op"] in {"<", "<="}]
        for item in told["items"] if told["act"] == "recommend" else ():
            assert item["id"] not in self.disliked[person]
            for wish in hard:
                assert item["attributes"]["price"] <= wish["value"], (wish, item)

    @initialize(worker=workers, wishes=st.lists(st.sampled_from(["5000 以内", "under 5000", "拍照好", "big battery"]), min_size=2, max_size=2))
    def begin(self, worker: int, wishes: list[str]) -> None:
        for person, wish in enumerate(wishes):
            self.say(person, worker, wish)

    @rule(person=people, worker=workers, text=texts)
    def say(self, person: int, worker: int, text: str) -> None:
        body: dict = {"message": {"text": text}, "user": self.users[person]}
        if self.sessions[person]:
            body["session_id"] = self.sessions[person]
        answer = self.apps[worker].post("/v1/chat", json=body)
        assert answer.status_code == 200, answer.text
        self.sessions[person] = answer.json()["session_id"]
        self.took(person, answer.json())

    @precondition(lambda self: any(self.sessions))
    @rule(person=people, worker=workers, what=st.sampled_from(["clear", "remove", "change", "accept", "answer"]), value=st.sampled_from([1000, 3000, 8000]))
    def edit(self, person: int, worker: int, what: str, value: int) -> None:
        if not self.sessions[person]:
            return
        wishes = self.seen(person, worker)["constraints"]
        chosen = {"clear": {"clear": True}, "accept": {"accept": 0}, "answer": {"answer": {"field": "price", "value": [0, value]}}}.get(what)
        if chosen is None:
            priced = [w for w in wishes if w["field"] == "price" and w["op"] in {"<", "<="}]
            chosen = {"remove": [w["id"] for w in wishes[:1]]} if what == "remove" else {"change": [{"id": w["id"], "value": value} for w in priced[:1]]}
        answer = self.apps[worker].patch(f"/v1/sessions/{self.sessions[person]}/constraints", params={"user": self.users[person]}, json=chosen)
        assert answer.status_code in {200, 400, 409}, answer.text
        if answer.status_code == 200:
            self.took(person, answer.json())

    @rule(person=people, worker=workers, value=st.sampled_from(["like", "dislike", "skip", "favourite", "none"]), place=st.integers(0, 4))
    def judge(self, person: int, worker: int, value: str, place: int) -> None:
        told = self.told[person]
        if not self.sessions[person] or not told or not told["items"]:
            return
        item = told["items"][place % len(told["items"])]["id"]
        body = {"recommendation_id": told["recommendation_id"], "item_id": item, "value": value, "session_id": self.sessions[person], "user": self.users[person]}
        other = self.apps[worker].get(f"/v1/users/{self.users[1 - person]}").json()
        answer = self.apps[worker].post("/v1/feedback", json=body)
        assert answer.status_code == 200, answer.text
        assert self.apps[worker].get(f"/v1/users/{self.users[1 - person]}").json() == other
        if value == "dislike":
            self.disliked[person].add(item)
        elif value in {"none", "like", "favourite"}:
            self.disliked[person].discard(item)

    @rule(person=people, worker=workers, text=texts)
    def say_and_take_back(self, person: int, worker: int, text: str) -> None:
        if not self.sessions[person] or {"撤销", "undo"} & set(text.split("，")):
            return
        before = self.seen(person, worker)
        self.say(person, worker, text)
        answer = self.apps[1 - worker].post(f"/v1/sessions/{self.sessions[person]}/undo", params={"user": self.users[person]})
        assert answer.status_code == 200, answer.text
        assert [{**w, "turn": 0} for w in answer.json()["constraints"]] == [{**w, "turn": 0} for w in before["constraints"]]

    @rule(person=people, worker=workers)
    def tell_an_event_twice(self, person: int, worker: int) -> None:
        event = {"type": "click", "item_id": "iphone-16e", "user_id": self.users[person], "event_id": uuid4().hex}
        said = [self.apps[w].post("/v1/events", json={"events": [event]}).json() for w in (worker, 1 - worker)]
        assert [(s["accepted"], s["duplicates"]) for s in said] == [(1, 0), (0, 1)]

    @rule(person=people, worker=workers)
    def delete(self, person: int, worker: int) -> None:
        if self.sessions[person]:
            assert self.apps[worker].delete(f"/v1/sessions/{self.sessions[person]}", params={"user": self.users[person]}).status_code == 204
            for app in self.apps:
                assert app.get(f"/v1/sessions/{self.sessions[person]}").status_code == 404
            self.sessions[person] = self.told[person] = None
            self.disliked[person].clear()

    @rule(person=people, worker=workers, on=st.booleans())
    def personalise(self, person: int, worker: int, on: bool) -> None:
        assert self.apps[worker].patch(f"/v1/users/{self.users[person]}", json={"personalise": on}).json()["personalise"] is on

    @invariant()
    def what_is_seen_is_the_fold_of_the_log_and_nobody_elses(self) -> None:
        for person, session in enumerate(self.sessions):
            if session:
                assert self.seen(person, 0) == self.seen(person, 1)
                for worker, app in enumerate(self.apps):
                    service = self.service(worker)
                    events = app.portal.call(service.store.events, SessionId(session))
                    assert app.portal.call(service.app.engine.state, SessionId(session), self.users[person]) == service.app.engine.present.known(replay(events))
                    assert app.get(f"/v1/sessions/{session}", params={"user": self.users[1 - person]}).status_code == 404


@pytest.fixture(scope="module", params=["memory", "sqlite"])
def apps(request: pytest.FixtureRequest) -> Iterator[list[TestClient]]:
    """Two workers over one SQLite file; over memory, which cannot be shared, one that is asked by two."""
    http = HttpSettings.model_validate({"access_log": False, "requests": 0, "turns": 0, "address_requests": 0})
    with TemporaryDirectory() as folder, ExitStack() as stack:
        store = "memory:" if request.param == "memory" else f"sqlite:///{folder}/log.db"
        chosen = Settings(cache=f"{folder}/cache", data=f"{folder}/data", domain="phones", store=store, http=http)
        made = [create_app(chosen, lambda: open_service(chosen)) for _ in range(1 if request.param == "memory" else 2)]
        clients = [stack.enter_context(TestClient(app, base_url="http://127.0.0.1:8000", client=("127.0.0.1", 50000))) for app in made]
        yield clients * (2 // len(clients))


def test_whatever_is_done_in_whatever_order_the_log_is_what_is_seen(apps) -> None:
    class Here(Conversations):
        pass

    Here.apps = apps
    run_state_machine_as_test(Here, settings=searched)
