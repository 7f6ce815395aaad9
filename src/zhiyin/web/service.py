"""What every endpoint stands on: one frozen `Service`, opened when the server starts and closed when it stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from zhiyin.bootstrap import App, Warn, build
from zhiyin.following import KeptItems
from zhiyin.ports import Archive, Bus, Limiter, Records, Store
from zhiyin.settings import Settings
from zhiyin.web.ahead import Ahead
from zhiyin.web.changes import Changes
from zhiyin.web.gate import Gate
from zhiyin.web.keys import Keyring
from zhiyin.web.learning import Learner
from zhiyin.web.metrics import Metrics
from zhiyin.web.signing import open_secret
from zhiyin.web.turns import Turns

if TYPE_CHECKING:
    from zhiyin.backends import Stores

_GRACE, _GRACE_BESIDE_A_MODEL = 1.0, 0.02  # seconds that the next turn waits until one is in the log; a model speaks for seconds, and that is not waited for


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The application, the stores, what connects workers, and what is counted. Endpoints get it as `service: Here`."""

    app: App
    store: Store
    archive: Archive
    records: Records
    bus: Bus
    limiter: Limiter
    settings: Settings
    clock: Callable[[], datetime]
    secret: bytes
    metrics: Metrics
    turns: Turns
    gate: Gate
    ahead: Ahead
    keys: Keyring
    changes: Changes
    items: KeptItems
    learner: Learner


async def service(request: HTTPConnection) -> Service:
    """The dependency: the service of this worker. Async, though it waits for nothing: FastAPI calls what is not in a thread."""
    found = request.app.state.service
    if not isinstance(found, Service):
        raise TypeError("the application was not started: no service is open")
    return found


Here = Annotated[Service, Depends(service)]


@asynccontextmanager
async def open_service(settings: Settings, *, items: Path | None = None, warn: Warn = lambda _: None, shared_counts: Path | None = None) -> AsyncGenerator[Service, None]:
    """The service that the settings describe, for as long as the block lasts. The application is built in a thread: a server that starts answers `/healthz` no sooner, but is never stuck."""
    from zhiyin.backends import open_bus, open_limiter  # noqa: PLC0415

    app = await asyncio.to_thread(build, settings, items=items, warn=warn)
    async with service_over(app, app.stores, open_bus(settings), open_limiter(settings), settings, shared_counts=shared_counts) as service:
        yield service


@asynccontextmanager
async def service_over(app: App, stores: Stores, bus: Bus, limiter: Limiter, settings: Settings, *, shared_counts: Path | None = None) -> AsyncGenerator[Service, None]:
    """A service over parts that are open already, which it closes: running turns are let finish, then what was opened last goes first."""
    async with AsyncExitStack() as stack:
        stack.push_async_callback(app.engine.close)
        stack.push_async_callback(bus.close)
        changes = Changes(stores.records, bus)
        stack.push_async_callback(changes.stop)
        ahead = Ahead(app.embedder)
        stack.callback(ahead.stop)
        turns = Turns(bus, patience=settings.http.resume_seconds, grace=_GRACE if app.engine.model is None else _GRACE_BESIDE_A_MODEL)
        stack.push_async_callback(turns.finish, settings.http.shutdown_seconds)
        secret = await open_secret(stores.records)
        changes.on_taste(app.engine.refresh)
        await changes.start()
        if app.living is None:
            raise TypeError("an application that is served has a living catalogue")
        items = KeptItems(app.living, stores.records, bus)
        stack.push_async_callback(items.stop)
        await items.follow()
        await turns.follow()
        learner = Learner(app.living, stores.log, app.engine.clock)
        stack.push_async_callback(learner.stop)
        yield Service(
            app=app,
            store=stores.log,
            archive=stores.archive,
            records=stores.records,
            bus=bus,
            limiter=limiter,
            settings=settings,
            clock=app.engine.clock,
            secret=secret,
            metrics=Metrics(shared_counts),
            turns=turns,
            gate=Gate(settings.http.waiting, patience=settings.http.wait_seconds),
            ahead=ahead,
            keys=Keyring(stores.records, app.engine.clock),
            changes=changes,
            items=items,
            learner=learner,
        )
