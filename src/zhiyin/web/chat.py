"""`POST /v1/chat`: one message in, the reply out, as one object or as a stream."""

from __future__ import annotations

import math
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.requests import Request

from zhiyin.errors import ModelResting
from zhiyin.llm import LLMRequest, Message
from zhiyin.ports import LLM
from zhiyin.types import Language
from zhiyin.web.answering import answer, say, wants_stream
from zhiyin.web.asked import ChatBody
from zhiyin.web.belonging import place_of
from zhiyin.web.callers import Who
from zhiyin.web.filters import read_filters
from zhiyin.web.idempotency import Once
from zhiyin.web.problems import invalid
from zhiyin.web.service import Here, Service

router = APIRouter(tags=["chat"], route_class=Once)
STREAMS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The reply: one JSON object, or server-sent events in the shape of the AI SDK's UI message stream where `accept` names `text/event-stream`.",
        "content": {"application/json": {"schema": {"type": "object"}}, "text/event-stream": {"schema": {"type": "string"}}},
    }
}


@router.post("/v1/chat", responses=STREAMS, response_class=Response)
async def chat(service: Here, who: Who, body: ChatBody, request: Request) -> Response:
    """Say something. The session of a first message is new; its id comes back with the reply."""
    text = body.text
    check_domain(service, body.domain)
    filters = read_filters(body.filters or {}, service.app.catalog)
    if body.require_llm and not answers(service.app.engine.model):
        raise ModelResting("no language model can be asked now")
    session, user = await place_of(service, who, body.session_id or body.id, body.user, makes=body.ai_sdk)
    running = await say(service, session, user, text, limit=body.limit, filters=filters, language=Language(body.locale) if body.locale else None)
    return await answer(running, request, stream=wants_stream(request, by_default=body.ai_sdk))


def check_domain(service: Service, domain: str | None) -> None:
    """Raises a 400 where another domain is asked for than is served."""
    served = service.app.domain.name
    if domain is not None and domain != served:
        raise invalid("domain", f"{served} is served here")


def answers(model: LLM | None) -> bool:
    """Whether a language model can be asked now: there is one, and it is not left alone after failing."""
    probe = LLMRequest(messages=(Message(role="user", text="?"),), purpose="speak", max_tokens=1)
    return model is not None and math.isfinite(model.seconds(probe))
