"""A limit to what a model may use, in tokens and in money."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Hashable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, date, datetime

from zhiyin.errors import BudgetSpent, ModelError, ModelTooSlow, UnreadableAnswer
from zhiyin.llm import LLMChunk, LLMRequest
from zhiyin.llms.metered import estimate, estimate_prompt
from zhiyin.llms.wrapper import WrapperLLM
from zhiyin.ports import LLM
from zhiyin.types import Usage

_MAX_COUNTED = 4096  # sessions and turns whose use is remembered, newest last


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What may be used; 0 is no limit. Money is in the unit of the prices, which are of a million tokens."""

    turn: int = 0
    session: int = 0
    day: int = 0
    money: float = 0.0  # a day
    price_prompt: float = 0.0
    price_answer: float = 0.0

    def cost(self, prompt: int, answer: int) -> float:
        """The price of so many tokens."""
        return (prompt * self.price_prompt + answer * self.price_answer) / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Booking:
    """What a running call is counted as until its usage is known."""

    day: date
    tokens: int
    money: float


class Budgeted(WrapperLLM):
    """A model that is not asked when a budget is spent. Counts the usage the answers tell, and estimates where they tell none.

    A prompt is booked before it is sent, so calls at the same time see each other; only running answers can overdraw a budget.
    `clock` gives the time of day with its zone; days are UTC. Calls without a session count against the day only.
    """

    def __init__(self, inner: LLM, limits: Limits, *, clock: Callable[[], datetime]) -> None:
        super().__init__(inner)
        self._limits = limits
        self._clock = clock
        self._turns: OrderedDict[Hashable, int] = OrderedDict()
        self._sessions: OrderedDict[Hashable, int] = OrderedDict()
        self._day = date.min
        self._day_tokens = 0
        self._day_money = 0.0

    async def stream(self, request: LLMRequest, /) -> AsyncGenerator[LLMChunk, None]:
        """The inner answer. Raises `BudgetSpent` before the call where a budget does not even cover the prompt."""
        if spent := self._spent(request):
            raise BudgetSpent(spent[0], hint=f"Raise {spent[1]} (0 is no limit) or ask less")
        booking = self._book(request)
        told: Usage | None = None
        said: list[str] = []
        asked = True
        try:
            async with aclosing(self.inner.stream(request)) as pieces:
                async for piece in pieces:
                    told = piece.usage or told
                    said.append(piece.text)
                    yield piece
        except ModelError as error:
            asked = bool(said) or isinstance(error, ModelTooSlow | UnreadableAnswer)  # the others are told before a prompt is read
            raise
        finally:
            if not asked:
                told = Usage()
            usage = told or Usage(prompt=estimate_prompt(request), answer=estimate("".join(said)))
            self._settle(request, booking, usage)

    def seconds(self, request: LLMRequest, /) -> float:
        """What the model inside expects; infinite where a budget is spent."""
        return math.inf if self._spent(request) else self.inner.seconds(request)

    def _spent(self, request: LLMRequest) -> tuple[str, str] | None:
        """What is spent, and the name of its setting."""
        self._turn_page()
        limits, prompt = self._limits, estimate_prompt(request)
        budgets = [("day", limits.day, self._day_tokens)]
        if request.session:
            budgets += [("turn", limits.turn, self._turns.get((request.session, request.turn), 0)), ("session", limits.session, self._sessions.get(request.session, 0))]
        for name, limit, used in budgets:
            if limit and used + prompt > limit:
                return f"a {name} may use {limit} tokens (llm.{name}_tokens): {used} are used, and the prompt is about {prompt}", f"llm.{name}_tokens"
        if limits.money and (self._day_money >= limits.money or self._day_money + limits.cost(prompt, 0) > limits.money):
            return f"a day may cost {limits.money:g} (llm.day_money): {self._day_money:.4g} is spent", "llm.day_money"
        return None

    def _book(self, request: LLMRequest) -> _Booking:
        prompt = estimate_prompt(request)
        booking = _Booking(day=self._day, tokens=prompt, money=self._limits.cost(prompt, 0))
        self._count(request, prompt)
        self._day_tokens += booking.tokens
        self._day_money += booking.money
        return booking

    def _settle(self, request: LLMRequest, booking: _Booking, usage: Usage) -> None:
        self._turn_page()
        tokens, money = usage.prompt + usage.answer, self._limits.cost(usage.prompt, usage.answer)
        self._count(request, tokens - booking.tokens)
        same = booking.day == self._day  # a call over midnight counts where it ends
        self._day_tokens += tokens - booking.tokens * same
        self._day_money += money - booking.money * same

    def _count(self, request: LLMRequest, tokens: int) -> None:
        if request.session:
            _add(self._turns, (request.session, request.turn), tokens)
            _add(self._sessions, request.session, tokens)

    def _turn_page(self) -> None:
        today = self._clock().astimezone(UTC).date()
        if today != self._day:
            self._day, self._day_tokens, self._day_money = today, 0, 0.0


def _add(counted: OrderedDict[Hashable, int], key: Hashable, tokens: int) -> None:
    counted[key] = max(0, counted.get(key, 0) + tokens)  # 0: a booking may have been forgotten meanwhile
    counted.move_to_end(key)
    while len(counted) > _MAX_COUNTED:
        counted.popitem(last=False)
