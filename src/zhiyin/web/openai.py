"""`POST /v1/chat/completions` and `GET /v1/models`: any client of OpenAI's chat interface can talk to the recommender."""

from __future__ import annotations

import hashlib
import json
import math
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field

from zhiyin.engine import Engine
from zhiyin.errors import ZhiyinError
from zhiyin.reply.wording import Wording
from zhiyin.types import Candidate, Done, Part, SessionId, Shown, Turn, Understood, UserId, Words
from zhiyin.web.belonging import owner_of
from zhiyin.web.callers import Caller, Who
from zhiyin.web.limits import admit_turn
from zhiyin.web.personal import personal
from zhiyin.web.problems import Problem, problem_of
from zhiyin.web.service import Here, Service
from zhiyin.wire import Json, Reply, gather, reply_json


class InTheirWords(APIRoute):
    """A route whose problems have the shape that OpenAI's clients read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route, with its errors told as theirs."""
        answer = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await answer(request)
            except (ZhiyinError, RequestValidationError) as error:
                problem = problem_of(error)
                field = str(problem.errors[0].get("field", "")) if problem.errors else None
                message = problem.detail or str(error)
                headers = {} if problem.retry_after is None else {"retry-after": str(math.ceil(problem.retry_after))}
                return JSONResponse({"error": {"message": message, "type": _KINDS.get(problem.status, "api_error"), "param": field, "code": problem.code}}, problem.status, headers)

        return told


