"""Whether the process lives, whether it can serve, and what it counts."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from zhiyin.errors import StoreError
from zhiyin.web.callers import caller, check_local, needs
from zhiyin.web.service import Here, Service
from zhiyin.web.signing import KEY, KIND

_PATIENCE = 2.0  # seconds that a store may take to say a word
router = APIRouter(tags=["health"])


@router.get("/healthz")
async def lives() -> dict[str, str]:
    """The process lives. Says nothing of the store: a restart would not mend that."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"description": "a part is not ready"}})
async def ready(service: Here) -> Response:
    """Whether turns can be answered and kept, and which part is not ready: 200 or 503."""
    parts = await parts_of(service)
    well = all(state == "ok" for state in parts.values())
    return JSONResponse({"status": "ready" if well else "not ready", "parts": parts}, status_code=200 if well else 503, headers={} if well else {"retry-after": "2"})


@router.get("/metrics", response_class=Response)
async def metrics(request: Request, service: Here) -> Response:
    """Counts and times as Prometheus reads them; for an admin key, or without one from this machine."""
    given = "authorization" in request.headers or "x-api-key" in request.headers
    if given:
        await needs("admin")(await caller(request, service))
    else:
        check_local(request)
    return Response(service.metrics.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def parts_of(service: Service) -> dict[str, str]:
    """The parts that a turn needs, each `ok` or what is wrong with it."""
    return {"store": await _store(service), "catalogue": "ok" if len(service.app.catalog) else "it has no items", "changes": _changes(service)}


async def _store(service: Service) -> str:
    try:
        async with asyncio.timeout(_PATIENCE):
            there = await service.records.get(KIND, KEY)
    except StoreError:
        return "it does not answer"
    except TimeoutError:
        return f"no answer within {_PATIENCE:g} s"
    return "ok" if there is not None else "it has lost its secret"


def _changes(service: Service) -> str:
    return "ok" if service.changes.following and service.items.following else "changes of other workers are not followed"
