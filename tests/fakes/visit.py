"""One request to an ASGI application, its answer read piece by piece, and hung up on at any moment."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Self

from starlette.types import ASGIApp, Message


class Visit:
    """A client that reads as the bytes come: what `TestClient` cannot. Everything in one event loop."""

    def __init__(self, app: ASGIApp, method: str, path: str, body: object = None, *, query: str = "", headers: Mapping[str, str] | None = None) -> None:
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"host": "127.0.0.1:8000", "content-type": "application/json", "content-length": str(len(content)), **(headers or {})}
        self._scope: dict[str, Any] = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": method, "scheme": "http", "path": path,
            "raw_path": path.encode(), "query_string": query.encode(), "root_path": "", "headers": [(k.lower().encode(), v.encode()) for k, v in given.items()],
            "client": ("127.0.0.1", 50001), "server": ("127.0.0.1", 8000), "state": {},
        }  # fmt: skip
        self._body: bytes | None = content
        self._gone = asyncio.Event()
        self._sent: asyncio.Queue[Message | None] = asyncio.Queue()
        self.status = 0
        self.headers: dict[str, str] = {}
        self._task = asyncio.create_task(self._run(app))

    async def _run(self, app: ASGIApp) -> None:
        try:
            await app(self._scope, self._receive, self._send)
        finally:
            self._sent.put_nowait(None)

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if self._gone.is_set():
            raise OSError("the client is gone")
        self._sent.put_nowait(message)

    async def begun(self) -> Self:
        """Waits for the head of the answer."""
        head = await self._sent.get()
        assert head is not None, "there was no answer"
        self.status = head["status"]
        self.headers = {k.decode(): v.decode() for k, v in head["headers"]}
        return self

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The pieces of the body, as they are sent."""
        if not self.status:
            await self.begun()
        while (message := await self._sent.get()) is not None:
            if message["type"] == "http.response.body" and message.get("body"):
                yield message["body"]

    async def events(self) -> AsyncGenerator[tuple[int, str], None]:
        """The server-sent events: id and data."""
        async for piece in self.pieces():
            if not piece.startswith(b":"):
                lines = dict(line.split(": ", 1) for line in piece.decode().strip().split("\n"))
                yield int(lines["id"]), lines["data"]

    async def json(self) -> Any:
        """The whole body."""
        return json.loads(b"".join([piece async for piece in self.pieces()]) or b"null")

    async def hang_up(self) -> None:
        """Leaves, as a browser that closes the page does, and waits until the application is done with the request."""
        self._gone.set()
        await asyncio.wait_for(asyncio.gather(self._task, return_exceptions=True), 5)