router = APIRouter(tags=["openai"], route_class=InTheirWords)
_KINDS = {400: "invalid_request_error", 404: "invalid_request_error", 422: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_LONGEST = 4000  # characters of a message
_HISTORY, _SPOKEN, _KEPT = "completion", ("user", "assistant"), timedelta(days=7)
_REPLAYED = 50  # earlier messages that a conversation we do not know is told again with
_HARMLESS = {"temperature", "top_p", "max_tokens", "max_completion_tokens", "presence_penalty", "frequency_penalty", "seed", "stop", "store", "stream_options", "metadata", "user"}
"""Parameters of a language model's wording: a grounded reply has nothing that they could change."""


class Message(BaseModel):
    """A message as OpenAI's interface has it; its content is text, or parts of text."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[dict[str, Any]] | None = None

    @property
    def text(self) -> str:
        """The text. Raises a 400 for a part that is none."""
        if not isinstance(self.content, list):
            return self.content or ""
        if strange := next((str(p.get("type")) for p in self.content if p.get("type") != "text"), None):
            raise refused("messages", f"parts of type {strange!r} cannot be read; text can")
        return "\n".join(str(p.get("text", "")) for p in self.content)


class Completion(BaseModel):
    """The body; parameters that would change what is answered are refused by name, never ignored."""

    model_config = ConfigDict(extra="allow", frozen=True)

    model: str = Field("zhiyin", max_length=200)
    messages: list[Message] = Field(min_length=1, max_length=1000)
    stream: bool = False
    n: int = 1
    response_format: dict[str, Any] | None = None
    metadata: dict[str, str] | None = None
    user: str | None = Field(None, max_length=128)

    def check(self) -> None:
        """Raises a 400 that names what is asked for and not done here."""
        for name, value in (self.model_extra or {}).items():
            if name not in _HARMLESS and value not in (None, False, [], "none", "auto"):
                raise refused(name, "is not done here: replies are a recommender's, with real items")
        if self.n != 1:
            raise refused("n", "one reply is given")
        if self.response_format is not None and self.response_format.get("type") != "text":
            raise refused("response_format", "replies are text, with the items beside it in `zhiyin`; no other JSON is made")
        if self.messages[-1].role != "user":
            raise refused("messages", "the last one must be of the role user")
        if len(self.messages[-1].text) > _LONGEST:
            raise refused("messages", f"the last one is longer than {_LONGEST} characters")


def refused(field: str, message: str) -> Problem:
    """A 400 that names a parameter."""
    return Problem(400, "invalid", f"{field}: {message}", errors=({"field": field, "message": message},))


@router.get("/v1/models")
async def models(service: Here, who: Who) -> Json:
    """What can be named as `model`: the recommender of the domain that is served."""
    return {"object": "list", "data": [{"id": _name(service), "object": "model", "created": 0, "owned_by": "zhiyin"}]}


@router.post("/v1/chat/completions", response_class=Response)
async def complete(service: Here, who: Who, body: Completion, x_zhiyin_session: Annotated[str | None, Header(max_length=128)] = None) -> Response:
    """Answer the last message of a conversation. A client that sends its growing history is in the same session each time."""
    body.check()
    session, user = await _place(service, who, body, x_zhiyin_session or (body.metadata or {}).get("session_id"))
    await admit_turn(service.limiter, user, service.settings.http)
    personally = await personal(service.records, user)
    turn = Turn(session=session, user=user, text=body.messages[-1].text, time=service.clock())
    parts = service.app.engine.answer(turn, personal=personally)
    if body.stream:
        return StreamingResponse(_chunks(service, session, user, body, parts), media_type="text/event-stream", headers={"cache-control": "no-cache", "x-zhiyin-session": session})
    reply = await gather(parts)
    text = "\n\n".join(t for t in (reply.done.text, listed(reply.slate, service.app.wording, str(reply.understood.state.language))) if t)
    await _remember(service, session, user, body, text)
    message = {"role": "assistant", "content": text, "zhiyin": _beside(service, session, reply)}
    whole = {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(service.clock().timestamp()),
        "model": _name(service),
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": _usage(reply.done),
    }
    return JSONResponse(whole, headers={"x-zhiyin-session": session})


def listed(slate: Sequence[Candidate], wording: Wording, language: str) -> str:
    """The slate as a numbered list for clients that show text only: title, what is worth a line, why."""
    lines = []
    for n, c in enumerate(slate, start=1):
        facts = wording.facts(c, language)[:2]
        why = next((r.text for r in c.reasons), "")
        lines.append(f"{n}. **{wording.title(c.item, language)}** " + " · ".join([*facts, *([why] if why else [])]))
    return "\n".join(lines)


async def _place(service: Service, who: Caller, body: Completion, named: str | None) -> tuple[SessionId, UserId]:
    """The session that a history belongs to: the one named, else the one that grew by these very messages, else a new one that is told them again."""
    if named is not None:
        session = SessionId(named)
        if await service.archive.owner(session) is None:
            return session, who.acting_as(body.user)
        return session, await owner_of(service, who, named, body.user)
    earlier = [m.text[:_LONGEST] for m in body.messages[:-1] if m.role == "user"]
    user = who.user or UserId(body.user or f"key:{who.key or who.kind}") if who.kind != "browser" else who.acting_as(body.user)
    if not earlier:  # a first message begins a session of its own, found again by the history that follows it
        return SessionId(uuid.uuid4().hex), user
    found = await service.records.get(_HISTORY, _sign(user, [m.text for m in body.messages[:-1] if m.role in _SPOKEN]))
    if found is not None and found.value is not None:
        return SessionId(found.value), user
    session = SessionId(uuid.uuid4().hex)
    await _retold(service.app.engine, session, user, earlier[-_REPLAYED:], service)
    return session, user


def _sign(user: UserId, spoken: Sequence[str]) -> str:
    """A history's key: what was said by both, to the letter, by one user."""
    return hashlib.sha256(json.dumps([user, *spoken], ensure_ascii=False).encode()).hexdigest()


async def _remember(service: Service, session: SessionId, user: UserId, body: Completion, text: str) -> None:
    """Keep which session a history is of once this reply is part of it."""
    spoken = [*(m.text for m in body.messages if m.role in _SPOKEN), text]
    await service.records.put(_HISTORY, _sign(user, spoken), session, expires=service.clock() + _KEPT)


async def _retold(engine: Engine, session: SessionId, user: UserId, texts: Sequence[str], service: Service) -> None:
    """A fresh session brought to where the history left it."""
    for text in texts:
        await gather(engine.answer(Turn(session=session, user=user, text=text, time=service.clock())))


async def _chunks(service: Service, session: SessionId, user: UserId, body: Completion, parts: AsyncGenerator[Part, None]) -> AsyncGenerator[str, None]:
    identity, created = f"chatcmpl-{uuid.uuid4().hex}", int(service.clock().timestamp())

    def chunk(delta: Mapping[str, object], finish: str | None = None, **more: object) -> str:
        body = {
            "id": identity,
            "object": "chat.completion.chunk",
            "created": created,
            "model": _name(service),
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
            **more,
        }
        return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"

    yield chunk({"role": "assistant", "content": ""})
    understood: Understood | None = None
    shown = Shown(slate=())
    async with aclosing(parts):
        async for part in parts:
            match part:
                case Understood():
                    understood = part
                case Shown():
                    shown = part
                case Words():
                    yield chunk({"content": part.text})
                case Done() if understood is not None:
                    reply = Reply(understood=understood, slate=shown.slate, recommendation=shown.recommendation, done=part)
                    if listing := listed(shown.slate, service.app.wording, str(understood.state.language)):
                        yield chunk({"content": f"\n\n{listing}"})
                    await _remember(service, session, user, body, "\n\n".join(t for t in (part.text, listing) if t))
                    yield chunk({"zhiyin": _beside(service, session, reply)}, "stop", usage=_usage(part))
                case _:
                    pass
    yield "data: [DONE]\n\n"


def _beside(service: Service, session: SessionId, reply: Reply) -> Json:
    """What a client that knows us finds beside the text."""
    whole = reply_json(reply, service.app.catalog)
    return {"session_id": session, **{name: whole[name] for name in ("recommendation_id", "items", "constraints", "question", "relaxed", "act", "language")}}


def _usage(done: Done) -> Json:
    """Tokens of the language model behind the words; zeros where none was asked."""
    prompt, answer = sum(c.usage.prompt for c in done.calls), sum(c.usage.answer for c in done.calls)
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}


def _name(service: Service) -> str:
    return f"zhiyin-{service.app.domain.name}"
