"""OpenAI's chat interface, asked by its own client."""

from __future__ import annotations

import json

import pytest
from openai import AuthenticationError, BadRequestError, NotFoundError, OpenAI, PermissionDeniedError

from zhiyin.types import Heard, SessionId


@pytest.fixture
def connect(house):
    """The `openai` SDK over the application, without a socket, with a key."""
    opened: list[OpenAI] = []

    def connected(key: str, visitor: str = "") -> OpenAI:
        client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key=key, http_client=house.client(visitor=visitor), max_retries=0)
        opened.append(client)
        return client

    yield connected
    for client in opened:
        client.close()


@pytest.fixture
def openai(house, connect) -> OpenAI:
    return connect(house.key("server"))


def ask(openai: OpenAI, *messages: tuple[str, str], **more):
    return openai.chat.completions.create(model="zhiyin", messages=[{"role": role, "content": text} for role, text in messages], **more)


def beside(reply) -> dict:
    return reply.choices[0].message.model_extra["zhiyin"]


def wishes(reply) -> set[str]:
    return {c["field"] for c in beside(reply)["constraints"]}


def test_a_reply_has_the_words_and_the_items(openai: OpenAI) -> None:
    reply = ask(openai, ("system", "be kind"), ("user", "a desk lamp"))
    choice = reply.choices[0]
    assert choice.finish_reason == "stop"
    first = beside(reply)["items"][0]
    assert f"1. **{first['title']}** · ¥" in choice.message.content
    assert first["reasons"][0]["text"] in choice.message.content
    assert beside(reply)["recommendation_id"]
    assert reply.usage.total_tokens == 0  # no language model was asked
    assert reply.model == "zhiyin-lamps"


def test_the_list_is_in_the_language_of_the_message(openai: OpenAI) -> None:
    text = ask(openai, ("user", "阅读用的台灯")).choices[0].message.content
    assert "1. **月光" in text


def test_content_may_come_in_parts_of_text(openai: OpenAI) -> None:
    parts = [{"type": "text", "text": "a desk lamp"}, {"type": "text", "text": "under 500 yuan"}]
    reply = openai.chat.completions.create(model="zhiyin", messages=[{"role": "user", "content": parts}])
    assert wishes(reply) == {"uses", "price"}


# --- which session ---


def test_a_growing_history_stays_in_one_session(house, openai: OpenAI) -> None:
    first = ask(openai, ("user", "a desk lamp"))
    history = [("user", "a desk lamp"), ("assistant", first.choices[0].message.content + "  \n")]
    second = ask(openai, ("system", "other words"), *history, ("user", "under 500 yuan"))
    third = ask(openai, *history, ("user", "under 500 yuan"), ("assistant", second.choices[0].message.content), ("user", "a red one"))
    assert len({beside(r)["session_id"] for r in (first, second, third)}) == 1
    assert wishes(third) == {"uses", "price", "colours"}
    heard = [e for e in house.run(house.store.events, SessionId(beside(first)["session_id"])) if isinstance(e, Heard)]
    assert [e.turn.text for e in heard] == ["a desk lamp", "under 500 yuan", "a red one"]


def test_a_history_that_nobody_knows_is_read_again(openai: OpenAI) -> None:
    reply = ask(openai, ("user", "a desk lamp"), ("assistant", "something somebody else said"), ("user", "cheaper ones"))
    assert wishes(reply) >= {"uses", "price"}


def test_two_people_who_begin_alike_do_not_meet(openai: OpenAI) -> None:
    hello = [("user", "a desk lamp"), ("assistant", ask(openai, ("user", "a desk lamp")).choices[0].message.content)]
    ask(openai, ("user", "a desk lamp"))  # somebody else, word for word
    one = ask(openai, *hello, ("user", "a red one"))
    two = ask(openai, *hello, ("user", "a black one"))
    assert beside(one)["session_id"] != beside(two)["session_id"]
    assert [c["value"] for c in beside(two)["constraints"] if c["field"] == "colours"] == [["black"]]
    assert beside(one)["user"] != beside(two)["user"]


