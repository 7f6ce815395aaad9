"""Several models in order of preference."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace

from zhiyin.errors import ModelError
from zhiyin.llm import LLMChunk, LLMRequest
from zhiyin.ports import LLM


class Fallback:
    """The first of these models that says something. Same port."""

    def __init__(self, *llms: LLM, clock: Callable[[], float] = time.monotonic) -> None:
        if not llms:
            raise ValueError("a fallback needs a model")
        self.llms = llms
        self._clock = clock

    @property
    def name(self) -> str:
        """The names in order, with | between; `Usage.model` tells which one it was."""
        return "|".join(llm.name for llm in self.llms)

    async def stream(self, request: LLMRequest, /) -> AsyncGenerator[LLMChunk, None]:
        """The answer of the first model that begins one; each has what the ones before it left of the deadline.

        Raises the last `ModelError`, from an `ExceptionGroup` of all where there are several.
        """
        ends = self._clock() + request.seconds
        errors: list[ModelError] = []
        for llm in self._open(request):
            left = ends - self._clock() if errors else request.seconds
            if errors and left <= 0:
                break
            said = False
            try:
                async with aclosing(llm.stream(replace(request, seconds=left))) as pieces:
                    async for piece in pieces:
                        said = True
                        yield piece
            except ModelError as error:
                if said:
                    raise
                errors.append(error)
            else:
                return
        if len(errors) == 1:
            raise errors[0]
        raise errors[-1] from ExceptionGroup("no model could answer", errors)

    def seconds(self, request: LLMRequest, /) -> float:
        """What the model that is asked first expects; infinite where none can be asked."""
        return self._open(request)[0].seconds(request)

    async def close(self) -> None:
        """Close every model, also where one of them fails to."""
        async with AsyncExitStack() as stack:
            for llm in self.llms:
                stack.push_async_callback(llm.close)

    def _open(self, request: LLMRequest) -> tuple[LLM, ...]:
        """Those that can be asked now; all where none can, so that their errors are told."""
        return tuple(llm for llm in self.llms if math.isfinite(llm.seconds(request))) or self.llms
