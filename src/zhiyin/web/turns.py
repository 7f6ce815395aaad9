"""The turns that are being answered in this process, one a session, and those just answered, for readers that lost their connection."""

from __future__ import annotations

import asyncio
import uuid
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing, suppress

from zhiyin.ports import Bus
from zhiyin.types import Part, SessionId, UserId
from zhiyin.web.gate import Gate
from zhiyin.web.running import Running
from zhiyin.web.stream import Told

STOP = "stop"
STOP_USER = "stop-user"
"""Topics of the bus: whoever answers a turn of this session, or of this user, stops it; the message is WORKER:SESSION or WORKER:USER."""
_KEPT_SECONDS = 60.0
_KEPT, _KEPT_BYTES = 512, 16_000_000


class Turns:
    """Running turns, as tasks: they outlive the request that began them. `patience` is how long they go on without a reader.

    `grace` is the time from the first cards in which a turn may end before the next one computes; else it would wait for others' computing at every step to the log.
    """

    def __init__(self, bus: Bus | None = None, *, patience: float = 3.0, grace: float = 0.02, kept_seconds: float = _KEPT_SECONDS) -> None:
        self._bus, self._patience, self._grace, self._kept_seconds = bus, patience, grace, kept_seconds
        self._worker = uuid.uuid4().hex
        self._running: dict[SessionId, Running] = {}
        self._kept: OrderedDict[SessionId, Running] = OrderedDict()
        self._ending: list[asyncio.TimerHandle] = []
        self._listening: asyncio.Task[None] | None = None

    async def begin(
        self,
        told: Told,
        parts: Callable[[], AsyncGenerator[Part]],
        gate: Gate,
        *,
        ahead: Callable[[], Coroutine[None, None, None]] | None = None,
        over: Callable[[Running], None] = lambda _: None,
    ) -> Running:
        """A turn of `told.session`, begun: it has understood. Whatever ran in the session is stopped, and in the log, before; `ahead` is done while it waits in line.

        Raises the 503 of a gate whose line is full, and whatever went wrong before anything was understood.
        """
        gate.check()
        await self._stop_elsewhere(told.session)
        if before := self._running.get(told.session):
            before.stop()
        making = asyncio.create_task(ahead()) if ahead is not None else None
        try:
            await gate.enter()
            leave = _Once(gate.leave)
            try:
                if making is not None:
                    await making
                await self._settle_here(told.session)  # inside the gate: nobody else begins a turn of this session meanwhile
            except BaseException:
                leave()
                raise
        finally:
            if making is not None:
                making.cancel()
        running = self._running[told.session] = Running(told, patience=self._patience, grace=self._grace)
        running.start(parts(), first_cards=leave, over=lambda r: self._over(r, over))
        try:
            await running.begun.wait()  # for however long that takes where there is much to do
        finally:
            running.expect_readers()
        if running.error is not None and told.understood is None:
            raise running.error
        return running

    def running(self, session: SessionId) -> Running | None:
        """The turn that is being answered in a session here."""
        return self._running.get(session)

    def find(self, session: SessionId) -> Running | None:
        """The turn that is being answered in a session, else the last one if it was answered just now."""
        return self._running.get(session) or self._kept.get(session)

    async def stop(self, session: SessionId) -> None:
        """Stop what runs in a session, on any worker; here, when it is in the log."""
        if session not in self._running:
            await self._stop_elsewhere(session)
        await self._settle_here(session)

    async def settle(self, session: SessionId) -> None:
        """Stop what runs in a session, on any worker, before something else is done in it."""
        await self._stop_elsewhere(session)
        await self._settle_here(session)

    async def forget(self, session: SessionId) -> None:
        """Stop what runs in a session and keep nothing of it."""
        await self.settle(session)
        self._kept.pop(session, None)

    async def forget_user(self, user: UserId) -> int:
        """Stop everything of a user, on any worker, and drop what is kept of it here; how many turns that were, here."""
        if self._bus is not None:
            await self._bus.publish(STOP_USER, f"{self._worker}:{user}")
        mine = [s for turns in (self._running, self._kept) for s, r in turns.items() if r.told.user == user]
        for session in dict.fromkeys(mine):
            await self._settle_here(session)
            self._kept.pop(session, None)
        return len(mine)

    async def follow(self) -> None:
        """Begin to hear what other workers want stopped."""
        if self._bus is not None and self._listening is None:
            told = self._bus.listen(STOP, STOP_USER)  # before the task begins: what is told meanwhile counts
            self._listening = asyncio.create_task(self._listen(told), name="stops")

    async def finish(self, seconds: float) -> None:
        """Wait for those that run, at most so long; stop the others, and wait until they are in the log."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                for running in list(self._running.values()):
                    await running.ended.wait()
        for session in list(self._running):
            await self._settle_here(session)
        for timer in self._ending:
            timer.cancel()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    async def _settle_here(self, session: SessionId) -> None:
        while running := self._running.get(session):
            running.stop()
            await running.ended.wait()

    async def _stop_elsewhere(self, session: SessionId) -> None:
        if self._bus is not None:
            await self._bus.publish(STOP, f"{self._worker}:{session}")

    async def _listen(self, told: AsyncGenerator[tuple[str, str]]) -> None:
        async with aclosing(told):
            async for topic, message in told:
                worker, _, named = message.partition(":")
                for running in list(self._running.values()) if worker != self._worker else ():
                    if named == (running.told.session if topic == STOP else running.told.user):
                        running.stop()

    def _over(self, running: Running, over: Callable[[Running], None]) -> None:
        session = running.told.session
        if self._running.get(session) is running:
            del self._running[session]
        self._kept[session] = running
        self._kept.move_to_end(session)
        self._ending = [timer for timer in self._ending if not timer.cancelled() and timer.when() > asyncio.get_running_loop().time()]
        self._ending.append(asyncio.get_running_loop().call_later(self._kept_seconds, self._drop, running))
        while len(self._kept) > _KEPT or sum(r.size for r in self._kept.values()) > _KEPT_BYTES:
            self._kept.popitem(last=False)
        over(running)

    def _drop(self, running: Running) -> None:
        if self._kept.get(running.told.session) is running:
            del self._kept[running.told.session]


class _Once:
    """Calls a function the first time it is called."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act: Callable[[], None] | None = act

    def __call__(self) -> None:
        act, self._act = self._act, None
        if act is not None:
            act()
