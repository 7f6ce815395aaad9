"""What every wrapper of a model has in common: the same port, and whatever it does not change is the inner model's."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from zhiyin.llm import LLMChunk, LLMRequest
from zhiyin.ports import LLM


class WrapperLLM:
    """A model that answers as the one inside does. Same port; closing its stream closes the inner stream at once."""

    def __init__(self, inner: LLM) -> None:
        self.inner = inner

    @property
    def name(self) -> str:
        """The name of the model inside."""
        return self.inner.name

    async def stream(self, request: LLMRequest, /) -> AsyncGenerator[LLMChunk, None]:
        """The inner answer, piece by piece."""
        async with aclosing(self.inner.stream(request)) as pieces:
            async for piece in pieces:
                yield piece

    def seconds(self, request: LLMRequest, /) -> float:
        """What the model inside expects."""
        return self.inner.seconds(request)

    async def close(self) -> None:
        """Close the model inside."""
        await self.inner.close()
