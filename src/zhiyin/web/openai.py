"""`POST /v1/chat/completions` and `GET /v1/models`: any client of OpenAI's chat interface can talk to the recommender."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException as StarletteHTTPException

from zhiyin.errors import ZhiyinError
from zhiyin.reply.wording import Wording
from zhiyin.types import Candidate, Done, SessionId, UserId
from zhiyin.web.answering import Leavable, say, unless_gone
from zhiyin.web.belonging import place_of
from zhiyin.web.bodies import LONGEST_MESSAGE, Id, Whole
from zhiyin.web.callers import Caller, Who
from zhiyin.web.formats import Format
from zhiyin.web.histories import Histories, Spoken
from zhiyin.web.problems import Problem, invalid, missing, problem_of
from zhiyin.web.running import Running
from zhiyin.web.service import Here, Service
from zhiyin.wire import Json


class InTheirWords(APIRoute):
    """A route whose problems have the shape that OpenAI's clients read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route, with its errors told as theirs."""
        answer = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await answer(request)
            except (ZhiyinError, RequestValidationError, StarletteHTTPException) as error:
                problem = problem_of(error)
                headers = dict(problem.headers) if problem.retry_after is None else {**problem.headers, "retry-after": str(max(1, math.ceil(problem.retry_after)))}
                return JSONResponse({"error": error_json(problem)}, problem.status, headers)

        return told


router = APIRouter(tags=["openai"], route_class=InTheirWords)
_KINDS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_REFUSED = {
    **dict.fromkeys(("tools", "tool_choice", "parallel_tool_calls", "functions", "function_call"), "no tool is called: replies are a recommender's, with real items"),
    **dict.fromkeys(("logprobs", "top_logprobs", "logit_bias"), "there are no token probabilities to tell or to change"),
    **dict.fromkeys(("audio", "modalities", "prediction", "web_search_options", "stop"), "it is not done here"),
}
_DONE_ANYWAY: Mapping[str, tuple[object, ...]] = {"tool_choice": ("none", "auto"), "modalities": (["text"],), "logprobs": (False,)}
"""Values that ask for nothing which is not done anyway."""
_OF_WORDING = {
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "store",
    "service_tier",
    "reasoning_effort",
    "verbosity",
}
"""Parameters of a language model's wording. A grounded reply has nothing that they could change, and many clients always send some."""
_BESIDE = ("recommendation_id", "items", "constraints", "question", "relaxed", "act", "language", "notices", "suggestions", "user")


class Part(BaseModel):
    """A part of a message's content."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    type: str = Field(max_length=100)
    text: Whole = ""


class Message(BaseModel):
    """A message as OpenAI's interface has it; its content is text, or parts of text."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Whole | list[Part] | None = None

    @property
    def text(self) -> str:
        """The text; parts on lines of their own."""
        return (self.content or "") if not isinstance(self.content, list) else "\n".join(part.text for part in self.content)


