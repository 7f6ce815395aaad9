"""The language of a turn, and which messages are in neither of the two."""

from __future__ import annotations

import pytest

from zhiyin.text import plain
from zhiyin.types import Language
from zhiyin.understand.language import is_foreign, read_language


def language(text: str, *names: str, before: Language = Language.EN) -> Language:
    said = plain(text)
    spans = [(said.index(plain(name)), said.index(plain(name)) + len(name)) for name in names]
    return read_language(said, spans, before)


@pytest.mark.parametrize(
    "text",
    ["a quiet film", "Under $200, please!", "OK", "I'd like 3 phones", "Ça va — un film", "k thx", "a phone under 3000 元 please"],
)
def test_english_is_english(text: str) -> None:
    assert language(text, before=Language.ZH) is Language.EN


@pytest.mark.parametrize(
    "text",
    ["想看个安静的电影", "三千以内", "来点科幻的", "有没有 iPhone 15 啊", "推荐一部 Nolan 的电影", "OK，就这部", "５０００元左右的手机", "ＯＬＥＤ屏的有吗", "不要", "好"],
)
def test_chinese_is_chinese(text: str) -> None:
    assert language(text, before=Language.EN) is Language.ZH


@pytest.mark.parametrize("before", list(Language))
@pytest.mark.parametrize("text", ["", "5000", "??", "👍", "3-5", "2."])
def test_where_nothing_tells_the_language_stays(text: str, before: Language) -> None:
    assert language(text, before=before) is before


def test_a_title_in_the_other_language_does_not_count() -> None:
    assert language("I loved 霸王别姬", "霸王别姬", before=Language.ZH) is Language.EN
    assert language("看过 The Grand Budapest Hotel 了", "The Grand Budapest Hotel") is Language.ZH
    assert language("The Lord of the Rings 那种", "The Lord of the Rings") is Language.ZH


def test_a_title_counts_where_it_is_all_there_is() -> None:
    assert language("霸王别姬", "霸王别姬") is Language.ZH
    assert language("Spirited Away", "Spirited Away", before=Language.ZH) is Language.EN


@pytest.mark.parametrize(
    "text",
    ["映画をおすすめしてください", "추천해 주세요", "посоветуй хороший фильм", "أريد فيلما جيدا", "ช่วยแนะนำหนังหน่อย", "quiero ver una película divertida con mi familia", "ich möchte heute abend einen lustigen film sehen", "je voudrais regarder un bon film ce soir"],
)  # fmt: skip
def test_other_languages_are_foreign(text: str) -> None:
    assert is_foreign(plain(text), 0)


@pytest.mark.parametrize(
    "text",
    [
        "a funny film for my family",
        "推荐一部电影",
        "想看《となりのトトロ》那样的动画片",
        "phones",
        "",
        "5000",
        "blade runner",
        "Amélie",
        "wanna watch smth scary tonight",
        "Я хочу a good film please, thank you",
    ],
)
def test_chinese_and_english_are_not_foreign(text: str) -> None:
    assert not is_foreign(plain(text), 0)


def test_words_that_a_lexicon_explains_make_a_message_less_foreign() -> None:
    text = "kurosawa toshiro mifune takashi shimura"
    assert is_foreign(text, 0)
    assert not is_foreign(text, 3)
