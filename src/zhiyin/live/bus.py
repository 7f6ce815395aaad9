"""Telling every worker what has changed: within a process by queues, between processes by Redis."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from zhiyin.live.link import Link

RESYNC = ("*", "resync")  # something may have been missed: read the truth from the stores
CHANNEL = "zhiyin:bus"
_PUBLISH = "return redis.call('PUBLISH', KEYS[1], ARGV[1])"


class _Listener:
    """What one reader has not read yet; of a reader who is too slow the oldest goes, and that it went is told."""

    __slots__ = ("__weakref__", "closed", "missed", "room", "topics", "waiting", "woken")

    def __init__(self, topics: frozenset[str], room: int) -> None:
        self.topics, self.room = topics, room
        self.waiting: deque[tuple[str, str]] = deque()
        self.woken = asyncio.Event()
        self.missed = False
        self.closed = False

    def put(self, topic: str, message: str) -> None:
        if self.topics and topic not in self.topics:
            return
        if len(self.waiting) >= self.room:
            self.waiting.popleft()
            self.missed = True
        self.waiting.append((topic, message))
        self.woken.set()

    def resync(self) -> None:
        self.missed = True
        self.woken.set()

    def close(self) -> None:
        self.closed = True
        self.woken.set()


async def _read(listener: _Listener) -> AsyncGenerator[tuple[str, str], None]:
    while not listener.closed:
        await listener.woken.wait()
        listener.woken.clear()
        while not listener.closed and (listener.missed or listener.waiting):
            if listener.missed:
                listener.missed = False
                yield RESYNC
            else:
                yield listener.waiting.popleft()


class LocalBus:
    """The `Bus` port within one process. A reader who has `room` messages unread loses the oldest and gets `RESYNC`."""

    def __init__(self, *, room: int = 1000) -> None:
        self.room = room
        self._listeners: WeakSet[_Listener] = WeakSet()  # a reader's generator holds its listener: both go together, read or not
        self._closed = False

    async def publish(self, topic: str, message: str, /) -> None:
        """Tell everyone who listens in this process."""
        self.tell(topic, message)

    def tell(self, topic: str, message: str) -> None:
        """The same without waiting."""
        for listener in tuple(self._listeners):
            listener.put(topic, message)

    def resync(self) -> None:
        """Have everyone read the truth from the stores."""
        for listener in tuple(self._listeners):
            listener.resync()

    def listen(self, *topics: str) -> AsyncGenerator[tuple[str, str], None]:
        """(topic, message) from now on; of all topics where none is named."""
        listener = _Listener(frozenset(topics), self.room)
        if self._closed:
            listener.close()
        self._listeners.add(listener)
        return _read(listener)

    async def close(self) -> None:
        """End every reader."""
        self._closed = True
        for listener in tuple(self._listeners):
            listener.close()


class RedisBus:
    """The `Bus` port over Redis. Its readers get `RESYNC` each time that the subscription stands (again); while Redis is away this process still hears itself."""

    def __init__(self, link: Link, *, channel: str = CHANNEL, room: int = 1000) -> None:
        self.link, self.channel = link, channel
        link.returned = self._returned
        self._local = LocalBus(room=room)
        self._me = secrets.token_hex(8)
        self._owing = False  # others missed something of ours
        self._hearing: asyncio.Task[None] | None = None

    async def publish(self, topic: str, message: str, /) -> None:
        """Tell this process at once and the others by Redis; where it is away they are told to resync as soon as it is back."""
        self._local.tell(topic, message)
        if await self._sent(topic, message) is None:
            self._owing = True
            self.link.mend_soon()

    def listen(self, *topics: str) -> AsyncGenerator[tuple[str, str], None]:
        """(topic, message) from now on; of all topics where none is named. Needs a running event loop."""
        if self._hearing is None:
            self._hearing = asyncio.create_task(self._hear())
        return self._local.listen(*topics)

    async def close(self) -> None:
        """End every reader and the connection."""
        if self._hearing is not None:
            self._hearing.cancel()
            with suppress(asyncio.CancelledError):
                await self._hearing
        await self._local.close()
        await self.link.close()

    async def _sent(self, topic: str, message: str, *, mending: bool = False) -> object:
        body = json.dumps({"from": self._me, "topic": topic, "message": message})
        return await self.link.run(_PUBLISH, (self.channel,), (body,), mending=mending)

    async def _returned(self) -> bool:
        if self._owing and await self._sent(*RESYNC, mending=True) is None:
            return False
        self._owing = False
        return True

    async def _hear(self) -> None:
        async for text in self.link.hear(self.channel):
            if text is None:
                self._local.resync()
                continue
            with suppress(ValueError, KeyError, TypeError):  # somebody else's message on our channel
                body = json.loads(text)
                if body["from"] == self._me:
                    continue
                topic, message = str(body["topic"]), str(body["message"])
                if (topic, message) == RESYNC:
                    self._local.resync()
                else:
                    self._local.tell(topic, message)
