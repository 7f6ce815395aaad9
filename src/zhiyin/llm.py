"""What goes to a large language model and what comes back. Values only; the seam is `ports.LLM`, the back ends are in `llms/`."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from zhiyin.types import Call, ItemId, Notice, Scalar, SessionId, Usage, Wish

Purpose = Literal["understand", "rewrite", "rank", "speak", "blurb", "probe"]


class Rung(StrEnum):
    """How a server can be held to a JSON schema, strongest first: the ladder that is climbed down."""

    SCHEMA = "schema"  # `response_format: json_schema`, enforced while decoding
    JSON = "json"  # `response_format: json_object`, the schema told in the prompt
    GRAMMAR = "grammar"  # a GBNF grammar of ours, as llama.cpp's server takes it
    NONE = "none"  # the schema told in the prompt, and hope; the answer is validated all the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a prompt."""

    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMRequest:
    """One question to a model. What stays the same from call to call stands first in `messages`, so that prompt caches hit."""

    messages: tuple[Message, ...]
    purpose: Purpose
    max_tokens: int = 128  # of the answer
    seconds: float = 10.0  # the deadline of the whole call
    first: float = math.inf  # and that of its first words
    temperature: float = 0.0
    stop: tuple[str, ...] = ()
    schema: Mapping[str, object] | None = None  # JSON schema of the answer; None for prose
    choices: tuple[str, ...] = ()  # one-token answers whose probabilities are asked for, at most 20; the first token is the answer
    session: SessionId = SessionId("")
    turn: int = 0
    prompt: str = ""  # which prompt file it came from: "movies/speak.en@1"

    @property
    def text(self) -> str:
        """The whole prompt as one text."""
        return "\n".join(f"[{m.role}]\n{m.text}" for m in self.messages)


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMChunk:
    """A piece of an answer. The last piece of an answer carries the usage, where the back end tells it."""

    text: str = ""
    choices: Mapping[str, float] = field(default_factory=dict)  # choice -> log probability, of the first token
    usage: Usage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a model was found to be able to, by `llms.probe`. Zero and None mean unknown."""

    model: str
    streams: bool = True
    rung: Rung = Rung.NONE
    choices: bool = False  # tells probabilities of first tokens
    context: int = 0  # tokens
    prompt_speed: float = 0.0  # tokens a second
    answer_speed: float = 0.0  # tokens a second
    probed: str = ""  # when, RFC 3339
    notes: tuple[str, ...] = ()  # what was found wanting, a sentence each


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Something that a sentence says of the items it is about, with the words that say it."""

    kind: Literal["title", "value", "person", "quality", "order", "number"]
    start: int
    end: int
    items: tuple[ItemId, ...] = ()  # title: the items that bear it
    fields: tuple[str, ...] = ()  # value, person: the fields it may be a value of; order: the field
    values: tuple[Scalar, ...] = ()  # value, person: the values meant; number: its ends; order: "lowest" or "highest"
    wishes: tuple[Wish, ...] = ()  # quality: conditions, all of which must hold
    unit: str = ""  # number: the unit said, plain
    negated: bool = False


@dataclass(slots=True)
class Trace:
    """What models did in one turn; every stage that asks one writes it down here."""

    session: SessionId = SessionId("")
    turn: int = 0
    text: str = ""  # what the user said
    until: float = math.inf  # when a second look must be over, on `time.perf_counter`
    calls: list[Call] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    said: int = 0  # sentences of a model that reached the user
    withheld: list[str] = field(default_factory=list)  # sentences that did not, each with what was unsupported

    @property
    def left(self) -> float:
        """Seconds until a second look must be over."""
        return self.until - time.perf_counter()

    def note(self, code: str) -> None:
        """A notice, once."""
        if all(n.code != code for n in self.notices):
            self.notices.append(Notice(code=code))
