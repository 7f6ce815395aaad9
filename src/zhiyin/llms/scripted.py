"""Models without a model, for tests and demonstrations: one that says what it is told to, and one for each way a real one goes wrong."""

from __future__ import annotations

import asyncio
import json
import math
import random
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from enum import StrEnum

from zhiyin.errors import ModelUnreachable
from zhiyin.llm import LLMChunk, LLMRequest
from zhiyin.llms.bribed import filled, obeyed
from zhiyin.llms.metered import estimate, estimate_prompt
from zhiyin.text import CJK
from zhiyin.types import Usage

_PIECE = re.compile(rf"\s*(?:[{CJK}]|[^\s{CJK}]+)|\s+")
_UNLIKELY = -20.0  # log probability of a choice that was not scripted
_ANY_OBJECT = {"type": "object", "properties": {"answer": {"type": "string"}, "items": {"type": "array", "items": {"type": "string"}}}}
_FOREIGN = (
    "Конечно, вот что я могу вам предложить на сегодняшний вечер.",
    "Этот вариант лучше всех, и стоит он совсем недорого.",
    "もちろんです。今夜のおすすめはこちらになります。",
    "この作品はとても人気があり、値段も手頃です。",
    "안녕하세요, 오늘은 이 제품을 추천해 드립니다.",
)


class _DoubleLLM:
    """What the doubles share: a name, no waiting, and a memory of what they were asked."""

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.requests: list[LLMRequest] = []  # everything asked, oldest first
        self.stopped = 0  # answers that were not read to their end
        self.closed = False
        self._random = random.Random(seed)  # noqa: S311  # the same mischief in every run

    def seconds(self, request: LLMRequest, /) -> float:
        """Nothing: there is no model."""
        return 0.0

    async def close(self) -> None:
        """Take note; there is nothing to release."""
        self.closed = True


class ScriptedLLM(_DoubleLLM):
    """A model that gives these answers in turn, the last one for ever, or the answers of a function.

    Where a request has choices, `choices` gives their log probabilities, as a mapping or by a function; without any, all are as likely.
    """

    def __init__(
        self,
        answers: Sequence[str] | Callable[[LLMRequest], str] = ("",),
        *,
        choices: Mapping[str, float] | Callable[[LLMRequest], Mapping[str, float]] | None = None,
        name: str = "scripted",
        usage: bool = True,
        pause: float = 0.0,
    ) -> None:
        super().__init__(name, 0)
        self._answers = answers
        self._choices = choices
        self._usage = usage
        self._pause = pause  # seconds before each piece
        self._given = 0

    async def stream(self, request: LLMRequest, /) -> AsyncGenerator[LLMChunk, None]:
        """The next answer, a word or a Chinese character at a time, with the usage on a piece of its own."""
        self.requests.append(request)
        ended = False
        try:
            likely = self._likely(request) if request.choices else {}
            text = max(likely, key=likely.__getitem__) if likely else self._next(request)
            for n, piece in enumerate(split(text)):
                await asyncio.sleep(self._pause)
                yield LLMChunk(text=piece, choices=likely if n == 0 else {})
            if self._usage:
                yield LLMChunk(usage=Usage(prompt=estimate_prompt(request), answer=max(1, estimate(text)), model=self.name))
            ended = True
        finally:
            self.stopped += not ended

    def _next(self, request: LLMRequest) -> str:
        if callable(self._answers):
            return self._answers(request)
        self._given += 1
        return self._answers[min(self._given, len(self._answers)) - 1]

    def _likely(self, request: LLMRequest) -> dict[str, float]:
        given = self._choices(request) if callable(self._choices) else self._choices
        if not given:
            return dict.fromkeys(request.choices, -math.log(len(request.choices)))
        return {choice: given.get(choice, _UNLIKELY) for choice in request.choices}


class Mischief(StrEnum):
    """The ways in which a model goes wrong."""

    GARBAGE = "garbage"  # random characters of all of Unicode; probabilities that are none, of choices that were not given
    FOREIGN = "foreign"  # prose in a language nobody asked for
    FLOOD = "flood"  # ten thousand tokens
    NOTHING = "nothing"  # a stream without a piece
    HALF_JSON = "half_json"  # JSON that breaks off
    WRONG_TYPE = "wrong_type"  # JSON of another type than asked for; probabilities above one
    RAISES = "raises"  # `ModelUnreachable`
    DRIP = "drip"  # one character, then another every second
    HANG = "hang"  # no answer, ever
    OBEYS = "obeys"  # does what any text in its prompt says