class StreamOptions(BaseModel):
    """What else a stream is to tell."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    include_usage: bool = False


class Completion(BaseModel):
    """The body. What would change the answer and is not done here is refused by name, never ignored."""

    model_config = ConfigDict(extra="allow", frozen=True)

    model: str = Field("", max_length=200)
    messages: list[Message] = Field(min_length=1, max_length=1000)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    response_format: dict[str, Any] | None = None
    metadata: dict[str, str] | None = None
    user: Id | None = Field(None, description="whom the conversation is with; an anonymous user where nobody is named")

    def check(self) -> None:
        """Raises a 400 that names what cannot be read or is not done here."""
        for name, value in (self.model_extra or {}).items():
            if value is not None and name not in _OF_WORDING and value not in _DONE_ANYWAY.get(name, ()):
                raise invalid(name[:100], _REFUSED.get(name, "it is not done here"))
        if self.n not in {None, 1}:
            raise invalid("n", "one reply is given")
        for place, message in enumerate(self.messages):
            strange = next((p.type for p in message.content if p.type != "text"), None) if isinstance(message.content, list) else None
            if strange and message.role == "user":
                raise invalid(f"messages.{place}.content", f"parts of the type {strange!r} cannot be read; text can", code="unsupported_input")
        last = len(self.messages) - 1
        if self.messages[last].role != "user":
            raise invalid(f"messages.{last}.role", "the last message must be the user's")
        if len(self.messages[last].text) > LONGEST_MESSAGE:
            raise invalid(f"messages.{last}.content", f"at most {LONGEST_MESSAGE} characters")

    @property
    def spoken(self) -> list[Spoken]:
        """What user and assistant said; instructions to a language model are not for us."""
        return [Spoken(m.role == "user", m.text) for m in self.messages if m.role in {"user", "assistant"}]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answering:
    """A completion on its way: the turn that makes it, and how it is written."""

    service: Service
    histories: Histories
    body: Completion
    form: Format
    session: SessionId
    user: UserId
    running: Running
    identity: str

    def content(self) -> str:
        """The whole content, once the turn is over: words and list, or the reply object."""
        reply, told = self.running.told.reply, self.running.told
        if reply is None or told.understood is None:
            raise RuntimeError("a reply is written before it is complete")
        if self.form.json:
            return self.form.written({"reply": reply["reply"], "session_id": self.session, **{name: reply[name] for name in _BESIDE}})
        slate = told.shown.slate if told.shown else ()
        return "\n\n".join(t for t in (str(reply["reply"]), listed(slate, told.wording, str(told.understood.state.language))) if t)

    def beside(self) -> Json:
        """What a client that knows us finds beside the text."""
        reply = self.running.told.reply or {}
        return {"session_id": self.session, **{name: reply[name] for name in _BESIDE}}

    async def remember(self, content: str) -> None:
        """Have the next request, which brings this reply with it, find this session."""
        understood = self.running.told.understood
        if understood is not None:
            await self.histories.remember([*self.body.spoken, Spoken(by_user=False, text=content)], self.session, understood.state.turn)

    def usage(self) -> Json:
        """Tokens of the language model behind the words; zeros where none was asked."""
        calls = (self.running.told.done or Done(text="")).calls
        prompt, answer = sum(c.usage.prompt for c in calls), sum(c.usage.answer for c in calls)
        return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}

    def head(self, kind: str) -> Json:
        """What every object of the answer begins with."""
        return {"id": self.identity, "object": kind, "created": int(self.service.clock().timestamp()), "model": _name(self.service)}


@router.get("/v1/models")
async def models(service: Here, who: Who) -> Json:
    """What can be named as `model`: the recommender of the domain that is served."""
    return {"object": "list", "data": [_model(service)]}


@router.get("/v1/models/{name}")
async def model(service: Here, who: Who, name: str) -> Json:
    """One of them."""
    if name != _name(service):
        raise missing("model")
    return _model(service)


@router.post("/v1/chat/completions", response_class=Response)
async def complete(*, service: Here, who: Who, body: Completion, request: Request, x_zhiyin_session: Annotated[Id | None, Header()] = None) -> Response:
    """Answer the last message of a conversation. A client that sends its growing history is in the same session each time."""
    body.check()
    form, histories = Format(body.response_format), Histories(service, who, body.user)
    session, user = await _place(service, who, body, histories, x_zhiyin_session)
    running = await say(service, session, user, body.messages[-1].text)
    answering = _Answering(service=service, histories=histories, body=body, form=form, session=session, user=user, running=running, identity=f"chatcmpl-{uuid.uuid4().hex}")
    headers = {"x-zhiyin-session": session}
    if body.stream:
        return Leavable(_chunks(answering), {**headers, "cache-control": "no-cache", "x-accel-buffering": "no"})
    await unless_gone(running, request)
    content = answering.content()
    await answering.remember(content)
    message = {"role": "assistant", "content": content, "refusal": None, "zhiyin": answering.beside()}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return JSONResponse({**answering.head("chat.completion"), "choices": [choice], "usage": answering.usage()}, headers=headers)


def error_json(problem: Problem) -> Json:
    """A problem as OpenAI's clients read it."""
    field = str(problem.errors[0].get("field") or "") if problem.errors else ""
    kind = _KINDS.get(problem.status, "invalid_request_error" if problem.status < 500 else "server_error")
    return {"message": problem.detail, "type": kind, "param": field or None, "code": problem.code}


def listed(slate: Sequence[Candidate], wording: Wording, language: str) -> str:
    """The slate as a numbered list, for clients that show text only: title, what is worth a line, one reason."""
    return "\n".join(
        f"{n}. **{wording.title(c.item, language)}**" + "".join(f" · {told}" for told in (*wording.facts(c, language)[:2], *(r.text for r in c.reasons[:1] if r.text)))
        for n, c in enumerate(slate, start=1)
    )


async def _place(service: Service, who: Caller, body: Completion, histories: Histories, header: str | None) -> tuple[SessionId, UserId]:
    """The session that is named, by header or in the metadata; else the one that the history is of."""
    named = header or (body.metadata or {}).get("session_id")
    if named is None:
        return await histories.place(body.spoken[:-1])
    if not 1 <= len(named) <= 128 or not named.isprintable():
        raise invalid("metadata.session_id", "1 to 128 printable characters")
    return await place_of(service, who, named, body.user, makes=True)


async def _chunks(answering: _Answering) -> AsyncGenerator[bytes, None]:
    """The answer as OpenAI streams it: words as they come, then the list, then what lies beside it."""

    def chunk(delta: Mapping[str, object], finish: str | None = None) -> bytes:
        return _event({**answering.head("chat.completion.chunk"), "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    yield chunk({"role": "assistant", "content": ""})
    said = ""
    async with aclosing(answering.running.read()) as frames:
        async for frame in frames:
            if frame is None:
                yield b": ping\n\n"
            elif frame.data.startswith('{"type":"text-delta"') and not answering.form.json:
                words = json.loads(frame.data)["delta"]
                said += words
                yield chunk({"content": words})
    try:
        await answering.running.whole()  # raises what went wrong
        content = answering.content()
        await answering.remember(content)
    except ZhiyinError as error:
        yield _event({"error": error_json(problem_of(error))})
    else:
        if len(content) > len(said):
            yield chunk({"content": content[len(said) :]})
        yield chunk({"zhiyin": answering.beside()}, "stop")
        if answering.body.stream_options and answering.body.stream_options.include_usage:
            yield _event({**answering.head("chat.completion.chunk"), "choices": [], "usage": answering.usage()})
    yield b"data: [DONE]\n\n"


def _event(body: Mapping[str, object]) -> bytes:
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n".encode("utf-8", "backslashreplace")


def _model(service: Service) -> Json:
    return {"id": _name(service), "object": "model", "created": 0, "owned_by": "zhiyin"}


def _name(service: Service) -> str:
    return f"zhiyin-{service.app.domain.name}"
