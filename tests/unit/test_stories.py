"""Messages that tell of something instead of naming it: what counts as a story, and what becomes of its words."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from zhiyin.assistant import Assistant
from zhiyin.testing import NOON
from zhiyin.types import Signal, State, Turn, Understanding

TOLD = [
    "a man floats his old house off to the jungle and there is a talking dog on the way",
    "tiny furry cook pulls a clumsy lad's hair to steer his arms around the restaurant kitchen",
    "下雨天小姑娘打着伞等爸爸的车，旁边站着个顶着树叶的胖大家伙",
    "帮落魄师兄弟把绝活用到足球场上，队里有个卖馒头的姑娘",
]
NOT_TOLD = [
    "a comedy from the 90s with Jim Carrey",
    "想看90年代的喜剧片，不要太长",
    "where is the DVD that I ordered from your shop last week, it still has not arrived",
    "我上周买的碟片怎么还没送到，订单一直没有更新",
    "啊啊啊啊啊啊啊啊啊啊啊啊啊啊",
    "I had a terrible day at work and my boss shouted at me again",
    "thanks, that was very kind of you and helped me a lot today",
    "hello",
]


@pytest.fixture(scope="module")
def read() -> Iterator[object]:
    with Assistant(domain="movies") as assistant:
        understand = assistant._app.engine.understand

        def one(text: str) -> Understanding:
            return understand(Turn(session="s", user="u", text=text, time=NOON), State())  # type: ignore[arg-type]

        yield one


@pytest.mark.model
@pytest.mark.parametrize("text", TOLD)
def test_a_told_story_is_looked_for_as_a_whole(read, text: str) -> None:
    heard = read(text)
    assert Signal.STORY in heard.signals
    assert heard.leading == "recommend"
    assert heard.topic == text
    assert heard.edits == ()


@pytest.mark.model
@pytest.mark.parametrize("text", NOT_TOLD)
def test_wishes_complaints_thanks_and_noise_are_no_stories(read, text: str) -> None:
    assert Signal.STORY not in read(text).signals


@pytest.mark.model
def test_a_story_that_begins_as_a_request_keeps_its_wishes(read) -> None:
    heard = read("I want a comedy movie where a grumpy weatherman keeps waking up in the same little town to the same song on the radio")
    assert any(getattr(e, "wish", None) and e.wish.field == "genres" for e in heard.edits)


@pytest.mark.model
@pytest.mark.films
def test_a_story_finds_its_film() -> None:
    with Assistant(domain="movies") as assistant:
        titles = [i["titles"].get("zh") for i in assistant.say("狗狗天天去火车站等一个再也回不来的人，看哭了")["items"]]
    assert "忠犬八公的故事" in titles
