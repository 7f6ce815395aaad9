"""A service over nine lamps and a store in memory, and clients of it: nothing leaves the process."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from anyio.from_thread import BlockingPortal
from fastapi import FastAPI
from starlette.testclient import TestClient

from zhiyin.backends import Stores
from zhiyin.bootstrap import App
from zhiyin.catalog.clean import Report
from zhiyin.catalog.load import item_text
from zhiyin.embedders.cached import CachedEmbedder
from zhiyin.embedders.hashing import HashingEmbedder
from zhiyin.engine import Engine
from zhiyin.live.bus import LocalBus
from zhiyin.live.limits import LocalLimiter
from zhiyin.living import Living, View
from zhiyin.reply.presenter import Presenter
from zhiyin.retrieve.keyword import KeywordIndex
from zhiyin.settings import HttpSettings, Settings
from zhiyin.stores.memory import MemoryStore
from zhiyin.testing import tiny_catalog
from zhiyin.types import Notice
from zhiyin.understand.rules import RuleReader
from zhiyin.vectors import ItemVectors
from zhiyin.web.app import create_app
from zhiyin.web.callers import new_visitor
from zhiyin.web.keys import Scope
from zhiyin.web.service import Service, service_over

T = TypeVar("T")
HERE = "http://127.0.0.1:8000"


class Clock:
    """A clock that goes on by itself and can be set forward."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def seconds(self) -> float:
        return time.monotonic() + self.ahead.total_seconds()

    def forward(self, **by: float) -> None:
        self.ahead += timedelta(**by)


def lamps(store: MemoryStore, clock: Callable[[], datetime], cache: Path) -> App:
    """The application over the nine lamps, put together as `bootstrap.build` does it."""
    catalog = tiny_catalog()
    texts = [item_text(item, catalog.domain) for item in catalog.items]
    embedder = CachedEmbedder(HashingEmbedder())
    vectors = ItemVectors(catalog.domain, texts, embedder, cache, pytest.fail)
    vectors.start()
    view = View.over(RuleReader(catalog, None, embedder.query), embedder, vectors.array, KeywordIndex.open(lambda: texts))
    engine = Engine(
        understand=view.reader,
        find=view.finder,
        speak=view.templates,
        present=Presenter(view.templates, view.wording, (Notice(code="no_model"),)),
        store=store,
        clock=clock,
    )
    stores = Stores(log=store, archive=store, records=store)
    app = App(engine=engine, domain=catalog.domain, catalog=catalog, report=Report(rows=9, items=9), wording=view.wording, embedder=embedder, embedded=9, stores=stores)
    app.living = Living(view, vectors, app.settle)
    return app


@dataclass(frozen=True, kw_only=True)
class House:
    """A running application with its store and clock. Its event loop runs in a thread of its own; every client shares it."""

    settings: Settings
    clock: Clock
    store: MemoryStore
    app: FastAPI
    portal: BlockingPortal

    @property
    def service(self) -> Service:
        return self.app.state.service

    def run(self, work: Callable[..., Awaitable[T]], *args: object) -> T:
        """What an async function gives, run in the application's loop."""
        return self.portal.call(work, *args)

    def client(self, *, key: str = "", visitor: str = "", address: str = "127.0.0.1", base_url: str = HERE, headers: Mapping[str, str] | None = None) -> TestClient:
        """A client on this machine; with a key and a visitor's token, if they are given. It streams: use `client.stream`."""
        given = dict(headers or {})
        if key:
            given["authorization"] = f"Bearer {key}"
        if visitor:
            given["x-zhiyin-visitor"] = visitor
        client = TestClient(self.app, base_url=base_url, headers=given, client=(address, 50000))
        client.portal = self.portal
        return client

    def key(self, scope: Scope, name: str = "test") -> str:
        """The text of a new key; from now on everybody needs one."""
        text, _ = self.run(self.service.keys.add, name, scope)
        return text

    def visitor(self) -> tuple[str, str]:
        """A new visitor: user id and token."""
        identity, token = new_visitor(self.service.secret)
        return f"visitor:{identity}", token


@asynccontextmanager
async def opened(settings: Settings, store: MemoryStore, clock: Clock) -> AsyncGenerator[Service, None]:
    app = lamps(store, clock, settings.cache)
    async with service_over(app, app.stores, LocalBus(), LocalLimiter(clock.seconds), settings) as service:
        yield service


@pytest.fixture
def http_settings() -> HttpSettings:
    """What a test file may override."""
    return HttpSettings.model_validate({"access_log": False})


@pytest.fixture
def house(settings: Settings, http_settings: HttpSettings) -> Iterator[House]:
    """The application, started, nobody having a key: local mode."""
    clock = Clock()
    store = MemoryStore(clock)
    settings = settings.model_copy(update={"store": "memory:", "http": http_settings})
    app = create_app(settings, lambda: opened(settings, store, clock))
    with TestClient(app) as running:
        assert running.portal is not None
        yield House(settings=settings, clock=clock, store=store, app=app, portal=running.portal)


@pytest.fixture
def service(house: House) -> Service:
    """The service itself; what is async of it goes through `house.run`."""
    return house.service


@pytest.fixture
def client(house: House) -> TestClient:
    """A client in local mode, without a visitor's token."""
    return house.client()


@pytest.fixture
def server_client(house: House) -> TestClient:
    """A client with a server key."""
    return house.client(key=house.key("server"))


@pytest.fixture
def admin_client(house: House) -> TestClient:
    """A client with an admin key."""
    return house.client(key=house.key("admin"))


@pytest.fixture
def browser_client(house: House) -> TestClient:
    """A client with a browser key, as a visitor of its own."""
    return house.client(key=house.key("browser"), visitor=house.visitor()[1])
