"""Answers kept, so that the same question is not asked twice."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from zhiyin.llm import LLMChunk, LLMRequest
from zhiyin.llms.wrapper import WrapperLLM
from zhiyin.ports import LLM
from zhiyin.types import Usage


class Cached(WrapperLLM):
    """A model that remembers its last `size` whole answers at temperature 0, in memory.

    A replay has the pieces and the choices of the first time. It costs nothing and says so: its usage names the model, with no tokens and no seconds.
    """

    def __init__(self, inner: LLM, *, size: int = 256) -> None:
        super().__init__(inner)
        self._size = size
        self._answers: OrderedDict[str, tuple[LLMChunk, ...]] = OrderedDict()

    async def stream(self, request: LLMRequest, /) -> AsyncGenerator[LLMChunk, None]:
        """The kept answer or else the inner one; one that broke off or said nothing is not kept."""
        if request.temperature != 0:
            async with aclosing(self.inner.stream(request)) as fresh:
                async for piece in fresh:
                    yield piece
            return
        key = request_key(self.name, request)
        if key in self._answers:
            self._answers.move_to_end(key)
            for piece in self._answers[key]:
                yield piece
            return
        kept: list[LLMChunk] = []
        async with aclosing(self.inner.stream(request)) as fresh:
            async for piece in fresh:
                kept.append(piece)
                yield piece
        self._keep(key, kept)

    def seconds(self, request: LLMRequest, /) -> float:
        """Nothing for a kept answer, also where the model inside cannot be asked."""
        known = request.temperature == 0 and request_key(self.name, request) in self._answers
        return 0.0 if known else self.inner.seconds(request)

    def _keep(self, key: str, pieces: list[LLMChunk]) -> None:
        if not any(piece.text or piece.choices for piece in pieces):
            return
        model = next((piece.usage.model for piece in reversed(pieces) if piece.usage), "")
        free = Usage(model=model or self.name)  # on every piece: whoever stops reading halfway has still been told that it was free
        self._answers[key] = tuple(replace(piece, usage=free) for piece in pieces if piece.text or piece.choices)
        self._answers.move_to_end(key)
        while len(self._answers) > self._size:
            self._answers.popitem(last=False)


def request_key(model: str, request: LLMRequest) -> str:
    """The sha256 of everything that can change the answer: the model, the messages and what is asked for, but not who asks or how long they wait."""
    messages = [(m.role, m.text) for m in request.messages]
    asked = (model, messages, request.schema, request.choices, request.max_tokens, request.temperature, request.stop)
    return hashlib.sha256(json.dumps(asked, default=dict).encode()).hexdigest()  # a schema keeps the order of its fields: it is the order of the answer
