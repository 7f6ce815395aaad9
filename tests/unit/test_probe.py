"""The probe against servers of every kind, and what it finds of the real small model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes.llama_server import LLAMA_KEY, llama
from fakes.openai_server import KEY, MODEL, FakeServer, Mode, serving
from zhiyin.errors import ModelRefused, ModelTooSlow, ModelUnreachable
from zhiyin.llm import Capabilities, Rung
from zhiyin.llms.openai_compatible import OpenAICompatible
from zhiyin.llms.probe import probe, recall, remember

NOW = "2026-01-02T03:04:05Z"


def sensible(prompt: str) -> str:
    """What a model of good will says."""
    if password := re.search(r"The password is (\w+)\.", prompt):
        return f"It is {password[1]}"
    if "Answer with JSON" in prompt:
        return 'Here: {"sky": "clear", "degrees": 20}'
    return "banana" if "banana" in prompt else " ".join(["one", "two", "three"] * 20)


async def probed(key: str = KEY, seconds: float = 20.0, **given: Any) -> tuple[Capabilities, FakeServer]:
    async with serving(**({"says": sensible} | given)) as fake, AsyncExitStack() as stack:

        def at(rung: Rung) -> OpenAICompatible:
            llm = OpenAICompatible(MODEL, fake.url, key, rung=rung)
            stack.push_async_callback(llm.close)
            return llm

        return await probe(at, now=NOW, seconds=seconds), fake


async def test_a_good_server_is_found_good() -> None:
    found, fake = await probed()
    assert replace(found, prompt_speed=0.0, answer_speed=0.0, model="") == Capabilities(model="", streams=True, rung=Rung.SCHEMA, choices=True, probed=NOW)
    assert found.prompt_speed > 0
    assert found.answer_speed > 0
    assert found.model.startswith(MODEL)
    assert len(fake.seen) == 5


async def test_the_enforced_word_is_not_told_in_the_prompt() -> None:
    _, fake = await probed()
    (asked,) = [body for body in fake.seen if "response_format" in body]
    (word,) = asked["response_format"]["json_schema"]["schema"]["properties"]["word"]["enum"]
    assert word not in str(asked["messages"])


async def test_an_ignored_schema_is_not_believed() -> None:
    found, _ = await probed(enforced=frozenset())
    assert found.rung is Rung.JSON
    assert "the server accepts json_schema and ignores it" in " ".join(found.notes)
    assert any("not enforced" in note for note in found.notes)


async def test_an_enforced_grammar_is_better_than_json_that_is_only_asked_for() -> None:
    found, _ = await probed(enforced=frozenset({"grammar"}))
    assert found.rung is Rung.GRAMMAR


async def test_a_refused_response_format_leaves_the_prompt() -> None:
    found, _ = await probed(refused=frozenset({"json_schema", "json_object", "grammar"}))
    assert found.rung is Rung.NONE
    assert any(note.startswith("the server refuses json_schema") for note in found.notes)
    assert "the server refuses json_object" in found.notes
    assert any("each answer is checked" in note for note in found.notes)


async def test_a_model_that_writes_no_json_is_called_so() -> None:
    found, _ = await probed(enforced=frozenset(), says=lambda prompt: sensible(prompt).replace("{", "("))
    assert found.rung is Rung.NONE
    assert any("no JSON that can be relied on" in note for note in found.notes)


@pytest.mark.parametrize("given", [{"tops": ()}, {"refused": frozenset({"logprobs"})}, {"tops": (("x", -0.1),)}])
async def test_missing_probabilities_are_noted(given: dict[str, Any]) -> None:
    found, _ = await probed(**given)
    assert not found.choices
    assert "no probabilities: lists are ranked by a generated order" in found.notes


async def test_an_answer_in_one_lump_is_no_stream() -> None:
    found, _ = await probed(whole=True)
    assert not found.streams
    assert any("in one piece" in note for note in found.notes)


async def test_a_prompt_cut_without_a_word_is_noticed() -> None:
    found, _ = await probed(cuts=900)
    assert found.context == 900
    assert any("fewer than 2,048 tokens" in note and "read 900 and did not say so" in note for note in found.notes)


async def test_a_forgotten_beginning_is_noticed_without_counts() -> None:
    found, _ = await probed(cuts=900, counts=False)
    assert found.context == 0
    assert any("does not find a word at the beginning" in note for note in found.notes)
    assert any("does not count tokens" in note for note in found.notes)


@pytest.mark.parametrize(("room", "context"), [(1000, range(750, 800)), (500, range(1))])
async def test_a_context_that_refuses_is_noted_and_tried_at_half(room: int, context: range) -> None:
    found, _ = await probed(room=room)
    assert found.context in context
    assert len([note for note in found.notes if "fewer than 2,048 tokens" in note]) == 1


async def test_a_model_that_only_thinks_is_noted() -> None:
    found, _ = await probed(says=lambda _: "<think>hmm " * 5)
    assert any("says nothing in 16 tokens" in note for note in found.notes)


async def test_the_first_error_is_raised_as_it_is() -> None:
    with pytest.raises(ModelRefused, match="key"):
        await probed(key="wrong")
    with pytest.raises(ModelUnreachable):
        await probed(mode=Mode.BROKEN)


@pytest.mark.parametrize("mode", [Mode.HANGS, Mode.DRIPS])
async def test_a_call_has_a_deadline(mode: Mode) -> None:
    with pytest.raises(ModelTooSlow):
        await probed(mode=mode, seconds=0.4)


# --- memory ---


FOUND = Capabilities(model="m", rung=Rung.GRAMMAR, choices=True, context=900, prompt_speed=12.5, probed=NOW, notes=("知音",))


def test_what_was_found_is_remembered_by_key(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    assert recall(folder, "a") is None
    remember(folder, "a", FOUND)
    remember(folder, "b/../:?", replace(FOUND, model="other"))
    assert recall(folder, "a") == FOUND
    assert recall(folder, "b/../:?") == replace(FOUND, model="other")
    remember(folder, "a", replace(FOUND, context=1))
    assert recall(folder, "a") == replace(FOUND, context=1)
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"model": "m", "rung": "sky"}', b"\xff\xfe"])
def test_a_damaged_file_counts_as_nothing(tmp_path: Path, content: bytes) -> None:
    remember(tmp_path, "a", FOUND)
    (path,) = tmp_path.iterdir()
    path.write_bytes(content)
    assert recall(tmp_path, "a") is None


# --- the real server of llama.cpp ---


@pytest.fixture(scope="module")
def llama_url(small_model: Path) -> Iterator[str]:
    with llama(small_model) as url:
        yield url


@pytest.mark.llm
async def test_llama_cpp_is_found_to_keep_schemas_and_to_tell_probabilities(llama_url: str) -> None:
    async with AsyncExitStack() as stack:

        def at(rung: Rung) -> OpenAICompatible:
            llm = OpenAICompatible("any", llama_url, LLAMA_KEY, rung=rung)
            stack.push_async_callback(llm.close)
            return llm

        found = await probe(at, now=NOW, seconds=500.0)
    assert (found.streams, found.rung, found.choices, found.context) == (True, Rung.SCHEMA, True, 0)
    assert found.prompt_speed > 1
    assert found.answer_speed > 1
    assert not any("context" in note or "ignores" in note for note in found.notes)