def test_a_message_asked_again_leaves_what_was_said_since(openai: OpenAI) -> None:
    first = ask(openai, ("user", "a desk lamp"))
    history = [("user", "a desk lamp"), ("assistant", first.choices[0].message.content)]
    ask(openai, *history, ("user", "under 500 yuan"))
    edited = ask(openai, *history, ("user", "a red one"))  # the client's user has changed the last message
    assert wishes(edited) == {"uses", "colours"}


def test_a_session_may_be_named(house, openai: OpenAI) -> None:
    by_header = ask(openai, ("user", "a desk lamp"), extra_headers={"x-zhiyin-session": "mine-1"})
    by_data = ask(openai, ("user", "under 500 yuan"), metadata={"session_id": "mine-1"})
    assert beside(by_header)["session_id"] == beside(by_data)["session_id"] == "mine-1"
    assert wishes(by_data) == {"uses", "price"}


def test_a_user_is_who_is_named_and_taste_is_kept(openai: OpenAI, server_client) -> None:
    reply = ask(openai, ("user", "a desk lamp"), user="ann")
    assert beside(reply)["user"] == "ann"
    assert server_client.get("/v1/users/ann").json()["sessions"] == 1
    assert beside(ask(openai, ("user", "a desk lamp")))["user"].startswith("anonymous-")


def test_feedback_can_be_given_on_what_was_listed(openai: OpenAI, server_client) -> None:
    told = beside(ask(openai, ("user", "a desk lamp")))
    body = {"session_id": told["session_id"], "recommendation_id": told["recommendation_id"], "item_id": told["items"][0]["id"], "value": "like"}
    assert server_client.post("/v1/feedback", json=body).status_code == 200


# --- streams ---


