"""A line before a model that answers a few at a time."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from zhiyin.errors import ModelBusy
from zhiyin.llm import LLMChunk, LLMRequest
from zhiyin.llms.wrapper import WrapperLLM
from zhiyin.ports import LLM


class Queued(WrapperLLM):
    """A model asked by at most `parallel` at once, while at most `waiting` wait, first come first served.

    Waiting is part of a request's time: what is left of it goes on to the model inside.
    """

    def __init__(self, inner: LLM, *, parallel: int, waiting: int, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(inner)
        self._parallel = parallel
        self._waiting = waiting
        self._clock = clock
        self._running = 0
        self._line: deque[asyncio.Future[None]] = deque()

    @property
    def running(self) -> int:
        """How many are being answered."""
        return self._running

    @property
    def waiting(self) -> int:
        """How many stand in the line."""
        return len(self._line)

    async def stream(self, request: LLMRequest, /) -> AsyncGenerator[LLMChunk, None]:
        """The inner answer, when it is this call's turn. Raises `ModelBusy` where the line is full or longer than the deadline."""
        ends = self._clock() + request.seconds
        if await self._enter(request):
            request = replace(request, seconds=max(0.0, ends - self._clock()))
        try:
            async with aclosing(self.inner.stream(request)) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            self._leave()

    def seconds(self, request: LLMRequest, /) -> float:
        """What the model inside expects for this call and for those before it in the line; infinite where the line is full."""
        own = self.inner.seconds(request)
        if self._running < self._parallel:
            return own
        return math.inf if len(self._line) >= self._waiting else own * (1 + (len(self._line) + 1) / self._parallel)

    async def _enter(self, request: LLMRequest) -> bool:
        """Take a place, and whether it had to be waited for."""
        if self._running < self._parallel:
            self._running += 1
            return False
        if len(self._line) >= self._waiting:
            raise ModelBusy(f"{self._running} ask {self.name} and {len(self._line)} wait", hint="Raise llm.parallel or llm.waiting if the model can take more")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        mine = False
        try:
            async with asyncio.timeout(request.seconds):
                await turn
            mine = True
        except TimeoutError as error:
            raise ModelBusy(f"{self.name} was busy for {request.seconds:.3g} s") from error
        finally:
            if not mine:
                self._step_out(turn)
        return True

    def _step_out(self, turn: asyncio.Future[None]) -> None:
        """Give up a place in the line; if it was called up at that very moment, call up the next."""
        if turn in self._line:
            self._line.remove(turn)
        elif not turn.cancelled():
            self._leave()

    def _leave(self) -> None:
        """Hand the place to the first in the line who still waits."""
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._running -= 1
