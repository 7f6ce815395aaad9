"""Events teach the behaviour models beside the requests that brought them."""

from __future__ import annotations

import time
from copy import copy
from dataclasses import replace

import pytest

from zhiyin.living import Finder


class Recorder:
    """The behaviour of nobody: remembers what it was told."""

    def __init__(self) -> None:
        self.newest: list[tuple[str, str]] = []

    def votes(self, past):
        return {}

    def learn(self, past) -> None:
        self.newest.append((past[-1].user, past[-1].item))


@pytest.fixture
def recorder(service) -> Recorder:
    told = Recorder()
    living = service.items.living
    finder = living.view.finder
    retriever = copy(finder.retriever)
    retriever.behaviour = told
    living.view = replace(living.view, behaviour=told, finder=Finder(finder.catalog, retriever, finder.ranker))
    return told


def test_the_newest_event_of_each_user_is_learned_and_what_repels_is_not(recorder: Recorder, server_client) -> None:
    batch = [
        {"event_id": "1", "type": "click", "user_id": "ann", "item_ids": ["moon-1"], "time": "2026-01-31T08:00:00Z"},
        {"event_id": "2", "type": "click", "user_id": "ann", "item_ids": ["ember"], "time": "2026-01-31T08:01:00Z"},
        {"event_id": "3", "type": "dislike", "user_id": "bob", "item_ids": ["ember"]},
        {"event_id": "4", "type": "view", "user_id": "cat", "item_ids": ["glow"]},
    ]
    assert server_client.post("/v1/events", json=batch).json()["accepted"] == 4
    give_up = time.monotonic() + 10
    while len(recorder.newest) < 2 and time.monotonic() < give_up:
        time.sleep(0.01)
    assert sorted(recorder.newest) == [("ann", "ember"), ("cat", "glow")]
