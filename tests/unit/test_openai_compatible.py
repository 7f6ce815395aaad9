"""The OpenAI-compatible back end, against a loopback server that behaves well and badly, and against llama.cpp's own server."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import math
import socket
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import pytest_asyncio
from pydantic import BaseModel, Field

from fakes.llama_server import LLAMA_KEY, llama
from fakes.openai_server import KEY, MODEL, FakeServer, Mode, serving
from zhiyin.errors import ContextTooSmall, ModelBusy, ModelError, ModelRefused, ModelUnreachable, SettingError, UnreadableAnswer
from zhiyin.llm import LLMRequest, Message, Rung
from zhiyin.llms import openai_compatible
from zhiyin.llms.openai_compatible import OpenAICompatible
from zhiyin.ports import LLM
from zhiyin.prompting.answers import ask, ask_typed, schema_of
from zhiyin.testing import LLMContract

REQUEST = LLMRequest(messages=(Message(role="system", text="Be brief."), Message(role="user", text="What is rain?")), purpose="speak", max_tokens=32, stop=("\n\n",))


class Mood(BaseModel):
    mood: Literal["calm", "tense"]
    why: str = Field(max_length=40)


SHAPED = replace(REQUEST, schema=schema_of(Mood))


@asynccontextmanager
async def connected(*, key: str = KEY, model: str = MODEL, rung: Rung = Rung.SCHEMA, context: int = 0, **given: Any) -> AsyncIterator[tuple[OpenAICompatible, FakeServer]]:
    async with serving(**given) as fake:
        llm = OpenAICompatible(model, fake.url, key, rung=rung, context=context)
        try:
            yield llm, fake
        finally:
            await llm.close()


async def raised(kind: type[ModelError], request: LLMRequest = REQUEST, **given: Any) -> ModelError:
    async with connected(**given) as (llm, _):
        with pytest.raises(kind) as caught:
            await ask(llm, request)
    assert type(caught.value) is kind
    return caught.value


# --- a good server ---


async def test_an_answer_comes_in_pieces_with_the_usage_on_the_last() -> None:
    async with connected() as (llm, fake), aclosing(llm.stream(REQUEST)) as stream:
        chunks = [chunk async for chunk in stream]
    assert "".join(chunk.text for chunk in chunks) == "Rain is water that falls."
    assert len([chunk for chunk in chunks if chunk.text]) > 3
    assert all(chunk.usage is None for chunk in chunks[:-1])
    usage = chunks[-1].usage
    assert usage is not None
    assert (usage.prompt, usage.cached, usage.answer, usage.model) == (5, 3, 5, MODEL)
    (body,) = fake.seen
    assert body["stream"] is True
    assert body["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is rain?"}]
    assert (body["max_tokens"], body["temperature"], body["stop"]) == (32, 0.0, ["\n\n"])
    assert not {"response_format", "logprobs", "grammar", "cache_prompt"} & body.keys()


async def test_the_tokens_that_llama_cpp_reused_count_as_cached() -> None:
    async with connected(timings=True) as (llm, _):
        usage = (await ask(llm, REQUEST)).usage
    assert usage is not None
    assert usage.cached == 5


async def test_a_server_that_does_not_count_still_answers() -> None:
    async with connected(counts=False) as (llm, _):
        answer = await ask(llm, REQUEST)
    assert answer.text == "Rain is water that falls."
    assert answer.usage is None


async def test_without_a_key_a_word_is_sent_that_is_none() -> None:
    async with connected(key="") as (llm, fake):
        with pytest.raises(ModelRefused):
            await ask(llm, REQUEST)
    assert fake.keys[0] == "none"


async def test_it_can_be_asked_again_after_it_was_closed() -> None:
    async with connected() as (llm, _):
        await ask(llm, REQUEST)
        await llm.close()
        await llm.close()
        assert (await ask(llm, REQUEST)).text == "Rain is water that falls."


async def test_the_name_says_which_model_and_where_but_no_password() -> None:
    llm = OpenAICompatible("m", "https://user:pass@host.example/v1?token=abc")
    assert llm.name == "m@https://host.example/v1"
    assert llm.seconds(REQUEST) == 0.0


class TestOpenAICompatible(LLMContract):
    """What every back end promises, over the loopback server."""

    url = ""

    def make(self) -> LLM:
        return OpenAICompatible(MODEL, self.url, KEY)

    @pytest_asyncio.fixture(autouse=True)
    async def _server(self) -> AsyncIterator[None]:
        async with serving() as fake:
            self.url = fake.url
            yield


# --- probabilities ---


async def test_probabilities_of_choices_are_read_off_the_first_token() -> None:
    async with connected(tops=((" A", -0.5), ("A", -3.0), ("B", -1.5), ("c", -2.0), ("C", -9.0))) as (llm, fake):
        answer = await ask(llm, replace(REQUEST, choices=("A", "B", "c", "Z")))
    assert answer.choices == {"A": pytest.approx(math.log(math.exp(-0.5) + math.exp(-3.0))), "B": -1.5, "c": -2.0}
    assert (fake.seen[0]["logprobs"], fake.seen[0]["top_logprobs"], fake.seen[0]["max_tokens"]) == (True, 20, 1)


async def test_a_server_without_probabilities_gives_none() -> None:
    async with connected(tops=()) as (llm, _):
        assert (await ask(llm, replace(REQUEST, choices=("A", "B")))).choices == {}


async def test_a_server_that_refuses_probabilities_is_asked_without_them_from_then_on() -> None:
    async with connected(refused=frozenset({"logprobs"})) as (llm, fake):
        for _ in range(2):
            answer = await ask(llm, replace(REQUEST, choices=("A", "B")))
            assert answer.text
            assert answer.choices == {}
    assert ["logprobs" in body for body in fake.seen] == [True, False, False]


@pytest.mark.parametrize("word", ["stream_options", "temperature", "max_tokens", "stop"])
async def test_what_a_server_does_not_know_is_left_out(word: str) -> None:
    async with connected(refused=frozenset({word})) as (llm, fake):
        assert (await ask(llm, REQUEST)).text == "Rain is water that falls."
        await ask(llm, REQUEST)
    assert [word in body for body in fake.seen] == [True, False, False]
    assert ("max_completion_tokens" in fake.seen[-1]) == (word == "max_tokens")


# --- the ladder ---


async def test_a_schema_is_asked_for_strictly() -> None:
    async with connected() as (llm, fake):
        value, usage = await ask_typed(llm, REQUEST, Mood)
    assert value == Mood(mood="calm", why="words")
    assert usage.answer > 0
    assert fake.seen[0]["response_format"] == {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema_of(Mood)}}
    assert fake.seen[0]["messages"][-1]["content"] == "What is rain?"


@pytest.mark.parametrize(("rung", "form", "told"), [(Rung.JSON, "response_format", True), (Rung.GRAMMAR, "grammar", False), (Rung.NONE, "messages", True)])
async def test_each_rung_says_the_schema_in_its_own_way(rung: Rung, form: str, told: bool) -> None:
    async with connected(rung=rung, enforced=frozenset()) as (llm, fake):
        await ask(llm, SHAPED)
    (body,) = fake.seen
    assert form in body
    assert len({"response_format", "grammar"} & body.keys()) == (rung is not Rung.NONE)
    assert ('{"mood": "calm" | "tense", "why": text}' in body["messages"][-1]["content"]) == told
    assert body["messages"][0]["content"] == "Be brief."


async def test_a_refused_rung_is_climbed_down_from_for_good() -> None:
    async with connected(refused=frozenset({"json_schema", "grammar", "json_object"})) as (llm, fake):
        assert (await ask(llm, SHAPED)).text == "Rain is water that falls."
        assert llm.rung is Rung.NONE
        assert len(fake.seen) == 5  # with lengths, without, json_object, grammar, nothing
        await ask(llm, SHAPED)
    assert len(fake.seen) == 6
    assert all('"calm" | "tense"' in body["messages"][-1]["content"] for body in fake.seen[2:])


async def test_one_rung_at_a_time() -> None:
    async with connected(refused=frozenset({"json_schema"})) as (llm, fake):
        await ask(llm, SHAPED)
    assert llm.rung is Rung.JSON
    assert fake.seen[-1]["response_format"] == {"type": "json_object"}


async def test_a_server_that_takes_no_lengths_keeps_its_rung() -> None:
    async with connected(plain_only=True) as (llm, fake):
        value, _ = await ask_typed(llm, REQUEST, Mood)
    assert value.mood == "calm"
    assert llm.rung is Rung.SCHEMA
    assert "maxLength" not in json.dumps(fake.seen[-1])


async def test_a_probe_is_told_of_a_refusal() -> None:
    async with connected(refused=frozenset({"json_schema"})) as (llm, _):
        with pytest.raises(ModelRefused, match="json_schema"):
            await ask(llm, replace(SHAPED, purpose="probe"))
        assert llm.rung is Rung.SCHEMA


async def test_two_calls_that_are_refused_at_once_climb_down_once() -> None:
    async with connected(refused=frozenset({"json_schema"})) as (llm, _):
        answers = await asyncio.gather(*(ask(llm, SHAPED) for _ in range(4)))
    assert [answer.text for answer in answers] == ["Rain is water that falls."] * 4
    assert llm.rung is Rung.JSON


async def test_an_ignored_schema_is_found_out_by_reading() -> None:
    async with connected(enforced=frozenset()) as (llm, _):
        with pytest.raises(UnreadableAnswer, match="Rain is water"):
            await ask_typed(llm, REQUEST, Mood)


# --- thoughts ---


@pytest.mark.parametrize("thought", ["<think>Hm, <b> rain?</think>\n\n", "\n<thinking>x</thinking> ", "<think></think>"])
async def test_thoughts_are_not_part_of_the_answer(thought: str) -> None:
    async with connected(says=lambda _: thought + "Rain is wet.", thinks="Let me see.") as (llm, _):
        assert (await ask(llm, replace(REQUEST, max_tokens=99))).text == "Rain is wet."


# --- trouble ---


async def test_a_wrong_key_is_refused_with_the_name_of_the_setting() -> None:
    error = await raised(ModelRefused, key="wrong-key")
    assert "ZHIYIN_LLM__KEY" in error.hint
    assert "wrong-key" not in "".join(traceback.format_exception(error))


async def test_a_key_that_the_server_echoes_appears_nowhere() -> None:
    error = await raised(ModelRefused, mode=Mode.ECHOES)
    assert "odd request by …" in str(error)
    assert KEY not in "".join(traceback.format_exception(error))


def test_a_key_that_no_header_can_hold_is_a_setting_error_that_does_not_quote_it() -> None:
    key = f"{KEY}\n{KEY}"
    with pytest.raises(SettingError) as caught:
        OpenAICompatible("m", "http://localhost/v1", key)
    assert KEY not in "".join(traceback.format_exception(caught.value))


async def test_an_unknown_model_is_refused_with_the_names_of_those_there_are() -> None:
    error = await raised(ModelRefused, model="huge")
    assert "'huge'" in str(error)
    assert error.hint == f"It has: {MODEL}, other"


@pytest.mark.parametrize(
    ("mode", "kind", "words"),
    [
        (Mode.BREAKS, ModelUnreachable, "broke in the middle"),
        (Mode.ENDS, ModelUnreachable, "in the middle"),
        (Mode.GARBAGE, ModelUnreachable, "cannot be read"),
        (Mode.NONSENSE, ModelUnreachable, "cannot be read"),
        (Mode.PAGE, ModelUnreachable, "broke off"),
        (Mode.ERROR_EVENT, ModelUnreachable, "on fire"),
        (Mode.BROKEN, ModelUnreachable, "fell over"),
        (Mode.LOADING, ModelUnreachable, "Loading model"),
        (Mode.BUSY, ModelBusy, "slow down"),
        (Mode.POOR, ModelRefused, "quota"),
        (Mode.NO_ROOM, ContextTooSmall, "6030 tokens"),
    ],
)
async def test_every_trouble_has_its_error(mode: Mode, kind: type[ModelError], words: str) -> None:
    error = await raised(kind, mode=mode)
    assert words in str(error)
    assert KEY not in "".join(traceback.format_exception(error))


async def test_nobody_at_the_address_is_unreachable() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{sock.getsockname()[1]}/v1"
    llm = OpenAICompatible("m", url)
    with pytest.raises(ModelUnreachable, match=r"nobody answers at http://127\.0\.0\.1") as caught:
        await ask(llm, REQUEST)
    assert "llm.url" in caught.value.hint
    assert caught.value.retryable
    await llm.close()


async def test_a_server_that_hangs_is_given_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_compatible, "_GRACE", 0.1)
    error = await raised(ModelUnreachable, replace(REQUEST, seconds=0.1), mode=Mode.HANGS)
    assert error.retryable


async def test_closing_the_stream_hangs_up_so_that_the_server_stops() -> None:
    async with connected(mode=Mode.DRIPS) as (llm, fake):
        async with aclosing(llm.stream(REQUEST)) as stream:
            assert (await anext(stream)).text == "drop "
            assert not fake.hung_up.is_set()
        await asyncio.wait_for(fake.hung_up.wait(), 5)


async def test_a_cancelled_call_hangs_up_too() -> None:
    async with connected(mode=Mode.HANGS) as (llm, fake):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await ask(llm, REQUEST)
        await asyncio.wait_for(fake.hung_up.wait(), 5)


async def test_a_prompt_that_surely_does_not_fit_is_not_sent() -> None:
    async with connected(context=512) as (llm, fake):
        assert (await ask(llm, REQUEST)).text
        for text in ("rain " * 2000, "雨" * 2000):
            with pytest.raises(ContextTooSmall, match="512"):
                await ask(llm, replace(REQUEST, messages=(Message(role="user", text=text),)))
    assert len(fake.seen) == 1


def test_a_missing_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SettingError) as caught:
        OpenAICompatible("m", "http://localhost/v1")
    assert caught.value.hint == "pip install 'zhiyin[openai]'"


@pytest.mark.parametrize("url", ["localhost:8000/v1", "ftp://x/v1", "http://", ""])
def test_an_address_that_is_none_is_a_setting_error(url: str) -> None:
    with pytest.raises(SettingError, match="http://"):
        OpenAICompatible("m", url)


# --- the real server of llama.cpp ---


@pytest.fixture(scope="module")
def llama_url(small_model: Path) -> Iterator[str]:
    with llama(small_model) as url:
        yield url


@asynccontextmanager
async def real(url: str, rung: Rung = Rung.SCHEMA, key: str = LLAMA_KEY) -> AsyncIterator[OpenAICompatible]:
    llm = OpenAICompatible("any", url, key, rung=rung)
    try:
        yield llm
    finally:
        await llm.close()


@pytest.mark.llm
class TestLlamaCppOverHttp(LLMContract):
    """What every back end promises, over a real model."""

    url = ""

    def make(self) -> LLM:
        return OpenAICompatible("any", self.url, LLAMA_KEY)

    @pytest.fixture(autouse=True)
    def _server(self, llama_url: str) -> None:
        self.url = llama_url


class Film(BaseModel):
    title: str = Field(max_length=30)
    year: int
    genres: list[Literal["comedy", "drama", "恐怖"]] = Field(min_length=1, max_length=3)
    sequel: bool
    score: float | None
    kind: Literal["film"]


@pytest.mark.llm
async def test_llama_cpp_streams_and_counts(llama_url: str) -> None:
    async with real(llama_url) as llm, aclosing(llm.stream(REQUEST)) as stream:
        chunks = [chunk async for chunk in stream]
    assert len(chunks) > 3
    usage = chunks[-1].usage
    assert usage is not None
    assert usage.prompt > 5
    assert usage.answer > 3


@pytest.mark.llm
@pytest.mark.parametrize(("rung", "text"), [(Rung.SCHEMA, "Describe the film Alien."), (Rung.GRAMMAR, "讲一讲电影《千与千寻》。")])
async def test_llama_cpp_is_held_to_a_schema_and_to_our_grammar(llama_url: str, rung: Rung, text: str) -> None:
    async with real(llama_url, rung) as llm:
        value, _ = await ask_typed(llm, replace(REQUEST, messages=(Message(role="user", text=text),), max_tokens=160, stop=()), Film)
    assert value.title
    assert 1 <= len(value.genres) <= 3


@pytest.mark.llm
async def test_llama_cpp_tells_probabilities_of_choices(llama_url: str) -> None:
    text = "Is fire hot? A: yes. B: no. Answer with the letter only."
    async with real(llama_url) as llm:
        answer = await ask(llm, replace(REQUEST, messages=(Message(role="user", text=text),), choices=("A", "B")))
    assert set(answer.choices) == {"A", "B"}
    assert 0.2 < sum(math.exp(value) for value in answer.choices.values()) <= 1.0001


@pytest.mark.llm
async def test_llama_cpp_refuses_a_wrong_key_and_a_prompt_that_is_too_long(llama_url: str) -> None:
    async with real(llama_url, key="wrong-one") as llm:
        with pytest.raises(ModelRefused, match="key") as caught:
            await ask(llm, REQUEST)
        assert "wrong-one" not in "".join(traceback.format_exception(caught.value))
    async with real(llama_url) as llm:
        with pytest.raises(ContextTooSmall):
            await ask(llm, replace(REQUEST, messages=(Message(role="user", text="banana " * 6000),)))


@pytest.mark.llm
async def test_llama_cpp_stops_when_the_stream_is_closed(llama_url: str) -> None:
    async with real(llama_url) as llm:
        endless = replace(REQUEST, messages=(Message(role="user", text="Count to ten thousand."),), max_tokens=2000, stop=())
        for _ in range(3):  # two slots: a third call would wait for minutes if the first two went on
            async with aclosing(llm.stream(endless)) as stream:
                await anext(stream)
        answer = await asyncio.wait_for(ask(llm, replace(REQUEST, max_tokens=8)), 100)
    assert answer.text
