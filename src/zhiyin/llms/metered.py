"""What a model takes, measured as it answers: the times of each call, its speeds, and how long the next answer will take."""

from __future__ import annotations

import math
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import takewhile

from zhiyin.errors import ModelError
from zhiyin.llm import Capabilities, LLMChunk, LLMRequest
from zhiyin.llms.wrapper import WrapperLLM
from zhiyin.ports import LLM
from zhiyin.text import cjk_count
from zhiyin.types import Usage

_NEW = 0.3  # weight of the newest measurement of a speed
_FEW_PROMPT, _FEW_ANSWER = 16, 8  # fewer tokens than these measure the connection, not the model
_HOPE = 30.0  # seconds without a measurement after which a model is thought twice as fast as it was
_MAX_BEGINNINGS = 128  # first messages of prompts thought to be in the model's cache
_MESSAGE = 4  # tokens that a chat template puts around a message


def estimate(text: str) -> int:
    """About how many tokens a text is: 0.7 a Chinese character, one every four other characters."""
    chinese = cjk_count(text)
    return math.ceil(0.7 * chinese + (len(text) - chinese) / 4)


def estimate_prompt(request: LLMRequest) -> int:
    """About how many tokens the prompt of a request is."""
    return sum(estimate(m.text) + _MESSAGE for m in request.messages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What was asked of a model since it was opened."""

    calls: int = 0
    stopped: int = 0  # calls whose reader hung up
    errors: Mapping[str, int] = field(default_factory=dict)  # by the name of the class
    prompt: int = 0  # tokens
    cached: int = 0
    answer: int = 0
    seconds: float = 0.0  # waited for answers


@dataclass(slots=True)
class _Watch:
    """The times of one call, and what was told in it."""

    clock: Callable[[], float]
    began: float = field(init=False)
    waited: float = 0.0  # of the time since `began`, what the reader did not take
    first: float = 0.0
    pieces: int = 0
    text: list[str] = field(default_factory=list)
    usage: Usage | None = None

    def __post_init__(self) -> None:
        self.began = self.clock()

    def saw(self, piece: LLMChunk) -> None:
        if piece.text or piece.choices:
            self.first = self.first or self.waited
            self.pieces += 1
            self.text.append(piece.text)
        self.usage = piece.usage or self.usage

    def timed(self, usage: Usage) -> Usage:
        return replace(usage, first=self.first, seconds=self.clock() - self.began)


class Metered(WrapperLLM):
    """A model whose calls are measured. Its answers end with a usage; where the back end tells none, the tokens are estimates."""

    def __init__(self, inner: LLM, capabilities: Capabilities | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(inner)
        self.prompt_speed = capabilities.prompt_speed if capabilities else 0.0  # tokens a second; 0 is unknown
        self.answer_speed = capabilities.answer_speed if capabilities else 0.0
        self._clock = clock
        self._counts = Counts()
        self._errors: Counter[str] = Counter()
        self._measured = clock()
        self._lengths: dict[str, float] = {}  # tokens that answers to a prompt take, by its name
        self._beginnings: OrderedDict[int, None] = OrderedDict()  # hashes of messages that were sent

    @property
    def counts(self) -> Counts:
        """What was asked so far."""
        return replace(self._counts, errors=dict(self._errors))

    async def stream(self, request: LLMRequest, /) -> AsyncGenerator[LLMChunk, None]:
        """The inner answer, its usage with the seconds to the first piece and in all."""
        self._add(calls=1)
        watch, ended = _Watch(self._clock), False
        try:
            async with aclosing(self._watched(request, watch)) as pieces:
                async for piece in pieces:
                    yield replace(piece, usage=watch.timed(piece.usage)) if piece.usage else piece
            if watch.usage is None:
                yield LLMChunk(usage=watch.timed(self._guessed(request, watch)))
            ended = True
            self._learn(request, watch, watch.usage or self._guessed(request, watch))  # a reader who has heard enough is learned from too, below
        except ModelError as error:
            ended = True
            self._errors[type(error).__name__] += 1
            raise
        finally:
            if not ended:
                self._add(stopped=1)
                usage = watch.usage or self._guessed(request, watch)
                self._learn(request, watch, replace(usage, answer=max(usage.answer, estimate("".join(watch.text)))))

    def seconds(self, request: LLMRequest, /) -> float:
        """Reading what is new of the prompt and writing an answer of the usual length, at the speeds measured; a speed not known counts as fast.

        The longer ago the last measurement, the more hopeful: a machine that was busy a while ago is tried again.
        """
        answer = 1 if request.choices else min(request.max_tokens, self._lengths.get(request.prompt, request.max_tokens))
        reading = self._fresh(request) / self.prompt_speed if self.prompt_speed else 0.0
        writing = answer / self.answer_speed if self.answer_speed else 0.0
        hope = 1.0 + (self._clock() - self._measured) / _HOPE
        return max(self.inner.seconds(request), (reading + writing) / hope)

    async def _watched(self, request: LLMRequest, watch: _Watch) -> AsyncGenerator[LLMChunk, None]:
        """The inner answer, with the time spent waiting for it written down."""
        async with aclosing(self.inner.stream(request)) as pieces:
            while True:
                asked = self._clock()
                piece = await anext(pieces, None)
                watch.waited += self._clock() - asked
                if piece is None:
                    return
                watch.saw(piece)
                yield piece

    def _guessed(self, request: LLMRequest, watch: _Watch) -> Usage:
        return Usage(prompt=estimate_prompt(request), answer=estimate("".join(watch.text)), model=self.name)

    def _learn(self, request: LLMRequest, watch: _Watch, usage: Usage) -> None:
        self._add(prompt=usage.prompt, cached=usage.cached, answer=usage.answer, seconds=watch.waited)
        evaluated = usage.prompt - usage.cached if usage.cached else usage.prompt * self._fresh(request) / max(1, estimate_prompt(request))
        if evaluated >= _FEW_PROMPT and watch.first > 0:
            self.prompt_speed = _mixed(self.prompt_speed, evaluated / watch.first)
        if usage.answer >= _FEW_ANSWER and watch.pieces > 1 and watch.waited > watch.first:
            self.answer_speed = _mixed(self.answer_speed, (usage.answer - 1) / (watch.waited - watch.first))
        self._measured = self._clock()
        if request.prompt and not request.choices and usage.answer:
            self._lengths[request.prompt] = _mixed(self._lengths.get(request.prompt, 0.0), usage.answer)
        for message in _beginning(request):
            self._beginnings[message] = None
            self._beginnings.move_to_end(message)
        while len(self._beginnings) > _MAX_BEGINNINGS:
            self._beginnings.popitem(last=False)

    def _fresh(self, request: LLMRequest) -> int:
        """About how many tokens of the prompt are not in the model's cache: all but the messages at its beginning that were sent before."""
        known = sum(1 for _ in takewhile(self._beginnings.__contains__, _beginning(request)))
        return sum(estimate(m.text) + _MESSAGE for m in request.messages[known:])

    def _add(self, **more: float) -> None:
        self._counts = replace(self._counts, **{name: getattr(self._counts, name) + value for name, value in more.items()})


def _beginning(request: LLMRequest) -> tuple[int, ...]:
    """What may be in a cache: instructions and examples, all but the last message."""
    return tuple(hash(m.text) for m in request.messages[:-1])


def _mixed(old: float, new: float) -> float:
    return new if old == 0 else (1 - _NEW) * old + _NEW * new
