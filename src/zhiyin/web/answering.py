"""A turn begun and its answer sent: as one JSON object, or as a stream that a reader may leave and come back to."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress
from functools import partial

from fastapi.responses import JSONResponse, Response
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from zhiyin.types import Language, Part, SessionId, Shown, Turn, UserId, Wish
from zhiyin.web.limits import admit_turn
from zhiyin.web.personal import personal
from zhiyin.web.running import Running
from zhiyin.web.service import Service
from zhiyin.web.stream import PROTOCOL, Told
from zhiyin.wire import Json

Parts = Callable[[], AsyncGenerator[Part]]


async def begin(service: Service, session: SessionId, user: UserId, parts: Parts, text: str = "") -> Running:
    """A turn that has understood, counted where it ends; `text` is what is said in it. Raises the 429 of a user who asks too often, the 503 of a server that has too much to do."""
    await admit_turn(service.limiter, user, service.settings.http)
    told = Told(service.app.wording, session=session, user=user, turn=uuid.uuid4().hex)
    ahead = partial(service.ahead.embed, text) if text else None
    return await service.turns.begin(told, parts, service.gate, ahead=ahead, over=lambda running: _count(service, running))


async def say(
    service: Service, session: SessionId, user: UserId, text: str, *, limit: int | None = None, filters: tuple[Wish, ...] = (), language: Language | None = None
) -> Running:
    """A message said in a session: its turn, begun."""
    engine, personally = service.app.engine, await personal(service.records, user)
    turn = Turn(session=session, user=user, text=text, time=service.clock())
    return await begin(service, session, user, lambda: engine.answer(turn, limit=limit, filters=filters, personal=personally, language=language), text)


async def answer(running: Running, request: Request, *, stream: bool) -> Response:
    """The answer of a turn, in the form that was asked for."""
    if stream:
        return EventStream(running)
    return JSONResponse(await unless_gone(running, request))


class Leavable(EventSourceResponse):
    """Lines that are sent until they end or the client is gone. A client that hangs up is noticed at once, not at the next line."""

    def __init__(self, lines: AsyncGenerator[bytes], headers: Mapping[str, str]) -> None:
        self._lines = lines
        super().__init__(lines, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends until the lines end or the client is gone."""
        async with aclosing(self._lines):
            sending, leaving = asyncio.create_task(self.stream_response(send)), asyncio.create_task(self.listen_for_disconnect(receive))
            try:
                await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (sending, leaving):
                    task.cancel()
                await asyncio.wait({sending, leaving})
            with suppress(OSError, asyncio.CancelledError):  # the connection broke, or its end was noticed first
                sending.result()


class EventStream(Leavable):
    """A turn as server-sent events, from a place on."""

    def __init__(self, running: Running, *, after: int = 0) -> None:
        super().__init__(_lines(running, after), PROTOCOL)


def wants_stream(request: Request, *, by_default: bool = False) -> bool:
    """Whether the client reads server-sent events; `by_default` where it does not say."""
    accept = request.headers.get("accept", "")
    return "text/event-stream" in accept or (by_default and "application/json" not in accept)


async def _lines(running: Running, after: int) -> AsyncGenerator[bytes, None]:
    async with aclosing(running.read(after)) as frames:
        async for frame in frames:
            yield KEEPALIVE_COMMENT if frame is None else frame.encoded()


async def unless_gone(running: Running, request: Request) -> Json:
    """The whole reply, unless the client hangs up before: then nobody reads the turn any longer."""
    reading, leaving = asyncio.ensure_future(running.whole()), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({reading, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not reading.done():
            raise ClientDisconnect
        return reading.result()
    finally:
        for task in (reading, leaving):
            task.cancel()
        await asyncio.wait({reading, leaving})


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _count(service: Service, running: Running) -> None:
    told = running.told
    if running.cut:
        service.metrics.cut.inc()
    elif told.done is not None and told.understood is not None:
        service.metrics.turn(told.done, told.understood.act.kind, (told.shown or Shown(slate=())).slate)
