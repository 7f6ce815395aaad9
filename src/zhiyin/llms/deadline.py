"""An end to every call, also where a server drips a character now and then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from zhiyin.errors import ModelTooSlow
from zhiyin.llm import LLMChunk, LLMRequest
from zhiyin.llms.wrapper import WrapperLLM
from zhiyin.ports import LLM


class Deadline(WrapperLLM):
    """A model that is waited for `request.seconds` in all. Only waiting counts: a slow reader of the answer is not the model's fault."""

    def __init__(self, inner: LLM, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(inner)
        self._clock = clock

    async def stream(self, request: LLMRequest, /) -> AsyncGenerator[LLMChunk, None]:
        """The inner answer. Raises `ModelTooSlow` when the waits for its pieces add up to the deadline, or those for the first words to theirs."""
        waited, spoken = 0.0, False
        async with aclosing(self.inner.stream(request)) as pieces:
            while (left := (request.seconds if spoken else min(request.seconds, request.first)) - waited) > 0:
                began = self._clock()
                piece = await self._next(pieces, left, request)
                if piece is None:
                    return
                waited += self._clock() - began
                spoken = spoken or bool(piece.text)
                yield piece  # no timer runs here: it would go off in the reader's code
        raise self._late(request)

    async def _next(self, pieces: AsyncGenerator[LLMChunk, None], left: float, request: LLMRequest) -> LLMChunk | None:
        try:
            async with asyncio.timeout(left) as timer:
                return await anext(pieces, None)
        except TimeoutError as error:
            if timer.expired():
                raise self._late(request) from error
            raise

    def _late(self, request: LLMRequest) -> ModelTooSlow:
        return ModelTooSlow(f"{self.name} did not finish within {request.seconds:.3g} s")
