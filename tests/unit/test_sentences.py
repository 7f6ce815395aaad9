"""A stream cut into sentences: whole ones as soon as they are whole, whatever pieces they come in, and titles never torn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhiyin.reply.sentences import Sentences, heads

NAMES = ("Airplane!", "Dr. Strangelove", "Who Framed Roger Rabbit?", "你好，李焕英。", "E.T.", "Mr. & Mrs. Smith")


def cut(text: str, *, piece: int = 0, names: tuple[str, ...] = NAMES) -> list[str]:
    """The sentences of a text that comes in pieces of so many characters; 0 is all at once."""
    sentences, found = Sentences(names), []
    for start in range(0, len(text), piece or len(text) or 1):
        found += sentences.feed(text[start : start + (piece or len(text))])
    return [*found, *([rest] if (rest := sentences.rest()) else [])]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One is here. Two is there.", ["One is here.", "Two is there."]),
        ("Is it? It is! Good.", ["Is it?", "It is!", "Good."]),
        ("第一句。第二句！第三句？", ["第一句。", "第二句！", "第三句？"]),
        ("他说“好看。”然后走了。", ["他说“好看。”", "然后走了。"]),
        ("It costs 3.5 yuan. Nice.", ["It costs 3.5 yuan.", "Nice."]),
        ("By Dr. Who and Mr. Bean. Yes.", ["By Dr. Who and Mr. Bean.", "Yes."]),
        ("By J. R. Smith, e.g. this. Yes.", ["By J. R. Smith, e.g. this.", "Yes."]),
        ("Airplane! is funny. So is Dr. Strangelove.", ["Airplane! is funny.", "So is Dr. Strangelove."]),
        ("Who Framed Roger Rabbit? is a mix. Good.", ["Who Framed Roger Rabbit? is a mix.", "Good."]),
        ("《你好，李焕英。》很温馨。好。", ["《你好，李焕英。》很温馨。", "好。"]),
        ("First line\nSecond line", ["First line", "Second line"]),
        ("a list:\n\n- one\n- two", ["a list:", "- one", "- two"]),
        ('He said "go." Then left.', ['He said "go."', "Then left."]),
        ("No end", ["No end"]),
        ("  ", []),
        ("", []),
    ],
)
def test_a_text_is_cut_where_its_sentences_end(text: str, sentences: list[str]) -> None:
    assert cut(text) == sentences


def test_a_sentence_is_given_as_soon_as_it_is_known_to_have_ended() -> None:
    sentences = Sentences()
    assert sentences.feed("One is here.") == []  # "here.5" might follow
    assert sentences.feed(" Two") == ["One is here."]
    assert sentences.feed(" 是。") == ["Two 是。"]
    assert sentences.rest() == ""


def test_the_rest_is_given_once() -> None:
    sentences = Sentences()
    sentences.feed("half of")
    assert (sentences.rest(), sentences.rest()) == ("half of", "")


def test_without_its_name_a_title_with_an_end_in_it_is_cut() -> None:
    assert cut("Airplane! is funny.", names=()) == ["Airplane!", "is funny."]


pieces = st.lists(st.sampled_from([*NAMES, "good", "3.5", " ", ". ", "! ", "。", "？", "\n", "电影", "a.m. ", '"', "”"]), max_size=14).map("".join)


@given(pieces, st.integers(1, 7))
def test_nothing_is_lost_or_added_whatever_the_pieces(text: str, piece: int) -> None:
    assert "".join("".join(cut(text, piece=piece)).split()) == "".join(text.split())


@given(st.text(max_size=60), st.integers(1, 5))
def test_any_text_can_be_cut(text: str, piece: int) -> None:
    assert all(sentence.strip() == sentence != "" for sentence in cut(text, piece=piece))


@pytest.mark.parametrize(
    ("sentence", "beginnings"),
    [
        ("It is tense, dark; and long.", ["It is tense, dark.", "It is tense."]),
        ("很紧张，很暗，好。", ["很紧张，很暗。", "很紧张。"]),
        ("It costs 2,199 yuan.", []),
        ("Because it is tense, take it.", []),
        ("因为很紧张，选它。", []),
        ("One clause.", []),
    ],
)
def test_a_sentence_has_the_beginnings_that_can_stand_alone(sentence: str, beginnings: list[str]) -> None:
    assert list(heads(sentence)) == beginnings
