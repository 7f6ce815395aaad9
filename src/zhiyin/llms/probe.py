"""What a model can do, found out by asking it: vendors' words and `/models` lists promise more than servers keep."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import os
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from zhiyin.errors import ContextTooSmall, ModelRefused, ModelTooSlow, UnreadableAnswer
from zhiyin.llm import Capabilities, LLMChunk, LLMRequest, Message, Rung
from zhiyin.ports import LLM
from zhiyin.prompting.answers import read_answer, schema_of
from zhiyin.types import Usage

_WORDS = 1500  # of the long prompt; common words, so no tokenizer makes fewer tokens of them
_FILLER = "the house by the sea had a blue door and a red roof"
_NONCE_TOKENS = 64  # some servers indent JSON


class _Weather(BaseModel):
    """What the test of told schemas asks for."""

    model_config = ConfigDict(extra="forbid", strict=True)

    sky: Literal["clear", "cloudy"]
    degrees: int


@dataclass(slots=True)
class _Heard:
    """An answer with the times of its pieces, in seconds from the question."""

    text: str = ""
    choices: dict[str, float] = field(default_factory=dict)
    usage: Usage | None = None
    times: list[float] = field(default_factory=list)

    def take(self, chunk: LLMChunk, seconds: float) -> None:
        """Add a piece."""
        self.text += chunk.text
        self.choices.update(chunk.choices)
        self.usage = chunk.usage or self.usage
        if chunk.text:
            self.times.append(seconds)


async def probe(llm_at_rung: Callable[[Rung], LLM], *, now: str, seconds: float = 120.0) -> Capabilities:
    """What the model is found to be able to, in about eight calls of at most `seconds` each.

    `now` (RFC 3339) stands in the result and makes the words that no cache can know. Who opens models by `llm_at_rung` closes them.
    Raises the `ModelError` of the first call, and of later ones where nobody answers any more.
    """
    return await _Probe(llm_at_rung, now, seconds).run()


class _Probe:
    """One run of the experiments."""

    def __init__(self, llm_at_rung: Callable[[Rung], LLM], now: str, seconds: float) -> None:
        self._at, self._now, self._seconds = llm_at_rung, now, seconds
        self._plain = llm_at_rung(Rung.NONE)
        self._notes: list[str] = []

    async def run(self) -> Capabilities:
        """All of them, cheapest first."""
        first = await self._hear(self._plain, _request("Say hello.", 16))
        if not first.text.strip():
            self._notes.append("it says nothing in 16 tokens: a model that thinks before it speaks is too slow for a conversation")
        streams, answer_speed = await self._pace()
        rung = await self._rung()
        choices = await self._choices()
        context, prompt_speed = await self._context()
        return Capabilities(
            model=self._plain.name,
            streams=streams,
            rung=rung,
            choices=choices,
            context=context,
            prompt_speed=round(prompt_speed, 1),
            answer_speed=round(answer_speed, 1),
            probed=self._now,
            notes=tuple(self._notes),
        )

    async def _pace(self) -> tuple[bool, float]:
        """Whether words come as they are made, and how many tokens a second."""
        heard = await self._hear(self._plain, _request("Count from one to forty, in words.", 48))
        if heard.usage is None:
            self._notes.append("the server does not count tokens: budgets and speeds are estimated from the text")
        times = heard.times or [0.0]
        streams = len(times) > 1 and times[-1] - times[0] >= 0.1 * times[-1]
        if not streams:
            self._notes.append("the answer comes in one piece: the first word waits for the last")
        tokens = heard.usage.answer if heard.usage else len(times)
        lasted = times[-1] - times[0] if streams else times[-1]
        return streams, max(tokens - 1, 0) / lasted if lasted > 0 else 0.0

    async def _rung(self) -> Rung:
        """The strongest rung that is kept: enforced for a schema or a grammar, obeyed for the others."""
        for rung, field_ in ((Rung.SCHEMA, "json_schema"), (Rung.GRAMMAR, "grammar")):
            if await self._enforced(rung, field_):
                return rung
        for rung in (Rung.JSON, Rung.NONE):
            request = _request("What is the weather like on a clear day of 20 degrees?", _NONCE_TOKENS, schema=schema_of(_Weather))
            try:
                heard = await self._hear(self._at(rung), request)
                read_answer(heard.text, _Weather)
            except ModelRefused:
                self._notes.append(f"the server refuses {'json_object' if rung is Rung.JSON else 'a request with a schema told in the prompt'}")
            except UnreadableAnswer:
                self._notes.append("asked for JSON in the prompt, it writes something else" + (", json_object or not" if rung is Rung.JSON else ""))
            else:
                self._notes.append("JSON is not enforced while decoding: each answer is checked, and thrown away where it is wrong")
                return rung
        self._notes.append("it writes no JSON that can be relied on: only plain words and probabilities are of use")
        return Rung.NONE

    async def _enforced(self, rung: Rung, name: str) -> bool:
        """Whether a word that the prompt does not tell is said because the schema allows no other."""
        nonce = self._nonce(rung)
        schema = {"type": "object", "properties": {"word": {"type": "string", "enum": [nonce]}}, "required": ["word"], "additionalProperties": False}
        try:
            heard = await self._hear(self._at(rung), _request("Say the word banana and nothing else.", _NONCE_TOKENS, schema=schema))
        except ModelRefused as error:
            self._notes.append(f"the server refuses {name}: {error}")
            return False
        if nonce in heard.text:
            return True
        self._notes.append(f"the server accepts {name} and ignores it: asked for one word by the schema, it said another")
        return False

    async def _choices(self) -> bool:
        """Whether it tells how likely each of two letters is."""
        request = _request("Is fire hot? A: yes. B: no. Answer with the letter only.", 1, choices=("A", "B"))
        try:
            likely = (await self._hear(self._plain, request)).choices
        except ModelRefused:
            likely = {}
        if likely and all(math.isfinite(value) and value <= 0.0 for value in likely.values()):
            return True
        self._notes.append("no probabilities: lists are ranked by a generated order")
        return False

    async def _context(self) -> tuple[int, float]:
        """Tokens of context where a limit was met, else 0; and tokens read a second."""
        for words in (_WORDS, _WORDS // 2):
            nonce = self._nonce(f"context {words}")
            request = _request(_long(nonce, words), 16)
            try:
                heard = await self._hear(self._plain, request)
            except ContextTooSmall:
                if words == _WORDS:
                    self._notes.append("the context holds fewer than 2,048 tokens: prompts are refused; start the server with at least 4096")
                continue
            except ModelTooSlow:
                self._notes.append(f"reading {words} words takes more than {self._seconds:.0f} seconds: too slow to help in a conversation")
                return 0, words / self._seconds  # at most: nought would mean unknown
            limit = self._cut(heard, nonce, words) or (heard.usage.prompt if heard.usage and words < _WORDS else 0)
            usage = heard.usage or Usage(prompt=words)
            first = heard.times[0] if heard.times else 0.0
            return limit, (usage.prompt - usage.cached) / first if first > 0 else 0.0
        return 0, 0.0

    def _cut(self, heard: _Heard, nonce: str, words: int) -> int:
        """How many tokens of a prompt were read, where it was cut without a word; else 0."""
        if heard.usage and 0 < heard.usage.prompt < words:
            self._notes.append(
                f"the context holds fewer than 2,048 tokens: of a prompt of at least {words} tokens the server read {heard.usage.prompt} and did not say so; "
                "start it with a context of at least 4096"
            )
            return heard.usage.prompt
        if nonce not in heard.text:
            self._notes.append(f"of a prompt of {words} words it does not find a word at the beginning again: instructions in long prompts may be lost")
        return 0

    async def _hear(self, llm: LLM, request: LLMRequest) -> _Heard:
        """The answer with its times. Raises `ModelTooSlow` at the deadline."""
        heard, began = _Heard(), time.perf_counter()
        try:
            async with asyncio.timeout(self._seconds), aclosing(llm.stream(replace(request, seconds=self._seconds))) as stream:
                async for chunk in stream:
                    heard.take(chunk, time.perf_counter() - began)
        except TimeoutError as error:
            raise ModelTooSlow(f"{llm.name} did not answer within {self._seconds:.0f} seconds") from error
        return heard

    def _nonce(self, purpose: str) -> str:
        """A word that no model has seen, another for each moment and purpose."""
        digest = hashlib.blake2b(f"{self._now} {purpose}".encode(), digest_size=4).digest()
        return "".join("bdfgklmnprstvz"[byte % 14] + "aeiou"[byte // 14 % 5] for byte in digest)


def _request(text: str, max_tokens: int, *, schema: dict[str, object] | None = None, choices: tuple[str, ...] = ()) -> LLMRequest:
    return LLMRequest(messages=(Message(role="user", text=text),), purpose="probe", max_tokens=max_tokens, schema=schema, choices=choices)


def _long(nonce: str, words: int) -> str:
    """A prompt of so many words whose first line tells what its last line asks for."""
    filler = _FILLER.split()
    return f"The password is {nonce}.\n" + " ".join(filler[place % len(filler)] for place in range(words)) + "\nWhat is the password? Answer with the one word only."


def remember(folder: Path, key: str, capabilities: Capabilities) -> None:
    """Keep what was found under a key of the caller's, in one step. Raises `OSError` where the folder cannot be written."""
    path = _path(folder, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(f".{os.getpid()}.part")
    scratch.write_text(json.dumps(asdict(capabilities), ensure_ascii=False, indent=1), encoding="utf-8")
    scratch.replace(path)


def recall(folder: Path, key: str) -> Capabilities | None:
    """What was found before; None where nothing was, or its file is damaged."""
    try:
        return TypeAdapter(Capabilities).validate_json(_path(folder, key).read_bytes())
    except (OSError, ValidationError):
        return None


def _path(folder: Path, key: str) -> Path:
    return folder / f"{hashlib.blake2b(key.encode(), digest_size=12).hexdigest()}.json"