def test_a_stream_says_the_same(openai: OpenAI) -> None:
    whole = ask(openai, ("user", "a desk lamp")).choices[0].message.content
    chunks = list(ask(openai, ("user", "a desk lamp"), stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == whole
    assert len([c for c in chunks if c.choices[0].delta.content]) > 1
    assert len({c.id for c in chunks}) == 1
    assert [c.choices[0].finish_reason for c in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert chunks[-1].choices[0].delta.model_extra["zhiyin"]["items"]


def test_a_stream_tells_usage_where_it_is_asked_for(openai: OpenAI) -> None:
    last = list(ask(openai, ("user", "a desk lamp"), stream=True, stream_options={"include_usage": True}))[-1]
    assert last.choices == []
    assert last.usage.total_tokens == 0


def test_a_streamed_history_stays_in_one_session_too(openai: OpenAI) -> None:
    chunks = list(ask(openai, ("user", "a desk lamp"), stream=True))
    text = "".join(c.choices[0].delta.content or "" for c in chunks)
    second = ask(openai, ("user", "a desk lamp"), ("assistant", text), ("user", "a red one"))
    assert beside(second)["session_id"] == chunks[-1].choices[0].delta.model_extra["zhiyin"]["session_id"]


# --- forms ---


def test_a_reply_as_an_object_is_our_reply(openai: OpenAI) -> None:
    reply = ask(openai, ("user", "a desk lamp"), response_format={"type": "json_object"})
    told = json.loads(reply.choices[0].message.content)
    assert told["reply"]
    assert [i["id"] for i in told["items"]] == [i["id"] for i in beside(reply)["items"]]
    streamed = list(ask(openai, ("user", "a desk lamp"), response_format={"type": "json_object"}, stream=True))
    assert json.loads("".join(c.choices[0].delta.content or "" for c in streamed))["reply"] == told["reply"]


def schema(**properties: object) -> dict[str, object]:
    return {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object", "required": list(properties), "properties": properties}}}


def test_a_schema_that_our_reply_keeps_is_kept(openai: OpenAI) -> None:
    card = {"type": "object", "required": ["id", "title"], "properties": {"id": {"type": "string"}}}
    reply = ask(openai, ("user", "a desk lamp"), response_format=schema(reply={"type": "string"}, items={"type": "array", "minItems": 1, "items": card}))
    assert json.loads(reply.choices[0].message.content)["items"]


@pytest.mark.parametrize(
    "asked",
    [
        schema(weather={"type": "string"}),
        schema(reply={"type": "integer"}),
        schema(reply={"type": "strong"}),
        schema(reply={"type": "string", "pattern": "(a+)+$"}),
        schema(reply={"$ref": "http://127.0.0.1:9/schema"}),
        schema(reply={"$ref": "#/nowhere"}),
        {"type": "json_schema"},
        {"type": "json_schema", "json_schema": {"schema": {"description": "x" * 100_000}}},
        {"type": "xml"},
        {},
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_form_that_cannot_be_kept_is_an_error_and_never_passed_over(openai: OpenAI, asked: dict[str, object], stream: bool) -> None:
    from openai import APIError

    with pytest.raises(APIError, match="response_format"):
        list(ask(openai, ("user", "a desk lamp"), response_format=asked, stream=stream))


# --- what is wrong ---


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"n": 2}, "n"),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]}, "tools"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"logprobs": True}, "logprobs"),
        ({"logit_bias": {"1": 5}}, "logit_bias"),
        ({"stop": ["\n"]}, "stop"),
        ({"modalities": ["audio"]}, "modalities"),
        ({"extra_body": {"temprature": 1}}, "temprature"),
        ({"metadata": {"session_id": "a\nb"}}, "metadata.session_id"),
        ({"user": "x" * 200}, "user"),
    ],
)
def test_what_is_not_done_is_refused_by_name(openai: OpenAI, more: dict[str, object], named: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        ask(openai, ("user", "a desk lamp"), **more)
    assert caught.value.param == named
    assert caught.value.type == "invalid_request_error"
    assert caught.value.code


def test_parameters_of_wording_are_taken(openai: OpenAI) -> None:
    assert ask(openai, ("user", "a desk lamp"), temperature=0.2, max_tokens=50, seed=1, top_p=0.9, tool_choice="none").choices


@pytest.mark.parametrize(
    ("messages", "named"),
    [
        ([], "messages"),
        ([{"role": "assistant", "content": "hello"}], "messages.0.role"),
        ([{"role": "wizard", "content": "hello"}], "messages.0.role"),
        ([{"role": "user", "content": "x" * 100_000}], "messages.0.content"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}], "messages.0.content"),
        ("hello", "messages"),
    ],
)
def test_messages_that_cannot_be_read_are_named(openai: OpenAI, messages: object, named: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        openai.chat.completions.create(model="zhiyin", messages=messages)
    assert str(caught.value.param).startswith(named)


def test_a_long_history_is_read_again_as_far_as_it_goes_back(openai: OpenAI) -> None:
    history = [m for n in range(60) for m in (("user", f"under {1000 - n} yuan" + " " * 90_000 * (n == 3)), ("assistant", "fine"))]
    reply = ask(openai, ("user", "a desk lamp"), *history, ("user", "a black one"))
    assert {c["field"]: c["value"] for c in beside(reply)["constraints"]} == {"price": 941, "colours": ["black"]}


def test_keys_count_here_too(house, connect) -> None:
    house.key("server")
    with pytest.raises(AuthenticationError):
        ask(connect("sk_wrong"), ("user", "a desk lamp"))
    user, token = house.visitor()
    browser = connect(house.key("browser"), token)
    assert beside(ask(browser, ("user", "a desk lamp")))["user"] == user
    with pytest.raises(PermissionDeniedError):
        ask(browser, ("user", "a desk lamp"), user="ann")
    ask(connect(house.key("server")), ("user", "a desk lamp"), user="ann", metadata={"session_id": "hers"})
    with pytest.raises(NotFoundError):
        ask(browser, ("user", "a desk lamp"), metadata={"session_id": "hers"})


def test_the_model_is_named(openai: OpenAI) -> None:
    (only,) = openai.models.list()
    assert only.id == openai.models.retrieve(only.id).id == "zhiyin-lamps"
    with pytest.raises(NotFoundError):
        openai.models.retrieve("gpt-9")
