"""Any server that speaks OpenAI's chat completions: OpenAI, llama.cpp, vLLM, Ollama, LM Studio … through the `openai` SDK."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import math
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from zhiyin.errors import ContextTooSmall, ModelBusy, ModelError, ModelRefused, ModelUnreachable, SettingError
from zhiyin.llm import LLMChunk, LLMRequest, Rung
from zhiyin.llms.grammar import gbnf
from zhiyin.llms.structured import Spoken, plain, tell
from zhiyin.types import Usage

if TYPE_CHECKING:
    import openai
    from openai.types.chat import ChatCompletionChunk

_GRACE = 60.0  # seconds between two pieces beyond the deadline of the whole; `Deadline` ends calls, this only frees what it forgot
_LISTING = 5.0  # seconds to name the models there are
_TOP = 20  # the most first tokens that servers tell probabilities of
_NO_ROOM = re.compile(r"context[ _](?:length|size|window)|maximum context|n_ctx|(?:prompt|input|request) is too (?:long|large)|too many (?:input )?tokens", re.IGNORECASE)
_NO_FORM = re.compile(r"response_format|json_schema|json_object|json mode|schema|grammar|structured|guided", re.IGNORECASE)
# What a server may refuse to hear of and can be asked without: words of its refusal -> the quirk that leaves it out.
_QUIRKS = {"logprobs": re.compile(r"logprob", re.IGNORECASE), "usage": re.compile(r"stream_options|include_usage"), "max_tokens": re.compile(r"max_completion_tokens")}
_QUIRKS |= {"temperature": re.compile(r"temperature"), "stop": re.compile(r"'stop'|\bstop\b.*not supported")}


@dataclass(slots=True)
class _Progress:
    """What of an answer has come."""

    spoken: Spoken = field(default_factory=Spoken)
    ended: bool = False
    usage: Usage | None = None


class OpenAICompatible:
    """The `LLM` port over a server's chat completions.

    `rung` is how the server is held to a schema (see docs/reference/models.md); what it refuses is left out from then on.
    `context`, where known, refuses prompts that surely do not fit: some servers cut them without a word.
    """

    def __init__(self, model: str, base_url: str, key: str = "", *, rung: Rung = Rung.SCHEMA, context: int = 0) -> None:
        if importlib.util.find_spec("openai") is None:
            raise SettingError("models on a server need the package openai, which is not installed here", hint="pip install 'zhiyin[openai]'")
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise SettingError("the base URL of a model's server begins with http:// or https:// and names a host", hint="for example: openai:MODEL@http://localhost:8000/v1")
        if not re.fullmatch(r"[\x21-\x7e]*", key := key.strip()):  # an HTTP library would quote it in its error
            raise SettingError("an API key has signs that no HTTP header can hold", hint="Set the key with ZHIYIN_LLM__KEY")
        self._model, self._base_url, self._key = model, base_url, key
        self._address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"  # for people: without a password in it
        self._context = context
        self._begun = self._rung = rung
        self._quirks: set[str] = set()
        self._client: openai.AsyncOpenAI | None = None

    @property
    def name(self) -> str:
        """The model and where it is served."""
        return f"{self._model}@{self._address}"

    @property
    def rung(self) -> Rung:
        """How schemas are asked for now."""
        return self._rung

    async def stream(self, request: LLMRequest, /) -> AsyncGenerator[LLMChunk, None]:
        """The answer in pieces; what a server refuses to hear of is left out and asked again at once, before anything is shown."""
        if self._context and _fewest(request.text) + request.max_tokens > self._context:
            raise ContextTooSmall(f"the prompt does not fit into the {self._context} tokens of {self.name}")
        sdk = await asyncio.to_thread(importlib.import_module, "openai")  # half a second, once; the event loop goes on
        if self._client is None:
            self._client = sdk.AsyncOpenAI(api_key=self._key or "none", base_url=self._base_url, max_retries=0)
        began = False
        while True:
            sent = frozenset(self._quirks), self._rung
            try:
                async with aclosing(self._once(request, self._client)) as chunks:
                    async for chunk in chunks:
                        began = True
                        yield chunk
            except sdk.OpenAIError as error:
                if await self._gives_way(request, error, sent):
                    continue
                trouble = await self._translated(error, sdk, began=began)
                raise trouble from self._cause(error)
            except ValueError as error:  # bytes that are no UTF-8, events that are no JSON
                raise self._unreadable() from self._cause(error)
            else:
                return

    def seconds(self, request: LLMRequest, /) -> float:
        """Zero: a server's speed is not known before it is measured."""
        return 0.0

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _once(self, request: LLMRequest, client: openai.AsyncOpenAI) -> AsyncGenerator[LLMChunk, None]:
        progress = _Progress()
        # Any: the body is made of a table of what this server takes, which the SDK's 40 overloads cannot check.
        create: Any = client.chat.completions.create
        stream = await create(**self._body(request), timeout=request.seconds + _GRACE)
        try:
            async for event in stream:
                try:
                    chunk = self._chunk(event, request, progress)
                except (AttributeError, TypeError, LookupError) as error:  # JSON of another shape; the SDK does not check
                    raise self._unreadable() from self._cause(error)
                if chunk:
                    yield chunk
        finally:
            await stream.close()  # the server stops when the connection does
        if not progress.ended:
            raise ModelUnreachable(f"{self._address} broke off in the middle of an answer", hint="See the server's log")
        yield LLMChunk(text=progress.spoken.end(), usage=progress.usage)

    def _body(self, request: LLMRequest) -> dict[str, object]:
        messages = request.messages
        body: dict[str, object] = {"model": self._model, "stream": True}
        body["max_completion_tokens" if "max_tokens" in self._quirks else "max_tokens"] = 1 if request.choices else request.max_tokens
        if "temperature" not in self._quirks:
            body["temperature"] = request.temperature
        if "usage" not in self._quirks:
            body["stream_options"] = {"include_usage": True}
        if request.stop and "stop" not in self._quirks:
            body["stop"] = list(request.stop)
        if request.choices and "logprobs" not in self._quirks:
            body |= {"logprobs": True, "top_logprobs": _TOP}
        if request.schema is not None:
            form = self._form(request.schema)
            body |= form
            if not form or self._rung is Rung.JSON or self._rung is not self._begun:  # a rung climbed down to is not known to be enforced
                messages = tell(messages, request.schema)
        body["messages"] = [{"role": message.role, "content": message.text} for message in messages]
        return body

    def _form(self, schema: Mapping[str, object]) -> dict[str, object]:
        match self._rung:
            case Rung.SCHEMA:
                shape = plain(schema) if "limits" in self._quirks else schema
                return {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": shape}}}
            case Rung.JSON:
                return {"response_format": {"type": "json_object"}}
            case Rung.GRAMMAR:
                try:
                    return {"extra_body": {"grammar": gbnf(schema)}}
                except ValueError:  # beyond our grammars: told in the prompt, like where there are none
                    return {}
            case Rung.NONE:
                return {}

    def _chunk(self, event: ChatCompletionChunk, request: LLMRequest, progress: _Progress) -> LLMChunk | None:
        """What an event adds to the answer, if it does. `reasoning_content` is no part of it."""
        if event.usage is not None:
            progress.ended, progress.usage = True, self._usage(event)
        if not event.choices:
            return None
        choice = event.choices[0]
        progress.ended = progress.ended or choice.finish_reason is not None
        text = progress.spoken.add((choice.delta.content if choice.delta else None) or "")
        likely = _likely(choice.logprobs, request.choices) if request.choices else {}
        return LLMChunk(text=text, choices=likely) if text or likely else None

    def _usage(self, event: ChatCompletionChunk) -> Usage:
        usage = event.usage
        assert usage is not None  # its caller looked
        details = usage.prompt_tokens_details
        cached = (details.cached_tokens if details else None) or 0
        timings = (event.model_extra or {}).get("timings")  # llama.cpp's own
        if isinstance(timings, dict) and isinstance(reused := timings.get("cache_n"), int):
            cached = max(cached, reused)
        return Usage(prompt=usage.prompt_tokens or 0, cached=cached, answer=usage.completion_tokens or 0, model=self._model)

    async def _gives_way(self, request: LLMRequest, error: openai.OpenAIError, sent: tuple[frozenset[str], Rung]) -> bool:
        """Whether a refusal is of something that can be left out; then it is, for good. A probe wants to be refused its rung."""
        status, said = getattr(error, "status_code", 0), str(error)
        if status not in {400, 422, 501} or _NO_ROOM.search(said):
            return False
        if sent != (frozenset(self._quirks), self._rung):  # another call learned it meanwhile
            return True
        for quirk, words in _QUIRKS.items():
            if words.search(said) and quirk not in self._quirks:
                self._quirks.add(quirk)
                return True
        if request.schema is None or not _NO_FORM.search(said):
            return False
        if self._rung is Rung.SCHEMA and plain(request.schema) != request.schema and "limits" not in self._quirks:
            self._quirks.add("limits")
            return True
        if request.purpose == "probe" or self._rung is Rung.NONE:
            return False
        ladder = list(Rung)
        self._rung = ladder[ladder.index(self._rung) + 1]
        return True

    async def _translated(self, error: openai.OpenAIError, sdk: Any, *, began: bool) -> ModelError:  # noqa: ANN401  # a module, imported late
        """The vendor's error in our words; the server's own are quoted, shortened, without the key."""
        said = self._clean(str(error))
        match error:
            case sdk.APIConnectionError() if began:
                return ModelUnreachable(f"the connection to {self._address} broke in the middle of an answer", hint="See the server's log")
            case sdk.APIConnectionError():
                return ModelUnreachable(f"nobody answers at {self._address}", hint="Is the server running? Check llm.url")
            case sdk.AuthenticationError() | sdk.PermissionDeniedError():
                return ModelRefused(f"{self._address} does not accept the key", hint="Set the key with ZHIYIN_LLM__KEY")
            case sdk.NotFoundError():
                return ModelRefused(f"{self._address} has no model {self._model!r}, or is not the address of one: {said}", hint=await self._models(sdk))
            case sdk.RateLimitError() if error.code != "insufficient_quota":
                return ModelBusy(f"{self._address} has too many requests: {said}")
            case sdk.APIError() if _NO_ROOM.search(said) or getattr(error, "status_code", 0) == 413:
                return ContextTooSmall(f"the prompt does not fit into the context of {self.name}: {said}", hint="Start the server with a larger context, at least 4096 tokens")
            case sdk.InternalServerError():
                return ModelUnreachable(f"{self._address} failed: {said}", hint="See the server's log; a model that is still being loaded answers later")
            case sdk.APIStatusError():
                return ModelRefused(f"{self._address} refuses: {said}")
        return ModelUnreachable(f"{self._address} broke off: {said}", hint="See the server's log")

    async def _models(self, sdk: Any) -> str:  # noqa: ANN401
        """A hint that names the models the server has, where it tells."""
        assert self._client is not None  # it has just answered
        try:
            page = await self._client.models.list(timeout=_LISTING)
        except (sdk.OpenAIError, ValueError):
            return "Check the model's name and the path in llm.url; most addresses end in /v1"
        names = ", ".join(model.id for model in page.data[:8])
        return self._clean(f"It has: {names}") if names else "It has no models"

    def _unreadable(self) -> ModelUnreachable:
        return ModelUnreachable(f"{self._address} sent what cannot be read", hint="Is this the address of a chat model? Check llm.url")

    def _cause(self, error: Exception) -> Exception | None:
        """The error as a cause, unless a server has echoed the key into it."""
        return None if self._key and self._key in str(error) else error

    def _clean(self, text: str) -> str:
        shown = text.replace(self._key, "…") if self._key else text
        shown = " ".join(shown.split())
        return shown if len(shown) <= 200 else shown[:199] + "…"


def _likely(logprobs: object, choices: tuple[str, ...]) -> dict[str, float]:
    """Log probabilities of the choices among the likeliest first tokens; of two spellings with and without space, their sum's."""
    content = getattr(logprobs, "content", None) or ()
    found: dict[str, list[float]] = {}
    for top in (content[0].top_logprobs or ()) if content else ():
        token = top.token.strip(" Ġ▁")  # the marks of a space in servers that show raw tokens
        if token in choices:
            found.setdefault(token, []).append(top.logprob)
    return {token: _log_sum(values) for token, values in found.items()}


def _log_sum(values: list[float]) -> float:
    highest = max(values)
    return highest if len(values) == 1 else min(0.0, highest + math.log(sum(math.exp(value - highest) for value in values)))


def _fewest(text: str) -> int:
    """Fewer tokens than any tokenizer makes of a text, nearly: eight letters, or two Chinese characters, to a token."""
    wide = sum(1 for sign in text if sign >= "\u2e80")
    return (len(text) - wide) // 8 + wide // 2
