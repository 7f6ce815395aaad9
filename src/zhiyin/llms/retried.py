"""A second try where the first failed before a word was said."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace

from zhiyin.errors import ModelError, ModelResting, ModelTooSlow
from zhiyin.llm import LLMChunk, LLMRequest
from zhiyin.llms.wrapper import WrapperLLM
from zhiyin.ports import LLM


class Retried(WrapperLLM):
    """A model asked up to `tries` times, with full jitter between: a random pause of up to `base`, then twice that, and so on."""

    def __init__(
        self,
        inner: LLM,
        *,
        tries: int = 2,
        base: float = 0.2,
        seed: int | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(inner)
        self._tries = tries
        self._base = base
        self._random = random.Random(seed)  # noqa: S311  # jitter, no secret
        self._sleep = sleep
        self._clock = clock

    async def stream(self, request: LLMRequest, /) -> AsyncGenerator[LLMChunk, None]:
        """The inner answer; another try has what is left of the deadline, and none follows a piece that was passed on."""
        ends = self._clock() + request.seconds
        tried, said = 0, False
        while True:
            try:
                async with aclosing(self.inner.stream(request)) as pieces:
                    async for piece in pieces:
                        said = True
                        yield piece
            except ModelError as error:
                tried += 1
                pause = self._random.uniform(0.0, self._base * 2 ** (tried - 1))
                if said or tried >= self._tries or not _may_pass(error) or self._clock() + pause >= ends:
                    raise
            else:
                return
            await self._sleep(pause)
            request = replace(request, seconds=max(0.0, ends - self._clock()))


def _may_pass(error: ModelError) -> bool:
    return error.retryable and not isinstance(error, ModelResting | ModelTooSlow)  # a rest outlasts every pause of ours, and a user who waited for one deadline waits for no second
