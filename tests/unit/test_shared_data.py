"""The team's shared data: what people plant to break us, and what shoppers write."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from zhiyin import Assistant
from zhiyin.text import plain
from zhiyin.understand.sentiment import read_sentiment

SHARED = Path(__file__).parents[3] / "shared" / "data"
pytestmark = [pytest.mark.shared, pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is not here")]


@pytest.fixture(scope="module")
def assistant() -> Iterator[Assistant]:
    with Assistant(domain="phones") as opened:
        yield opened


@pytest.mark.model
def test_planted_strings_change_nothing_but_the_conversation(assistant: Assistant) -> None:
    real = {item.id for item in assistant.catalog.items}
    lines = (SHARED / "attacks" / "injections.jsonl").read_text(encoding="utf-8").strip().split("\n")
    for line in lines[::3]:
        assistant.new()
        first = assistant.say("三星手机，不要折叠屏")
        reply = assistant.say(json.loads(line)["text"])
        shown = {i["id"] for i in reply["items"]}
        assert shown <= real
        assert reply["reply"]
        assert first["constraints"]


def test_the_polarity_of_chinese_reviews_is_heard_where_it_is_spoken() -> None:
    with (SHARED / "zh-sentiment" / "reviews.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    heard = [(row["label"], read_sentiment(plain(row["review"])).label) for row in rows]
    decided = [(label, said) for label, said in heard if said in {"positive", "negative"}]
    right = sum((label == "1") == (said == "positive") for label, said in decided)
    assert right / len(decided) > 0.75
    assert len(decided) / len(heard) > 0.5
