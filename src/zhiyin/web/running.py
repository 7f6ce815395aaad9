"""A turn that is being answered, apart from the requests that read it: what was told so far is kept, and any number of readers begin anywhere in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import structlog

from zhiyin.errors import ZhiyinError
from zhiyin.types import Part, Shown, Understood
from zhiyin.web.border import frames_of
from zhiyin.web.problems import Problem, problem_of
from zhiyin.web.stream import ENDED, Frame, Told, encoded
from zhiyin.wire import Json

PING_SECONDS = 15.0
MOST_BYTES = 4_000_000  # of one turn; none comes near it that is not a model gone wild
STOPPED = "the turn was stopped before its end, by another message in this session or on demand; what was said until then is kept in it"

_log = structlog.get_logger("zhiyin.turns")


class Running:
    """One turn as a task of its own. When its last reader leaves it goes on for `patience` seconds, then it is stopped; in every case the engine keeps the turn in the log."""

    def __init__(self, told: Told, *, patience: float, grace: float = 0.0) -> None:
        self.told, self.patience, self.grace = told, patience, grace
        self.begun, self.ended = asyncio.Event(), asyncio.Event()  # begun: understood, or ended without
        self.cut = False  # stopped before its end
        self.error: BaseException | None = None
        self.size = 0  # bytes kept, about
        self._frames: list[Frame] = []
        self._more = asyncio.Event()
        self._shown = False
        self._readers = 0
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, parts: AsyncGenerator[Part], *, first_cards: Callable[[], None], over: Callable[[Running], None]) -> None:
        """Begin; `first_cards` is called `grace` seconds after they are out, and at the end: if the turn ends within that time, only then. `over` is called at the end."""
        self._task = asyncio.create_task(self._drain(parts, first_cards), name=f"turn {self.told.turn}")
        self._task.add_done_callback(lambda task: self._over(task, first_cards, over))

    def expect_readers(self) -> None:
        """From now on it is stopped where nobody reads it for the patience: whoever began it has it, and begins to read or never will."""
        self._wait_for_readers()

    def stop(self) -> None:
        """Stop at once, or as soon as the first cards are out: what a message means is always found out, so that the log has it."""
        if self.cut or self.ended.is_set():
            return
        self.cut = True
        if self._shown and self._task is not None:
            self._task.cancel()

    async def read(self, after: int = 0) -> AsyncGenerator[Frame | None, None]:
        """The frames after a place, as they come, to the last; None now and then where nothing comes."""
        self._attach()
        place = after
        try:
            while True:
                more = self._more
                while place < len(self._frames):
                    place += 1
                    yield self._frames[place - 1]
                if self.ended.is_set():
                    return
                try:
                    async with asyncio.timeout(PING_SECONDS):
                        await more.wait()
                except TimeoutError:
                    yield None
        finally:
            self._detach()

    async def whole(self) -> Json:
        """The reply as one object, when it is complete. Raises what went wrong; a 409 where it was stopped."""
        self._attach()
        try:
            await self.ended.wait()
        finally:
            self._detach()
        if self.error is not None:
            raise self.error
        reply = self.told.reply
        if reply is None:
            raise Problem(409, "conflict", STOPPED)
        return reply

    @property
    def last(self) -> int:
        """The place of the last frame so far."""
        return len(self._frames)

    async def _drain(self, parts: AsyncGenerator[Part], first_cards: Callable[[], None]) -> None:
        self._tell(self.told.begun())
        async with aclosing(parts):
            async for part in parts:
                self._tell(self.told.take(part))
                if isinstance(part, Understood):
                    self.begun.set()
                if isinstance(part, Shown):
                    self._shown = True
                    asyncio.get_running_loop().call_later(self.grace, first_cards)
                if self._shown and (self.cut or self.size > MOST_BYTES) and self.told.done is None:
                    self.cut = True
                    break
                await asyncio.sleep(0)  # others may have their say between two parts

    def _over(self, task: asyncio.Task[None], first_cards: Callable[[], None], over: Callable[[Running], None]) -> None:
        first_cards()
        self.error = None if task.cancelled() else task.exception()
        if self.error is not None:
            if not isinstance(self.error, ZhiyinError):
                _log.error("fault", turn=self.told.turn, error=type(self.error).__name__, frames=frames_of(self.error))
            self._tell(self.told.failed(problem_of(self.error).detail if isinstance(self.error, Exception) else STOPPED))
        elif self.told.done is None:
            self.cut = True
            self._tell(self.told.stopped())
        self._keep(ENDED)
        self.ended.set()
        self.begun.set()
        self._rouse()
        if self._timer is not None:
            self._timer.cancel()
        over(self)

    def _tell(self, events: list[Json]) -> None:
        for event in events:
            self._keep(encoded(event))
        self._rouse()

    def _keep(self, data: str) -> None:
        self._frames.append(Frame(len(self._frames) + 1, data))
        self.size += len(data)

    def _rouse(self) -> None:
        self._more.set()
        self._more = asyncio.Event()

    def _attach(self) -> None:
        self._readers += 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _detach(self) -> None:
        self._readers -= 1
        self._wait_for_readers()

    def _wait_for_readers(self) -> None:
        if self._readers == 0 and not self.ended.is_set():
            self._timer = asyncio.get_running_loop().call_later(self.patience, self.stop)
