"""What other workers changed: documents in the store and users' taste, followed by the bus at once and by the store within half a second."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import structlog

from zhiyin.errors import StoreError
from zhiyin.ports import Bus, Records
from zhiyin.records import Record
from zhiyin.types import UserId
from zhiyin.web.turns import STOP_USER

RECORDS, TASTE = "records", "taste"
"""Topics of the bus: a document of the kind that is the message changed; of WORKER:USER, the user gave feedback or was forgotten, there."""
FORGOTTEN = "forgotten"
"""The kind of the documents that tell every server of an erasure by a program beside them: a random key, and the user while it goes on."""
MISSED = "*"
"""What a bus says after it lost its connection: something may have been missed."""
_EVERY = 0.5  # seconds: the bus may lose a message, the store does not
_PAGE = 1000

_log = structlog.get_logger("zhiyin.changes")


class Changes:
    """Calls back for what changed, here and elsewhere. A callback may be told of the same change twice."""

    def __init__(self, records: Records, bus: Bus, *, every: float = _EVERY) -> None:
        self._records, self._bus, self._every = records, bus, every
        self._by_kind: dict[str, list[Callable[[Record], Awaitable[None]]]] = {FORGOTTEN: [self._forget]}
        self._by_taste: list[Callable[[UserId | None], None]] = []
        self._version = 0
        self._me = uuid.uuid4().hex
        self._rung = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def on(self, kind: str, act: Callable[[Record], Awaitable[None]]) -> None:
        """Have `act` called with each document of a kind that changes, or is deleted, from now on."""
        self._by_kind.setdefault(kind, []).append(act)

    def on_taste(self, act: Callable[[UserId | None], None]) -> None:
        """Have `act` called with each user whose feedback another worker took, or whom it erased; with None where that may be anybody."""
        self._by_taste.append(act)

    async def changed(self, kind: str) -> None:
        """Tell every worker that a document of this kind was changed."""
        await self._bus.publish(RECORDS, kind)

    async def tasted(self, user: UserId) -> None:
        """Tell every other worker that a user gave feedback, or was forgotten."""
        await self._bus.publish(TASTE, f"{self._me}:{user}")

    @property
    def following(self) -> bool:
        """Whether changes are followed."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    async def start(self) -> None:
        """Follow from now on. What was there before is the caller's to read, after this."""
        told = self._bus.listen(RECORDS, TASTE)  # before anything else: a task would begin to listen too late
        self._version = await self._records.put("mark", "followed", "")  # the newest version there is
        self._tasks = [asyncio.create_task(self._listen(told), name="bus"), asyncio.create_task(self._follow(), name="changes")]
        for task in self._tasks:
            task.add_done_callback(_fallen)

    async def stop(self) -> None:
        """Follow no longer."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def catch_up(self) -> None:
        """Call back for everything that changed since the last time."""
        while page := await self._records.changes(self._version, limit=_PAGE):
            for record in page:
                for act in self._by_kind.get(record.kind, ()):
                    await act(record)
                self._version = record.version

    async def _forget(self, record: Record) -> None:
        """A program beside the servers erases a user: stop what is being said to them here, and drop what is held of them."""
        if record.value is not None:
            await self._bus.publish(STOP_USER, f"{FORGOTTEN}:{record.value}")
            for act in self._by_taste:
                act(UserId(record.value))

    async def _listen(self, told: AsyncGenerator[tuple[str, str]]) -> None:
        async with aclosing(told):
            async for topic, message in told:
                if topic == RECORDS and message in self._by_kind:
                    self._rung.set()
                elif topic == TASTE:
                    sender, _, user = message.partition(":")
                    for act in self._by_taste if sender != self._me else ():
                        act(UserId(user))
                elif topic == MISSED:
                    self._rung.set()
                    for act in self._by_taste:
                        act(None)

    async def _follow(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._every):
                    await self._rung.wait()
            except TimeoutError:
                pass
            self._rung.clear()
            try:
                await self.catch_up()
            except StoreError:
                _log.warning("changes cannot be read; asked again soon")


def _fallen(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("changes are no longer followed", error=type(error).__name__)
