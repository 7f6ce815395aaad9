"""A rest for a model that fails again and again, so that users do not wait for it in vain."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from zhiyin.errors import ModelResting, ModelTooSlow, ModelUnreachable
from zhiyin.llm import LLMChunk, LLMRequest
from zhiyin.llms.wrapper import WrapperLLM
from zhiyin.ports import LLM


class Breaker(WrapperLLM):
    """A model left alone for `rest` seconds after `failures` in a row; then one call tries it.

    Unreachable and too slow are failures; a complete answer ends the row; everything else, a reader who hangs up included, says nothing.
    It stands outside `Deadline`: a deadline outside it looks like a reader who hangs up.
    """

    def __init__(self, inner: LLM, *, failures: int = 3, rest: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(inner)
        self._failures = failures
        self._rest = rest
        self._clock = clock
        self._failed = 0  # in a row
        self._until = -math.inf
        self._trial = False  # a call is finding out whether the model is back

    async def stream(self, request: LLMRequest, /) -> AsyncGenerator[LLMChunk, None]:
        """The inner answer. Raises `ModelResting` at once while the model rests."""
        if self.resting:
            raise ModelResting(f"{self.name} failed {self._failed} times in a row and rests for up to {self._rest:.3g} s")
        trial = self._trial = self._failed >= self._failures
        spoke = False
        try:
            async with aclosing(self.inner.stream(request)) as pieces:
                async for piece in pieces:
                    spoke = spoke or bool(piece.text)
                    yield piece
        except GeneratorExit:  # the reader has heard enough: after some words that is an answer, before it says nothing of the model
            if spoke:
                self._failed = 0
            raise
        except (ModelUnreachable, ModelTooSlow):
            self._failed += 1
            if self._failed >= self._failures:
                self._until = self._clock() + self._rest
            raise
        else:
            self._failed = 0
        finally:
            if trial:
                self._trial = False

    def seconds(self, request: LLMRequest, /) -> float:
        """What the model inside expects; infinite while it rests."""
        return math.inf if self.resting else self.inner.seconds(request)

    @property
    def resting(self) -> bool:
        """Whether a call would be refused now."""
        return self._failed >= self._failures and (self._trial or self._clock() < self._until)
