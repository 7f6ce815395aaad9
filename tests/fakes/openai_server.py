"""A real HTTP server on this machine that speaks OpenAI's chat completions, well or badly, as its mode says."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Body = dict[str, Any]
KEY, MODEL = "secret-key-of-the-test", "tiny"


class Mode(StrEnum):
    """What the server does to every request."""

    GOOD = "good"
    BREAKS = "closes in the middle of the answer"
    ENDS = "ends the body in the middle of the answer, as if that were all"
    DRIPS = "a word each tenth of a second, for ever"
    HANGS = "never answers"
    GARBAGE = "bytes that are no UTF-8"
    NONSENSE = "events that are JSON of another shape"
    PAGE = "a page of HTML"
    ERROR_EVENT = "an error as an event"
    BROKEN = "500"
    LOADING = "503"
    BUSY = "429"
    POOR = "429, for want of money"
    ECHOES = "400 with the key in it"
    NO_ROOM = "400: the prompt does not fit"


@dataclass
class FakeServer:
    """What it offers, and what was asked of it."""

    mode: Mode = Mode.GOOD
    enforced: frozenset[str] = frozenset({"json_schema", "json_object", "grammar"})  # what it holds answers to
    refused: frozenset[str] = frozenset()  # words of a request that are answered by 400
    plain_only: bool = False  # refuses schemas with lengths
    counts: bool = True  # tells usage
    timings: bool = False  # llama.cpp's own counts
    cuts: int = 0  # tokens that are kept of a prompt, the last ones, without a word
    room: int = 4096  # words; more are refused
    says: Callable[[str], str] = lambda _: "Rain is water that falls."
    thinks: str = ""  # as `reasoning_content`, before the answer
    held: int | None = None  # sentences, after which the others wait for `go_on`
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    whole: bool = False  # all pieces at once, when the last is made
    tops: tuple[tuple[str, float], ...] = ((" A", -0.3), ("B", -1.5), ("a", -2.0))
    seen: list[Body] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    calls: set[asyncio.Task[None]] = field(default_factory=set)
    port: int = 0

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        me = asyncio.current_task()
        assert me is not None
        self.calls.add(me)
        try:
            await self._talk(reader, writer)
        finally:
            writer.close()
            self.calls.discard(me)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = re.search(r"(?i)content-length: (\d+)", head)
            body = json.loads(await reader.readexactly(int(length[1]))) if length else {}
            key = re.search(r"(?i)authorization: Bearer (\S+)", head)
            self.keys.append(key[1] if key else "")
            answering = asyncio.create_task(self._answer(head, body, writer))
            leaving = asyncio.create_task(reader.read(1))
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                self.hung_up.set()
            for task in (answering, leaving):
                task.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)

    async def _answer(self, head: str, body: Body, writer: asyncio.StreamWriter) -> None:
        if head.startswith("GET /v1/models"):
            return await _send(writer, 200, {"object": "list", "data": [{"id": MODEL, "object": "model"}, {"id": "other", "object": "model"}]})
        self.seen.append(body)
        if trouble := self._trouble(body):
            return await _send(writer, *trouble)
        if self.mode is Mode.HANGS:
            await asyncio.sleep(3600)
        if self.mode is Mode.PAGE:
            return await _send(writer, 200, "<html>hello</html>", "text/html")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
        events = self._events(body)
        if self.whole:
            events = _at_once(b"".join([event async for event in events]), 0.02 * body.get("max_tokens", 0))
        async for event in events:
            writer.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
            await writer.drain()
        if self.mode is not Mode.BREAKS:
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        return None

    def _trouble(self, body: Body) -> tuple[int, object] | None:
        statuses = {Mode.BROKEN: (500, "it fell over"), Mode.LOADING: (503, "Loading model"), Mode.BUSY: (429, "slow down")}
        if self.keys[-1] != KEY:
            return 401, error_of("Incorrect API key provided")
        if self.mode in statuses:
            return statuses[self.mode][0], error_of(statuses[self.mode][1])
        if self.mode is Mode.POOR:
            return 429, error_of("You exceeded your current quota", code="insufficient_quota")
        if self.mode is Mode.ECHOES:
            return 400, error_of(f"odd request by {self.keys[-1]}")
        if body["model"] != MODEL:
            return 404, error_of(f"The model `{body['model']}` does not exist")
        if self.mode is Mode.NO_ROOM or sum(len(message["content"].split()) for message in body["messages"]) > self.room:
            return 400, error_of("request (6030 tokens) exceeds the available context size (4096 tokens), try increasing it")
        for word in sorted(self.refused):
            if f'"{word}"' in json.dumps({k: v for k, v in body.items() if k != "messages"}):
                return 400, error_of(f"Unsupported parameter: '{word}'" + (" Use 'max_completion_tokens' instead." if word == "max_tokens" else ""))
        if self.plain_only and '"maxLength"' in json.dumps(body):
            return 400, error_of("Invalid schema for response_format 'answer': In context=('properties', 'a'), 'maxLength' is not permitted")
        return None

    async def _events(self, body: Body) -> AsyncIterator[bytes]:
        if self.mode is Mode.GARBAGE:
            yield b"data: \xff\xfe\x00{{{\n\n"
            return
        if self.mode is Mode.NONSENSE:
            yield _event({"choices": [{"delta": {"content": 5}}], "usage": "much"})
            return
        if self.mode is Mode.ERROR_EVENT:
            yield _event({"error": {"message": "the graphics card is on fire", "code": 500}})
            return
        while self.mode is Mode.DRIPS:
            yield _delta({"content": "drop "})
            await asyncio.sleep(0.1)
        prompt = "\n".join(message["content"] for message in body["messages"]).split()
        if self.cuts:
            prompt = prompt[-self.cuts :]
        if self.thinks:
            yield _delta({"reasoning_content": self.thinks})
        said = self._text(body, " ".join(prompt))
        pieces = re.findall(r"\s*\S{1,6}", said)[: body.get("max_tokens", body.get("max_completion_tokens"))]
        for place, piece in enumerate(pieces):
            if not self.whole:
                await asyncio.sleep(0.002)
            yield _delta({"content": piece}, self._logprobs(body) if place == 0 else None)
            if self.held is not None and len(re.findall(r"\.\s", "".join(pieces[: place + 1]))) >= self.held:
                await self.go_on.wait()
            if self.mode in {Mode.BREAKS, Mode.ENDS} and place == 1:
                return
        yield _delta({}, finish="stop")
        if self.counts and body.get("stream_options", {}).get("include_usage"):
            usage = {"prompt_tokens": len(prompt), "completion_tokens": len(pieces), "total_tokens": 0, "prompt_tokens_details": {"cached_tokens": 3}}
            yield _event({"choices": [], "usage": usage} | ({"timings": {"cache_n": 5, "prompt_n": 1}} if self.timings else {}))
        yield b"data: [DONE]\n\n"

    def _text(self, body: Body, prompt: str) -> str:
        form = body.get("response_format", {})
        if form.get("type") == "json_schema" and "json_schema" in self.enforced:
            return json.dumps(filled(form["json_schema"]["schema"]), ensure_ascii=False)
        if "grammar" in body and "grammar" in self.enforced:
            words = re.findall(r'\\"(\w+)\\"', body["grammar"])  # an object of one property with one value
            return json.dumps({words[0]: words[1]})
        return self.says(prompt)

    def _logprobs(self, body: Body) -> Body | None:
        if not body.get("logprobs"):
            return None
        tops = [{"token": token, "logprob": value, "bytes": None} for token, value in self.tops]
        return {"content": [{"token": tops[0]["token"], "logprob": -0.3, "bytes": None, "top_logprobs": tops[: body["top_logprobs"]]}]} if tops else None


def filled(schema: Body) -> object:
    """The least value of a schema."""
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {key: filled(value) for key, value in schema["properties"].items()}
        case "array":
            return [filled(schema["items"])]
        case "integer" | "number":
            return 7
        case _:
            return "words"


def error_of(message: str, code: str | None = None) -> Body:
    """An error as OpenAI words it."""
    return {"error": {"message": message, "type": "invalid_request_error", "code": code}}


def _event(value: Body) -> bytes:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


def _delta(delta: Body, logprobs: Body | None = None, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": logprobs}
    return _event({"id": "1", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": [choice]})


async def _at_once(events: bytes, seconds: float) -> AsyncIterator[bytes]:
    await asyncio.sleep(seconds)
    yield events


async def _send(writer: asyncio.StreamWriter, status: int, value: object, kind: str = "application/json") -> None:
    content = value.encode() if isinstance(value, str) else json.dumps(value).encode()
    writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode() + content)
    await writer.drain()


@asynccontextmanager
async def serving(**given: Any) -> AsyncIterator[FakeServer]:
    """A running server."""
    fake = FakeServer(**given)
    server = await asyncio.start_server(fake._serve, "127.0.0.1", 0)
    fake.port = server.sockets[0].getsockname()[1]
    async with server:
        yield fake
        await asyncio.wait_for(asyncio.gather(*fake.calls), 10)  # clients have hung up; a cancelled call would be logged as an error
        await asyncio.sleep(0)  # transports close at the loop's next turn
