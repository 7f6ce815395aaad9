"""What every endpoint stands on: one frozen `Service`, opened when the server starts and closed when it stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from zhiyin.bootstrap import App, Warn, build
from zhiyin.ports import Archive, Bus, Limiter, Records, Store
from zhiyin.settings import Settings
from zhiyin.web.gate import Gate
from zhiyin.web.keys import Keyring
from zhiyin.web.metrics import Metrics
from zhiyin.web.signing import open_secret
from zhiyin.web.turns import Turns


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
    keys: Keyring


def service(request: HTTPConnection) -> Service:
    """The dependency: the service of this worker."""
    found = request.app.state.service
    if not isinstance(found, Service):
        raise TypeError("the application was not started: no service is open")
    return found


Here = Annotated[Service, Depends(service)]


@asynccontextmanager
async def open_service(settings: Settings, *, items: Path | None = None, warn: Warn = lambda _: None, shared_counts: Path | None = None) -> AsyncGenerator[Service, None]:
    """The service that the settings describe, for as long as the block lasts; running turns are let finish, then everything is closed, last opened first."""
    from zhiyin.backends import open_bus, open_limiter  # noqa: PLC0415

    async with AsyncExitStack() as stack:
        app = await asyncio.to_thread(build, settings, items=items, warn=warn)
        stack.push_async_callback(app.engine.close)
        bus, limiter = open_bus(settings), open_limiter(settings)
        stack.push_async_callback(bus.close)
        turns = Turns()
        stack.push_async_callback(turns.finish, settings.http.shutdown_seconds)
        yield Service(
            app=app,
            store=app.stores.log,
            archive=app.stores.archive,
            records=app.stores.records,
            bus=bus,
            limiter=limiter,
            settings=settings,
            clock=app.engine.clock,
            secret=await open_secret(app.stores.records),
            metrics=Metrics(shared_counts),
            turns=turns,
            gate=Gate(settings.http.waiting),
            keys=Keyring(app.stores.records, app.engine.clock),
        )
