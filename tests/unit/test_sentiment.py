"""Polarity of messages in both languages: words, negation, contrast, aspects, and the words of a wish, which do not count."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.text import plain
from zhiyin.types import Sentiment
from zhiyin.understand.sentiment import read_sentiment

ROWS = {
    "positive": [
        "I love it",
        "that one is great, thanks!",
        "absolutely fantastic",
        "really enjoyed this film",
        "not bad at all",
        "perfect, I'll take it",
        "it was never boring",
        "ＡＭＡＺＩＮＧ",
        "cool, thank you",
        "我很喜欢这部",
        "太棒了！",
        "挺好看的，谢谢",
        "这个不错",
        "质量好，很满意",
        "一点都不无聊",
        "拍照很清晰，运行流畅",
    ],
    "negative": [
        "I hate it",
        "this is boring",
        "that was terrible, what a waste",
        "I don't like it",
        "not good",
        "too expensive",
        "worst film ever",
        "it's not very interesting",
        "really disappointed",
        "I didn't enjoy it",
        "太贵了",
        "不喜欢这个",
        "好无聊",
        "不太满意",
        "烂片，看不下去",
        "这手机太差了",
        "心情不好",
        "不怎么好看",
    ],
    "neutral": [
        "a film about two brothers",
        "under 3000 yuan",
        "who directed it?",
        "something with a big battery",
        "I'd like a thriller",
        "what is the best phone under 3000",
        "can you recommend a good movie",
        "good morning",
        "想看科幻片",
        "三千以内的手机",
        "导演是谁",
        "哪个好",
        "推荐几部好的电影",
        "",
        "5000",
    ],
    "mixed": [
        "great camera but terrible battery",
        "I loved the story, though the acting was awful",
        "拍照不错，但是太贵了",
        "画面很美，可是剧情太无聊",
    ],
}


@pytest.mark.parametrize(("label", "text"), [(label, text) for label, texts in ROWS.items() for text in texts])
def test_a_message_has_the_polarity_its_reader_hears(label: str, text: str) -> None:
    sentiment = read_sentiment(plain(text))
    assert sentiment.label == label, f"{text!r}: {sentiment}"
    match label:
        case "positive":
            assert sentiment.score > 0.2
        case "negative":
            assert sentiment.score < -0.2
        case "neutral":
            assert abs(sentiment.score) <= 0.2


@pytest.mark.parametrize(("weaker", "stronger"), [("good", "very good"), ("bad", "terrible"), ("无聊", "非常无聊"), ("喜欢", "特别喜欢"), ("not great", "awful")])
def test_stronger_words_weigh_more(weaker: str, stronger: str) -> None:
    one, other = read_sentiment(weaker).score, read_sentiment(stronger).score
    assert one * other > 0
    assert abs(other) > abs(one)


def test_the_words_of_a_wish_do_not_count() -> None:
    text = "something sad and boring"
    assert read_sentiment(text).label == "negative"
    assert read_sentiment(text, wish_spans=[(10, len(text))]) == Sentiment()


def test_each_aspect_gets_the_polarity_of_its_clause() -> None:
    text = "great camera but terrible battery"
    sentiment = read_sentiment(text, aspects=[(6, 12, "camera"), (26, 33, "battery")])
    assert sentiment.aspects["camera"] > 0.4
    assert sentiment.aspects["battery"] < -0.4


def test_aspects_work_in_chinese_and_neutral_ones_are_absent() -> None:
    text = "拍照不错,但是太贵了,屏幕6寸"
    sentiment = read_sentiment(text, aspects=[(0, 2, "camera"), (8, 9, "price"), (11, 13, "screen")])
    assert sentiment.aspects["camera"] > 0
    assert sentiment.aspects["price"] < 0
    assert "screen" not in sentiment.aspects


PIECES = ["great", "not", "boring", "but", "very", ",", "喜欢", "不", "太", "贵", "但是", "烂", "很", " ", "!", "love", "n't", "5000", "《", "無"]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join) | st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(max_size=40))
def test_whatever_is_said_the_score_is_in_range_and_agrees_with_the_label(text: str) -> None:
    said = plain(text)
    sentiment = read_sentiment(said, aspects=[(0, 1, "all")] if said else [])
    assert -1.0 <= sentiment.score <= 1.0
    assert all(-1.0 <= score <= 1.0 for score in sentiment.aspects.values())
    if sentiment.label in {"positive", "negative"}:
        assert (sentiment.score > 0) == (sentiment.label == "positive")
