"""What every language model promises, as a test suite to inherit from: see `LLMContract`."""

from __future__ import annotations

import asyncio
import json
import math
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

import pytest
import pytest_asyncio

from zhiyin.llm import LLMChunk, LLMRequest, Message
from zhiyin.ports import LLM

SCHEMA = {
    "type": "object",
    "properties": {"mood": {"type": "string", "enum": ["happy", "sad"]}, "count": {"type": "integer", "minimum": 0, "maximum": 9}},
    "required": ["mood", "count"],
    "additionalProperties": False,
}


def prose_request(text: str = "Name two colours of the rainbow. 用一句话回答。", **changes: object) -> LLMRequest:
    """A question that any model answers with a few words, with these fields changed."""
    messages = (Message(role="system", text="You answer in one short sentence."), Message(role="user", text=text))
    return replace(LLMRequest(messages=messages, purpose="probe", max_tokens=24, seconds=120.0), **changes)  # type: ignore[arg-type]  # a test's own words


async def whole(llm: LLM, request: LLMRequest) -> list[LLMChunk]:
    """All pieces of an answer."""
    async with aclosing(llm.stream(request)) as pieces:
        return [piece async for piece in pieces]


def said(pieces: list[LLMChunk]) -> str:
    """The text of an answer's pieces."""
    return "".join(piece.text for piece in pieces)


@pytest.mark.asyncio
class LLMContract(ABC):
    """What an `LLM` promises. Inherit, name the class `Test...`, and say how to `make` one that is ready to answer.

    Set a flag to False where the back end does not promise a thing.
    """

    STREAMS = True  # an answer comes in several pieces
    TELLS_USAGE = True
    KEEPS_SCHEMAS = True
    TELLS_CHOICES = True
    SAME_AGAIN = True  # at temperature 0

    @abstractmethod
    def make(self) -> LLM:
        """A model that is ready to answer."""

    @pytest_asyncio.fixture
    async def llm(self) -> AsyncGenerator[LLM, None]:
        """The model under test, closed afterwards."""
        llm = self.make()
        yield llm
        await llm.close()

    async def test_it_has_a_name(self, llm: LLM) -> None:
        """The same before and after it was asked."""
        name = llm.name
        await whole(llm, prose_request())
        assert name
        assert llm.name == name

    async def test_the_pieces_are_an_answer(self, llm: LLM) -> None:
        """Some text, in more than one piece where it streams; prose tells no probabilities."""
        pieces = await whole(llm, prose_request())
        assert said(pieces).strip()
        assert all(not piece.choices for piece in pieces)
        if self.STREAMS:
            assert sum(1 for piece in pieces if piece.text) > 1

    async def test_the_last_piece_tells_the_usage(self, llm: LLM) -> None:
        """Tokens of the prompt and of the answer, those from a cache among the former, and who answered."""
        usage = (await whole(llm, prose_request()))[-1].usage
        if not self.TELLS_USAGE:
            assert usage is None or usage.answer > 0
            return
        assert usage is not None
        assert usage.answer > 0
        assert usage.prompt >= usage.cached >= 0
        assert usage.prompt > 0
        assert usage.model
        assert usage.seconds >= usage.first >= 0.0

    async def test_at_temperature_zero_the_same_question_has_the_same_answer(self, llm: LLM) -> None:
        """Where the back end can promise that."""
        first, again = said(await whole(llm, prose_request())), said(await whole(llm, prose_request()))
        assert again.strip()
        if self.SAME_AGAIN:
            assert again == first

    async def test_it_can_be_stopped_and_asked_again(self, llm: LLM) -> None:
        """Closing the stream after a piece ends it; the next answer is a whole one."""
        stream = llm.stream(prose_request())
        await anext(stream)
        await stream.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
        assert said(await whole(llm, prose_request())).strip()

    async def test_a_stream_that_nobody_reads_does_no_harm(self, llm: LLM) -> None:
        """Closed before its first piece."""
        await llm.stream(prose_request()).aclose()
        assert said(await whole(llm, prose_request())).strip()

    async def test_a_cancelled_reader_leaves_the_model_free(self, llm: LLM) -> None:
        """As when a user goes away while the prompt is read."""
        task = asyncio.create_task(whole(llm, prose_request("Count to one hundred.", max_tokens=200)))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert said(await whole(llm, prose_request())).strip()

    async def test_two_at_once_are_both_answered(self, llm: LLM) -> None:
        """At the same time or one after the other."""
        one, other = await asyncio.gather(whole(llm, prose_request()), whole(llm, prose_request("What is two and two?")))
        assert said(one).strip()
        assert said(other).strip()

    async def test_an_answer_keeps_its_schema(self, llm: LLM) -> None:
        """JSON with the fields asked for, of their types, where schemas are kept; text in any case."""
        pieces = await whole(llm, prose_request("How are you, and how many fingers has a hand? Answer in JSON.", schema=SCHEMA, max_tokens=64))
        assert said(pieces).strip()
        if self.KEEPS_SCHEMAS:
            answer = json.loads(said(pieces))
            assert set(answer) == {"mood", "count"}
            assert answer["mood"] in {"happy", "sad"}
            assert answer["count"] in range(10)
            assert isinstance(answer["count"], int)

    async def test_choices_come_with_log_probabilities(self, llm: LLM) -> None:
        """Of choices that were given, none above certainty, together at most one; no others, told or not."""
        pieces = await whole(llm, prose_request("Is snow white? Answer A for yes, B for no.", choices=("A", "B"), max_tokens=1))
        told = {choice: value for piece in pieces for choice, value in piece.choices.items()}
        assert set(told) <= {"A", "B"}
        assert all(value <= 1e-6 for value in told.values())
        assert sum(math.exp(value) for value in told.values()) <= 1.001
        if self.TELLS_CHOICES:
            assert told

    async def test_it_says_how_long_it_will_take(self, llm: LLM) -> None:
        """A number of seconds, finite while it can be asked."""
        assert 0.0 <= llm.seconds(prose_request()) < math.inf
        await whole(llm, prose_request())
        assert 0.0 <= llm.seconds(prose_request()) < math.inf

    async def test_closing_twice_does_no_harm(self, llm: LLM) -> None:
        """Used or not."""
        await whole(llm, prose_request())
        await llm.close()
        await llm.close()
