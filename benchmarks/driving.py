"""An HTTP client for load: requests are bytes made beforehand, answers are cut at their content-length, times are taken from when a request was due."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CONVERSATIONS = Path(__file__).parent.parent / "tests" / "conversations"
SEED = 7
_SECONDS = 30.0  # without an answer: the request has failed
_OPENINGS = ("", "ok, ", "well, ", "hi, ", "so, ", "please: ")  # each message under several forms: the cache of sentence vectors holds 512


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; status 0 where nothing did."""

    due: float  # seconds on the clock
    took: float  # milliseconds from then on
    status: int
    body: bytes = b""
    head: bytes = b""


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._read, self._waiting = bytearray(), None  # type: bytearray, asyncio.Future[tuple[int, bytes, bytes]] | None
        self.open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        assert isinstance(transport, asyncio.Transport)
        self._transport, self.open = transport, True

    def data_received(self, data: bytes) -> None:
        """A piece of an answer."""
        self._read += data
        end = self._read.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._read[:end]).lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 : (head + b"\r\n").find(b"\r\n", at)]) if at >= 0 else 0
        if len(self._read) - end - 4 < length:
            return
        body = bytes(self._read[end + 4 : end + 4 + length])
        del self._read[: end + 4 + length]
        if b"connection: close" in head:
            self.open = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result((int(head[9:12]), body, head))

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self.open = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(exc or ConnectionResetError())

    async def ask(self, request: bytes) -> tuple[int, bytes, bytes]:
        """Status, body and head of the answer."""
        if self._transport is None or not self.open:
            raise ConnectionResetError
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        async with asyncio.timeout(_SECONDS):
            return await self._waiting

    def close(self) -> None:
        """Hang up."""
        self.open = False
        if self._transport is not None:
            self._transport.abort()


class Client:
    """Connections to one port. `kept`: those that are idle are used again; else each request has a new one."""

    def __init__(self, port: int, *, kept: bool = True) -> None:
        self.port, self.kept, self.opened = port, kept, 0
        self._idle: list[Connection] = []

    async def ask(self, request: bytes, *, due: float | None = None) -> Answer:
        """The answer; status 0 where the connection failed."""
        due = time.perf_counter() if due is None else due
        connection = self._idle.pop() if self._idle else None
        try:
            if connection is None or not connection.open:
                connection = await self._open()
            status, body, head = await connection.ask(request)
        except (OSError, TimeoutError):
            if connection is not None:
                connection.close()
            return Answer(due, (time.perf_counter() - due) * 1000, 0)
        if self.kept and connection.open:
            self._idle.append(connection)
        else:
            connection.close()
        return Answer(due, (time.perf_counter() - due) * 1000, status, body, head)

    async def _open(self) -> Connection:
        self.opened += 1
        _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", self.port)
        return connection

    def close(self) -> None:
        """Hang up everywhere."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()


def post(path: str, body: object, *, method: str = "POST") -> bytes:
    """A request as it goes over the wire."""
    content = json.dumps(body, ensure_ascii=False).encode()
    return f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n".encode() + content


class Talks:
    """Users who talk: sessions of the test conversations, each of a user of its own, no message in the same form twice within a thousand.

    `ask` says the next message of a session that has its answer, or begins another one.
    """

    def __init__(self, domain: str, *, length: int = 0, messages: Callable[[], Iterator[Sequence[str]]] | None = None, name: str = "u") -> None:
        self._sessions = (messages or (lambda: conversations(domain)))()
        self._length, self._name, self._count = length, name, 0
        self._ready: deque[_Talk] = deque()

    async def ask(self, client: Client, due: float | None = None) -> Answer:
        """One turn."""
        talk = self._ready.popleft() if self._ready else self._begin()
        text = talk.texts.popleft()
        body: dict[str, object] = {"message": {"text": text}, "user": talk.user}
        if talk.session:
            body["session_id"] = talk.session
        answer = await client.ask(post("/v1/chat", body), due=due)
        if answer.status == 200:
            if not talk.session:
                talk.session = cut(answer.body, b'"session_id":"')
            if talk.texts:
                self._ready.append(talk)
        elif answer.status != 0:
            talk.texts.appendleft(text)
            self._ready.append(talk)  # said again later
        return answer

    def _begin(self) -> _Talk:
        self._count += 1
        texts = deque(next(self._sessions))
        while len(texts) < self._length:
            texts += next(self._sessions)
        return _Talk(f"{self._name}-{self._count}", texts)


@dataclass(slots=True)
class _Talk:
    user: str
    texts: deque[str]
    session: str = ""


def conversations(domain: str) -> Iterator[list[str]]:
    """The sessions of the test conversations of a domain, for ever; each round in another order and opened with other words."""
    cases = [json.loads(line) for file in sorted(CONVERSATIONS.glob("*.jsonl")) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    sessions = [[t["say"] for t in case["turns"] if not t["say"].startswith("/")] for case in cases if case["domain"] == domain]
    sessions = [session for session in sessions if session]
    order = random.Random(SEED)
    for round_ in range(1_000_000):
        order.shuffle(sessions)
        opening = _OPENINGS[round_ % len(_OPENINGS)]
        yield from ([f"{opening}{text}" for text in session] for session in sessions)


def cut(body: bytes, before: bytes) -> str:
    """What stands between a mark and the next quote."""
    at = body.find(before)
    return body[at + len(before) : body.index(b'"', at + len(before))].decode() if at >= 0 else ""


async def open_loop(ask: Callable[[float], Awaitable[Answer]], rate: float, seconds: float, *, seed: int = SEED) -> list[Answer]:
    """So many requests a second at random moments (Poisson), whether or not earlier ones are answered. Times count from the moment a request was due."""
    moments = random.Random(seed)
    due = time.perf_counter() + 0.05
    end = due + seconds
    tasks: list[asyncio.Task[Answer]] = []
    while (due := due + moments.expovariate(rate)) < end:
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.ensure_future(ask(due)))
    return list(await asyncio.gather(*tasks))


async def closed_loop(ask: Callable[[], Awaitable[Answer]], callers: int, seconds: float) -> tuple[list[Answer], float]:
    """So many callers, each asking again when it has its answer; the answers and the seconds they took."""
    begun = time.perf_counter()
    answers: list[Answer] = []

    async def call() -> None:
        while time.perf_counter() - begun < seconds:
            answers.append(await ask())

    await asyncio.gather(*(call() for _ in range(callers)))
    return answers, time.perf_counter() - begun


def centile(times: Sequence[float], which: float) -> float:
    """A percentile; infinite of nothing."""
    return float(np.percentile(times, which, method="inverted_cdf")) if len(times) else float("inf")  # which never lies between a number and infinity


def promised(answers: Sequence[Answer], which: float) -> float:
    """The percentile over all requests; one that was not answered with success counts as never answered."""
    return centile([a.took if 200 <= a.status < 300 else float("inf") for a in answers], which) if answers else float("inf")
