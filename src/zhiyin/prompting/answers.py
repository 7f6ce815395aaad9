"""A model's answer as a whole: joined from its stream, found in what came around it, checked against a type before anything believes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from zhiyin.errors import ModelError, UnreadableAnswer
from zhiyin.llm import LLMRequest, Trace
from zhiyin.ports import LLM
from zhiyin.types import Call, Usage

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
_SHOWN = 80  # characters of a bad answer that its error quotes
_TOKEN = 20  # characters; hardly a token is longer, so that an answer that is has passed its limit
_KEPT = frozenset("type const enum items minItems maxItems minLength maxLength minimum maximum pattern".split())  # what strict servers and grammars know
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer."""

    text: str = ""
    choices: Mapping[str, float] = field(default_factory=dict)  # choice -> log probability
    usage: Usage | None = None  # None where the back end does not tell


async def ask(llm: LLM, request: LLMRequest) -> Answer:
    """The answer to a request, joined from its stream. Raises `ModelError`: `UnreadableAnswer` for one that is much longer than asked for, and stops listening to it."""
    pieces: list[str] = []
    choices: Mapping[str, float] = {}
    usage: Usage | None = None
    length = 0
    async with aclosing(llm.stream(request)) as stream:
        async for chunk in stream:
            pieces.append(chunk.text)
            length += len(chunk.text)
            if length > request.max_tokens * _TOKEN:
                raise UnreadableAnswer(f"{length:,} characters where {request.max_tokens} tokens were asked for")
            choices = chunk.choices or choices
            usage = chunk.usage or usage
    return Answer(text="".join(pieces), choices=choices, usage=usage)


async def ask_typed(llm: LLM, request: LLMRequest, kind: type[M]) -> tuple[M, Usage]:
    """The answer as a checked value of this kind, and what it took. Raises `ModelError`, of which `UnreadableAnswer` is one."""
    answer = await ask(llm, replace(request, schema=schema_of(kind)))
    return read_answer(answer.text, kind), answer.usage or Usage()


async def consult(llm: LLM, request: LLMRequest, slots: Mapping[str, str], trace: Trace, read: Callable[[Answer], T]) -> T | None:
    """What is read in the model's answer; None where it is not expected in time, does not come, or cannot be read. Written down in the trace in any case."""
    seconds, call = min(request.seconds, trace.left), Call(purpose=request.purpose, prompt=request.prompt, slots=slots)
    if llm.seconds(request) > seconds:
        trace.calls.append(replace(call, outcome="skipped"))
        return None
    outcome, usage = "stopped", Usage()
    try:
        answer = await ask(llm, replace(request, seconds=seconds))
        usage = answer.usage or usage
        value = read(answer)
    except ModelError as error:
        outcome = error.code
        trace.note(outcome)
        return None
    else:
        outcome = "ok"
        return value
    finally:  # also where a deadline outside stops it
        trace.calls.append(replace(call, outcome=outcome, usage=usage))


def read_answer(text: str, kind: type[T]) -> T:
    """The first JSON value in the text that is of this kind, whatever stands around it. Nothing is repaired. Raises `UnreadableAnswer`."""
    adapter, wrong = TypeAdapter(kind), ""
    for found in _json_in(text):
        try:
            return adapter.validate_json(found)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            wrong = wrong or (f"{place}: {first['msg']}" if place else first["msg"])
    name = getattr(kind, "__name__", str(kind))
    began = text.strip()
    quoted = repr(began[:_SHOWN]) + ("…" if len(began) > _SHOWN else "") if began else "nothing"
    raise UnreadableAnswer(f"expected JSON of the kind {name}, {wrong or 'found none that is complete'}; what came: {quoted}")


def schema_of(kind: type[BaseModel]) -> dict[str, object]:
    """The JSON schema of a kind as strict servers take it: no references, no prose, every property required, no others."""
    whole = kind.model_json_schema()
    return _compact(whole, whole.get("$defs", {}), ())


def _json_in(text: str) -> Iterator[str]:
    """The outermost JSON objects and lists of a text. One that breaks off ends the search: what it holds is not the answer."""
    at = 0
    while (start := _opener(text, at)) >= 0:
        try:
            _, end = _DECODER.raw_decode(text, start)
        except json.JSONDecodeError as error:
            if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
                return
            at = max(error.pos, start + 1)
        except (RecursionError, ValueError):  # nested a thousand deep; a number of five thousand digits
            return
        else:
            yield text[start:end]
            at = end


def _opener(text: str, at: int) -> int:
    places = [place for sign in "{[" if (place := text.find(sign, at)) >= 0]
    return min(places, default=-1)


def _compact(node: Mapping[str, object], known: Mapping[str, Mapping[str, object]], path: tuple[str, ...]) -> dict[str, object]:
    """A node without references and prose; `path` holds the names of the kinds it stands in."""
    if isinstance(reference := node.get("$ref"), str):
        name = reference.rpartition("/")[2]
        if name in path:
            raise ValueError(f"{name} contains itself; schemas for models are finite")
        return _compact(known[name], known, (*path, name))
    either = node.get("anyOf") or node.get("oneOf") or node.get("allOf")
    if isinstance(either, list):
        kinds = [_compact(each, known, path) for each in either]
        return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    kept: dict[str, object] = {key: value for key, value in node.items() if key in _KEPT}
    if isinstance(items := node.get("items"), dict):
        kept["items"] = _compact(items, known, path)
    if node.get("type") == "object":
        properties = node.get("properties")
        inner = {key: _compact(value, known, path) for key, value in properties.items()} if isinstance(properties, dict) else {}
        kept |= {"properties": inner, "required": list(inner), "additionalProperties": False}
    return kept
