"""The scripted model keeps the contract, alone and inside every wrapper."""

from __future__ import annotations

from datetime import UTC, datetime

from zhiyin.llm import Capabilities, LLMRequest
from zhiyin.llms.breaker import Breaker
from zhiyin.llms.budgeted import Budgeted, Limits
from zhiyin.llms.cached import Cached
from zhiyin.llms.deadline import Deadline
from zhiyin.llms.fallback import Fallback
from zhiyin.llms.metered import Metered
from zhiyin.llms.queued import Queued
from zhiyin.llms.retried import Retried
from zhiyin.llms.scripted import Mischief, MischievousLLM, ScriptedLLM
from zhiyin.llms.wrapper import WrapperLLM
from zhiyin.ports import LLM
from zhiyin.testing import LLMContract


def answer(request: LLMRequest) -> str:
    return '{"mood": "happy", "count": 5}' if request.schema else "Red and 蓝色, as it were."


def noon() -> datetime:
    return datetime(2026, 5, 17, 12, tzinfo=UTC)


def scripted() -> ScriptedLLM:
    return ScriptedLLM(answer, choices={"A": -0.05, "B": -3.1})


class TestScripted(LLMContract):
    def make(self) -> LLM:
        return scripted()


class TestScriptedThatTellsNoUsage(LLMContract):
    TELLS_USAGE = False

    def make(self) -> LLM:
        return ScriptedLLM(answer, usage=False)


class TestWrapper(LLMContract):
    def make(self) -> LLM:
        return WrapperLLM(scripted())


class TestDeadline(LLMContract):
    def make(self) -> LLM:
        return Deadline(scripted())


class TestRetried(LLMContract):
    def make(self) -> LLM:
        return Retried(scripted(), seed=1)


class TestBreaker(LLMContract):
    def make(self) -> LLM:
        return Breaker(scripted(), failures=1)


class TestFallback(LLMContract):
    def make(self) -> LLM:
        return Fallback(MischievousLLM(Mischief.RAISES), scripted())


class TestQueued(LLMContract):
    def make(self) -> LLM:
        return Queued(scripted(), parallel=1, waiting=1)


class TestBudgeted(LLMContract):
    def make(self) -> LLM:
        return Budgeted(scripted(), Limits(turn=6000, session=20_000, day=30_000, money=1.0, price_prompt=2.0, price_answer=8.0), clock=noon)


class TestCached(LLMContract):
    def make(self) -> LLM:
        return Cached(scripted(), size=2)


class TestMetered(LLMContract):
    def make(self) -> LLM:
        return Metered(scripted(), Capabilities(model="scripted", prompt_speed=500.0, answer_speed=50.0))


class TestMeteredWhereTheModelTellsNoUsage(LLMContract):
    def make(self) -> LLM:
        return Metered(ScriptedLLM(answer, usage=False))


class TestAllOfThem(LLMContract):
    def make(self) -> LLM:
        model = Queued(Breaker(Retried(Deadline(Metered(scripted())))), parallel=2, waiting=8)
        return Cached(Budgeted(Fallback(MischievousLLM(Mischief.RAISES), model), Limits(turn=6000, session=20_000), clock=noon))
