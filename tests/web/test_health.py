"""Whether it lives, whether it is ready, and what it counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from conftest import House, opened
from zhiyin.errors import StoreError
from zhiyin.records import Record
from zhiyin.settings import Settings
from zhiyin.stores.memory import MemoryStore
from zhiyin.testing import tiny_catalog
from zhiyin.types import Call, Candidate, Done, ItemId, Offer, Op, Wish
from zhiyin.web.app import create_app
from zhiyin.web.metrics import Metrics
from zhiyin.web.service import open_service


class Moody(MemoryStore):
    """A store that can be switched off."""

    def __init__(self) -> None:
        super().__init__()
        self.off = False

    async def get(self, kind: str, key: str, /) -> Record | None:
        if self.off:
            raise StoreError("the database does not answer")
        return await super().get(kind, key)


def test_a_healthy_service_says_so_part_by_part(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "parts": {"store": "ok", "catalogue": "ok", "changes": "ok"}})


def test_a_store_that_is_down_makes_it_unready_and_no_less_alive(settings: Settings, clock: object) -> None:
    store = Moody()
    with TestClient(create_app(settings, lambda: opened(settings, store, clock)), base_url="http://localhost", client=("127.0.0.1", 1)) as client:
        store.off = True
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["parts"]["store"]) == (503, "it does not answer")
        assert ready.headers["retry-after"] == "2"
        assert client.get("/healthz").status_code == 200
        store.off = False
        assert client.get("/readyz").status_code == 200


def test_a_follower_that_fell_makes_it_unready(house: House) -> None:
    house.run(house.service.changes.stop)
    ready = house.client().get("/readyz")
    assert ready.status_code == 503
    assert "not followed" in ready.json()["parts"]["changes"]


def test_metrics_are_for_admins_and_for_this_machine(house: House) -> None:
    assert house.client().get("/metrics").status_code == 200
    assert house.client(address="192.0.2.1").get("/metrics").status_code == 403
    admin, server = house.key("admin"), house.key("server")
    assert house.client(key=admin, address="192.0.2.1", base_url="https://shop.example").get("/metrics").status_code == 200
    assert house.client(key=server).get("/metrics").status_code == 403
    assert house.client().get("/metrics").status_code == 200


def test_requests_are_counted_by_route_and_status(house: House) -> None:
    client = house.client()
    client.post("/v1/visitors")
    client.get("/v1/nothing/secret-path")
    text = client.get("/metrics").text
    assert 'zhiyin_http_requests_total{method="POST",route="/v1/visitors",status="201"} 1.0' in text
    assert 'zhiyin_http_requests_total{method="GET",route="-",status="404"} 1.0' in text
    assert "secret-path" not in text


def test_a_turn_is_counted_by_act_stage_and_trouble() -> None:
    metrics = Metrics()
    wish = Wish(field="price", op=Op.LE, value=10)
    done = Done(
        text="",
        offers=(Offer(wish=wish, to=None, count=3),),
        latency_ms={"understand": 2.0, "cards": 6.0, "first_word": 8.0, "total": 40.0},
        calls=(Call(purpose="speak", prompt="p", outcome="model_slow"), Call(purpose="rank", prompt="p")),
        withheld=("a", "b"),
    )
    metrics.turn(done, "recommend", ())
    metrics.taken({"accepted": 3, "duplicate": 1, "rejected": 0})
    text = metrics.exposition().decode()
    for line in (
        'zhiyin_turns_total{act="recommend"} 1.0',
        'zhiyin_stage_seconds_sum{stage="first_card"} 0.006',
        'zhiyin_stage_seconds_sum{stage="turn"} 0.04',
        'zhiyin_stage_seconds_sum{stage="first_word"} 0.008',
        'zhiyin_stage_seconds_sum{stage="understand"} 0.002',
        "zhiyin_empty_slates_total 1.0",
        "zhiyin_relaxed_total 1.0",
        'zhiyin_model_fallback_total{outcome="model_slow"} 1.0',
        "zhiyin_withheld_sentences_total 2.0",
        'zhiyin_events_total{outcome="accepted"} 3.0',
        'zhiyin_events_total{outcome="duplicate"} 1.0',
    ):
        assert line in text
    assert 'outcome="ok"' not in text
    assert 'outcome="rejected"' not in text


def test_a_slate_that_is_there_is_not_counted_as_empty() -> None:
    metrics = Metrics()
    item = tiny_catalog().item(ItemId("glow"))
    metrics.turn(Done(text=""), "recommend", (Candidate(item=item, score=1.0),))
    metrics.turn(Done(text=""), "chat", ())
    assert "zhiyin_empty_slates_total 0.0" in metrics.exposition().decode()


@pytest.fixture
def clock(house: House) -> object:
    return house.clock


async def test_a_service_is_opened_from_settings_alone_and_closed_again(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "lamps.csv").write_text("title,price\nMoon,10\nEmber,20\nGlow,30\n", encoding="utf-8")
    given = settings.model_copy(update={"store": "memory:", "embedder": "hashing:"})
    async with open_service(given, items=tmp_path / "lamps.csv") as service:
        assert len(service.app.catalog.items) == 3
        assert service.changes.following
        assert await service.records.get("secret", "signing") is not None
    assert not service.changes.following
