"""OpenAI's chat interface, asked by its own client."""

from __future__ import annotations

import httpx2 as httpx
import pytest
from openai import BadRequestError, OpenAI


@pytest.fixture
def openai(house):
    """The `openai` SDK over the application, without a socket."""
    with OpenAI(base_url="http://127.0.0.1:8000/v1", api_key=house.key("server"), http_client=house.client(), max_retries=0) as client:
        yield client


def ask(openai: OpenAI, *messages: tuple[str, str], **more):
    return openai.chat.completions.create(model="zhiyin", messages=[{"role": role, "content": text} for role, text in messages], **more)


def test_a_reply_has_the_words_and_the_items(openai: OpenAI) -> None:
    reply = ask(openai, ("system", "be kind"), ("user", "a desk lamp"))
    choice = reply.choices[0]
    beside = choice.message.model_extra["zhiyin"]
    assert choice.finish_reason == "stop"
    assert beside["items"]
    assert beside["items"][0]["title"] in choice.message.content
    assert reply.usage is not None


def test_a_growing_history_stays_in_one_session(openai: OpenAI) -> None:
    first = ask(openai, ("user", "a desk lamp"))
    text = first.choices[0].message.content
    second = ask(openai, ("user", "a desk lamp"), ("assistant", text), ("user", "cheaper ones"))
    one, two = (r.choices[0].message.model_extra["zhiyin"] for r in (first, second))
    assert one["session_id"] == two["session_id"]
    assert len(two["constraints"]) > len(one["constraints"])


def test_a_history_that_nobody_knows_is_read_again(openai: OpenAI) -> None:
    reply = ask(openai, ("user", "a desk lamp"), ("assistant", "something somebody else said"), ("user", "cheaper ones"))
    assert {c["field"] for c in reply.choices[0].message.model_extra["zhiyin"]["constraints"]} >= {"uses", "price"}


def test_a_stream_says_the_same(openai: OpenAI) -> None:
    whole = ask(openai, ("user", "a desk lamp")).choices[0].message.content
    chunks = list(ask(openai, ("user", "a desk lamp"), stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == whole
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].choices[0].delta.model_extra["zhiyin"]["items"]


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"n": 2}, "n"),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]}, "tools"),
        ({"logprobs": True}, "logprobs"),
    ],
)
def test_what_is_not_done_is_refused_by_name(openai: OpenAI, more: dict[str, object], named: str) -> None:
    with pytest.raises(BadRequestError, match=named):
        ask(openai, ("user", "a desk lamp"), **more)


def test_the_model_is_named(openai: OpenAI) -> None:
    assert next(m.id for m in openai.models.list()).startswith("zhiyin-")
    assert isinstance(openai._client, httpx.Client)
