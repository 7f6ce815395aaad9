"""The language model: whether it can be asked now, what it was found to be able to, and what came of asking it."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import UTC, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends

from zhiyin.backends import known_capabilities, probe_model, wanting
from zhiyin.llms.breaker import Breaker
from zhiyin.llms.fallback import Fallback
from zhiyin.llms.wrapper import WrapperLLM
from zhiyin.ports import LLM
from zhiyin.web.admin.tally import Counted
from zhiyin.web.problems import Problem
from zhiyin.web.service import Here, Service
from zhiyin.web.worker import of_worker
from zhiyin.wire import Json

router = APIRouter()
_HOURS = 24
_RETRY = 10.0  # seconds


class Probing(asyncio.Lock):
    """One probe at a time in a worker."""


@router.get("/v1/admin/model")
async def get_model(service: Here, counted: Counted) -> Json:
    """The model of `llm.url`: off, ready, or resting after failures (`open`, as of a circuit breaker), with what came of its calls in the last day."""
    now = service.clock().astimezone(UTC)
    counts = await counted.since(service.archive, now - timedelta(hours=_HOURS), now)
    llm = service.app.engine.model
    models = await asyncio.to_thread(_models, service, llm)
    return {
        "model": llm.name if llm else None,
        "state": state_of(llm),
        "stages": sorted(name.strip() for name in service.settings.llm.stages.split(",") if name.strip()) if llm else [],
        "capabilities": models[0]["capabilities"] if models else None,
        "models": models,
        "hours": _HOURS,
        "calls": counts.calls(),
        "truncated": counts.truncated,
        "reading": counts.reading,
    }


@router.post("/v1/admin/model/probe")
async def probe(service: Here, lock: Annotated[Probing, Depends(of_worker(Probing))]) -> Json:
    """Ask each model of `llm.url` about eight questions, now, and say what it can do; it takes seconds, or minutes of a slow one. A 409 `no_model` where none is named."""
    urls = _urls(service)
    if not urls:
        raise Problem(409, "no_model", "llm.url: no language model is named; set it to openai:MODEL@BASE_URL or llamacpp:NAME and start again")
    if lock.locked():
        raise Problem(409, "conflict", "a probe is running already; ask again when it is over", retry_after=_RETRY)
    async with lock:
        found = [await probe_model(service.settings, url, service.clock().astimezone(UTC).isoformat(timespec="seconds")) for url in urls]
    rows = [{"url": _plain(url), **asdict(one), "wanting": wanting(one)} for url, one in zip(urls, found, strict=True)]
    return {**rows[0], "models": rows}


def state_of(llm: LLM | None) -> str:
    """off, ready, or open: of several one that can be asked is enough."""
    if llm is None:
        return "off"
    breakers = _breakers(llm)
    return "open" if breakers and all(breaker.resting for breaker in breakers) else "ready"


def _breakers(llm: LLM) -> list[Breaker]:
    if isinstance(llm, Breaker):
        return [llm]
    if isinstance(llm, Fallback):
        return [breaker for one in llm.llms for breaker in _breakers(one)]
    return _breakers(llm.inner) if isinstance(llm, WrapperLLM) else []


def _models(service: Service, llm: LLM | None) -> list[Json]:
    if llm is None:
        return []
    rows: list[Json] = []
    for url in _urls(service):
        known = known_capabilities(service.settings, url)
        rows.append({"url": _plain(url), "capabilities": asdict(known) if known else None, "wanting": wanting(known) if known else []})
    return rows


def _urls(service: Service) -> list[str]:
    """The models of the settings, in their order of preference."""
    named = (one.strip() for one in service.settings.llm.url.split("|"))
    return [url for url in named if url.partition(":")[0] not in {"", "off"}]


def _plain(url: str) -> str:
    """The URL without who signs on to it."""
    scheme, sign, rest = url.partition("://")
    return f"{scheme}{sign}{rest.rpartition('@')[2]}" if sign else url