class MischievousLLM(_DoubleLLM):
    """A model that goes wrong in one way, always in the same manner for the same seed and questions."""

    def __init__(self, mischief: Mischief, *, seed: int = 0, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        super().__init__(f"mischief:{mischief}", seed)
        self.mischief = mischief
        self._sleep = sleep

    async def stream(self, request: LLMRequest, /) -> AsyncGenerator[LLMChunk, None]:
        """Whatever the mischief is."""
        self.requests.append(request)
        ended = False
        try:
            if self.mischief is Mischief.RAISES:
                raise ModelUnreachable(f"{self.name}: the connection broke")
            if self.mischief is Mischief.HANG:
                await asyncio.get_running_loop().create_future()
            likely = self._likely(request)
            text = max(likely, key=likely.__getitem__) if likely and self.mischief is Mischief.OBEYS else self.answer(request)
            drips = self.mischief is Mischief.DRIP
            for n, piece in enumerate(text if drips else split(text)):
                await self._sleep(1.0 if drips and n else 0.0)
                yield LLMChunk(text=piece, choices=likely if n == 0 else {})
            if text:
                yield LLMChunk(usage=Usage(prompt=estimate_prompt(request), answer=max(1, estimate(text)), model=self.name))
            ended = True
        finally:
            self.stopped += not ended

    def answer(self, request: LLMRequest, /) -> str:
        """The whole text of the answer; each call has its own share of chance."""
        schema = request.schema or _ANY_OBJECT
        match self.mischief:
            case Mischief.GARBAGE:
                return "".join(self._any_character() for _ in range(self._random.randint(50, 400)))
            case Mischief.FOREIGN:
                return " ".join(self._random.sample(_FOREIGN, 3))
            case Mischief.FLOOD:
                return "very good, really 真的很好 " * 1429  # seven pieces a time
            case Mischief.HALF_JSON:
                whole = json.dumps(filled(schema, "a fine choice 好的", self._random), ensure_ascii=False)
                return whole[: self._random.randint(1, len(whole) - 1)]
            case Mischief.WRONG_TYPE:
                return json.dumps(self._random.choice(_wrong(schema)))
            case Mischief.DRIP:
                return "A good one, and here is why. 这个好,原因如下。"
            case Mischief.OBEYS:
                text = obeyed(request)
                return json.dumps(filled(request.schema, text, self._random), ensure_ascii=False) if request.schema else text
            case _:
                return ""

    def _likely(self, request: LLMRequest) -> dict[str, float]:
        """Probabilities of the choices, as false as the mischief has it; most tell none."""
        if not request.choices:
            return {}
        match self.mischief:
            case Mischief.GARBAGE:
                return {self._any_character(): self._random.choice([math.nan, math.inf, -math.inf, 1e308]) for _ in range(3)}
            case Mischief.WRONG_TYPE:
                return dict.fromkeys(request.choices, 3.0)
            case Mischief.OBEYS:
                bribed = self._random.choice(request.choices)
                return {choice: math.log(0.99) if choice == bribed else math.log(0.01 / len(request.choices)) for choice in request.choices}
            case _:
                return {}

    def _any_character(self) -> str:
        code = self._random.choice([self._random.randrange(0x20), self._random.randrange(0x3000), self._random.randrange(0x11_0000)])
        return chr(0xFFFD if 0xD800 <= code < 0xE000 else code)  # surrogates are no text


def split(text: str) -> list[str]:
    """The pieces of a text as models give them, about a token each: words with the blanks before them, single Chinese characters."""
    return _PIECE.findall(text)


def _wrong(schema: Mapping[str, object]) -> list[object]:
    """Values that are JSON, but not of this schema: of another type, or with parts of one."""
    names = schema.get("properties")
    parts: list[object] = [{name: [[]] for name in names}] if isinstance(names, Mapping) and names else []
    kinds: list[tuple[str, object]] = [("array", []), ("string", "yes"), ("integer", 42), ("null", None), ("boolean", True), ("object", {"unexpected": {"deep": [1]}})]
    return [*parts, *(value for kind, value in kinds if kind != schema.get("type"))]
