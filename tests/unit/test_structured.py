"""Answers that are found, checked and never repaired; schemas in words and as grammars; thoughts that are not said."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import suppress
from enum import StrEnum
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from zhiyin.errors import ModelUnreachable, UnreadableAnswer
from zhiyin.llm import LLMChunk, LLMRequest, Message
from zhiyin.llms.grammar import gbnf
from zhiyin.llms.structured import Spoken, plain, tell, told
from zhiyin.prompting.answers import Answer, ask, ask_typed, read_answer, schema_of
from zhiyin.types import Usage


class Colour(StrEnum):
    RED = "red"
    BLUE = "蓝"


class Wish(BaseModel):
    """What one wants."""

    model_config = ConfigDict(extra="forbid")

    field: str = Field(description="which", max_length=20)
    most: float | None = None


class Reading(BaseModel):
    wishes: list[Wish] = Field(default_factory=list, max_length=3, title="The wishes")
    mood: Literal["calm", "tense"] = "calm"
    colour: Colour | None = None
    sure: int = Field(0, ge=0, le=9)
    twist: bool = False


class Loose(BaseModel):
    place: int = 0


class Recited:
    """A model that says the given chunks."""

    name = "recited"

    def __init__(self, *chunks: LLMChunk, breaks: bool = False) -> None:
        self.chunks, self.breaks, self.closed = chunks, breaks, 0
        self.requests: list[LLMRequest] = []

    async def stream(self, request: LLMRequest, /) -> AsyncGenerator[LLMChunk, None]:
        self.requests.append(request)
        try:
            for chunk in self.chunks:
                yield chunk
            if self.breaks:
                raise ModelUnreachable("gone")
        finally:
            self.closed += 1

    def seconds(self, request: LLMRequest, /) -> float:
        return 0.0

    async def close(self) -> None:
        """Holds nothing."""


REQUEST = LLMRequest(messages=(Message(role="user", text="hello"),), purpose="understand")


# --- asking ---


async def test_an_answer_is_its_pieces_joined() -> None:
    llm = Recited(LLMChunk(text="a ", choices={"a": -0.1}), LLMChunk(text="b"), LLMChunk(usage=Usage(answer=2)))
    assert await ask(llm, REQUEST) == Answer(text="a b", choices={"a": -0.1}, usage=Usage(answer=2))
    assert llm.closed == 1


async def test_an_answer_that_breaks_off_is_an_error_and_not_half_an_answer() -> None:
    llm = Recited(LLMChunk(text='{"place": 1}'), breaks=True)
    with pytest.raises(ModelUnreachable):
        await ask_typed(llm, REQUEST, Loose)
    assert llm.closed == 1


async def test_a_typed_answer_was_asked_for_with_its_schema() -> None:
    llm = Recited(LLMChunk(text='{"place"'), LLMChunk(text=": 4}"))
    assert await ask_typed(llm, REQUEST, Loose) == (Loose(place=4), Usage())
    assert llm.requests[0].schema == {"type": "object", "properties": {"place": {"type": "integer"}}, "required": ["place"], "additionalProperties": False}
    assert llm.requests[0].messages == REQUEST.messages


# --- reading ---


@pytest.mark.parametrize(
    "text",
    [
        '{"place": 3}',
        ' \n{"place": 3}\n',
        '```json\n{"place": 3}\n```',
        'Sure! In {braces} it is:\n{"place": 3}\nAnything else, {dear}?',
        'see [1]: {"place": 3}',
        '好的：{"place": 3}。',
        '{"place": "x"} no, {"place": 3}',
    ],
)
def test_json_is_found_in_what_stands_around_it(text: str) -> None:
    assert read_answer(text, Loose) == Loose(place=3)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "three",
        '{"place": 3',
        '{"place": 3,}',
        '{"wishes": [{"place": 3}], "mood',
        '{"place": {"place": 3}, "x": ',
        '{"a": "b {\\"place\\": 3}',
        '{"place": "many"}',
        "{'place': 3}",
        "[3]",
        "{" * 5000,
        "[" * 5000,
        '{"a":' * 5000,
        '{"place": ' + "9" * 5000 + "}",
        '{"place": NaN}',
        '{"place": "\\ud800"}',
        "\x00\ufffd",
    ],
)
def test_what_is_broken_or_of_another_kind_is_unreadable(text: str) -> None:
    with pytest.raises(UnreadableAnswer, match="expected JSON of the kind Loose"):
        read_answer(text, Loose)


def test_the_error_says_what_is_wrong_and_what_came() -> None:
    with pytest.raises(UnreadableAnswer) as caught:
        read_answer('{"wishes": [{"field": "price", "most": "cheap"}], "mood": "calm"}' + " " * 200, Reading)
    assert "wishes.0.most: Input should be a valid number" in str(caught.value)
    assert '{"wishes": [{"field"' in str(caught.value)
    assert len(str(caught.value)) < 300


def test_lists_and_other_kinds_are_read_too() -> None:
    assert read_answer("the order: [3, 1, 2]", list[int]) == [3, 1, 2]
    with pytest.raises(UnreadableAnswer, match="list"):
        read_answer('{"a": 1}', list[int])


@given(st.text(max_size=200) | st.text(alphabet='{}[]",:\\ a1\n', max_size=200))
def test_reading_any_text_gives_a_value_or_says_that_it_cannot(text: str) -> None:
    with suppress(UnreadableAnswer):
        assert isinstance(read_answer(text, Loose), Loose)


@given(st.builds(Loose, place=st.integers(-(10**9), 10**9)), st.text(alphabet=st.characters(exclude_characters="{["), max_size=40))
def test_what_was_written_is_read_whatever_prose_is_around_it(value: Loose, prose: str) -> None:
    assert read_answer(prose + value.model_dump_json() + prose, Loose) == value


# --- schemas ---


def test_a_schema_is_compact_and_strict() -> None:
    assert schema_of(Reading) == {
        "type": "object",
        "properties": {
            "wishes": {
                "type": "array",
                "maxItems": 3,
                "items": {
                    "type": "object",
                    "properties": {"field": {"type": "string", "maxLength": 20}, "most": {"anyOf": [{"type": "number"}, {"type": "null"}]}},
                    "required": ["field", "most"],
                    "additionalProperties": False,
                },
            },
            "mood": {"type": "string", "enum": ["calm", "tense"]},
            "colour": {"anyOf": [{"type": "string", "enum": ["red", "蓝"]}, {"type": "null"}]},
            "sure": {"type": "integer", "minimum": 0, "maximum": 9},
            "twist": {"type": "boolean"},
        },
        "required": ["wishes", "mood", "colour", "sure", "twist"],
        "additionalProperties": False,
    }


def test_a_kind_that_contains_itself_has_no_schema_for_models() -> None:
    with pytest.raises(ValueError, match="contains itself"):
        schema_of(Nested)


class Nested(BaseModel):
    inner: list[Nested]


def test_a_property_may_bear_the_name_of_a_keyword() -> None:
    class Odd(BaseModel):
        title: str = Field(max_length=3)
        pattern: int
        maxLength: int = Field(le=5)  # noqa: N815

    shape = schema_of(Odd)
    assert told(shape) == '{"title": text, "pattern": whole number, "maxLength": whole number}'
    assert plain(shape)["properties"] == {"title": {"type": "string"}, "pattern": {"type": "integer"}, "maxLength": {"type": "integer"}}


def test_a_plain_schema_has_the_shape_only() -> None:
    shape = json.dumps(plain(schema_of(Reading)))
    assert not any(word in shape for word in ("maxItems", "maxLength", "minimum", "maximum"))
    assert json.loads(shape).keys() == schema_of(Reading).keys()
    assert told(plain(schema_of(Reading))).replace(" at most 3", "") == told(schema_of(Reading)).replace(" at most 3", "")


def test_a_schema_is_told_in_few_words() -> None:
    assert told(schema_of(Reading)) == (
        '{"wishes": [{"field": text, "most": number | null}, ... at most 3], "mood": "calm" | "tense", "colour": "red" | "蓝" | null, "sure": whole number, "twist": true | false}'
    )
    assert told({"const": 1}) == "1"
    assert told({}) == "anything"


def test_a_schema_is_told_at_the_end_of_the_last_message_of_the_user() -> None:
    messages = (Message(role="system", text="s"), Message(role="user", text="u"), Message(role="assistant", text="a"))
    first, second, third = tell(messages, {"const": 1})
    assert (first, third) == (messages[0], messages[2])
    assert second.text == "u\n\nAnswer with JSON of this form and nothing else: 1"
    assert tell((messages[0],), {"const": 1})[-1].role == "user"


# --- grammars ---


def test_a_grammar_spells_out_the_schema() -> None:
    assert gbnf(schema_of(Loose)).splitlines()[0] == r'root ::= "{" ws "\"place\"" ":" ws integer ws "}"'
    root = gbnf(schema_of(Reading)).splitlines()[0]
    assert r'("\"calm\"" | "\"tense\"")' in root
    assert r'(("\"red\"" | "\"蓝\"") | null)' in root
    assert r'"\"" char{0,20} "\""' in root
    assert root.count('("," ws ') == 1
    assert "){0,2})?" in root


@pytest.mark.parametrize(
    ("schema", "rule"),
    [
        ({"const": 'a"\\b'}, r'"\"a\\\"\\\\b\""'),
        ({"type": "array", "items": {"type": "null"}}, '"[" ws ((null) ("," ws (null))*)? ws "]"'),
        ({"type": "array", "items": {"type": "null"}, "minItems": 2, "maxItems": 4}, '"[" ws (null) ("," ws (null)){1,3} ws "]"'),
        ({"type": "array", "items": {"type": "null"}, "minItems": 3}, '"[" ws (null) ("," ws (null)){2,} ws "]"'),
        ({"type": "array", "items": {"type": "null"}, "maxItems": 0}, '"[" ws "]"'),
        ({"type": "string", "maxLength": 9000}, r'"\"" char* "\""'),
        ({"type": "string", "minLength": 1}, r'"\"" char{1,} "\""'),
    ],
)
def test_each_part_of_a_schema_has_its_rule(schema: dict[str, object], rule: str) -> None:
    assert gbnf(schema).splitlines()[0] == f"root ::= {rule}"


@pytest.mark.parametrize("schema", [{}, {"type": "object"}, {"type": "array"}, {"type": ["string", "null"]}])
def test_what_no_grammar_says_is_an_error(schema: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no grammar"):
        gbnf(schema)


# --- thoughts ---


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("Hello <b>you</b>", "Hello <b>you</b>"),
        ("<think>a</think>Hello", "Hello"),
        ("\n\n<think>a <think> b</think>\n\nHello ", "Hello "),
        ("One <thinking>two</thinking>three", "One three"),
        ("<think>never ends", ""),
        ("a < b <", "a < b <"),
        ("a <thi", "a <thi"),
        ("", ""),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_thoughts_are_cut_out_wherever_pieces_end(said: str, heard: str, size: int) -> None:
    spoken = Spoken()
    pieces = [spoken.add(said[at : at + size]) for at in range(0, len(said), size)]
    assert "".join([*pieces, spoken.end()]) == heard


def test_words_are_not_held_back_without_need() -> None:
    spoken = Spoken()
    assert [spoken.add(piece) for piece in ("Hello", " you", " <", "3")] == ["Hello", " you", " ", "<3"]


@given(st.text(alphabet="<>/think ab", max_size=60), st.integers(1, 7))
def test_how_an_answer_is_cut_into_pieces_changes_nothing(text: str, size: int) -> None:
    whole, cut = Spoken(), Spoken()
    expected = whole.add(text) + whole.end()
    assert "".join(cut.add(text[at : at + size]) for at in range(0, len(text), size)) + cut.end() == expected
