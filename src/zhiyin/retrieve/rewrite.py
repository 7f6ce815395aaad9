"""A model's other words for a mood or a story, and the items it thinks they tell of: both only widen the search, nothing is shown on a model's word."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from copy import copy
from dataclasses import replace

from pydantic import BaseModel, Field

from zhiyin.llm import LLMRequest, Trace
from zhiyin.ports import LLM
from zhiyin.prompting.answers import consult, read_answer, schema_of
from zhiyin.prompting.prompts import Prompts
from zhiyin.prompting.untrusted import fence, suspicious
from zhiyin.text import content_words, is_cjk, plain, tokens
from zhiyin.types import ItemId, Language, Query, Turn

Named = Callable[[str], tuple[ItemId, ...]]

GUESSES = 3  # items that a model may propose
WORDS = 120  # characters of its words that are searched by
SAID = 400  # characters of a message that it sees
_REMEMBERED = 256  # topics: "show me others" asks for the same one again
_NO_WORD = re.compile(r"[^\w\s'-]+|_+")


class Rewriting(BaseModel):
    """What a model makes of a topic: titles it may tell of, and plain words for it."""

    titles: list[str] = Field(default=[], max_length=5)
    words: str = ""


class ModelRewriter:
    """The `Rewrite` port: asks where the topic has at least `least` content words and nothing to lean on; `named` gives the items that bear a title exactly."""

    def __init__(self, llm: LLM, prompts: Prompts, named: Named, *, least: int = 4, seconds: float = 6.0) -> None:
        self.llm, self.prompts, self.named = llm, prompts, named
        self.least, self.seconds = least, seconds
        for language in Language:  # a prompt without this slot is told of at the start, not in a turn
            prompts.render("rewrite", language, {"said": ""})
        self._known: OrderedDict[str, tuple[str, tuple[ItemId, ...]]] = OrderedDict()

    def over(self, named: Named) -> ModelRewriter:
        """The same over other titles; what one of them has asked the other knows."""
        made = copy(self)
        made.named = named
        return made

    async def __call__(self, turn: Turn, query: Query, trace: Trace, /) -> Query:
        """The query with the model's words and guesses; the same object where there are none."""
        if query.basis or len(content_words(plain(query.topic))) < self.least:
            return query
        if query.topic not in self._known:
            made = await self._asked(turn, query.topic, trace)
            if made is None:
                return query
            self._known[query.topic] = made
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        self._known.move_to_end(query.topic)
        words, guesses = self._known[query.topic]
        return replace(query, rewritten=words, guesses=guesses) if words or guesses else query

    async def _asked(self, turn: Turn, topic: str, trace: Trace) -> tuple[str, tuple[ItemId, ...]] | None:
        """A model's words and guesses for a topic; None where it could not be asked."""
        slots = {"said": fence(_whole(turn.text, topic), SAID)}
        rendered = self.prompts.render("rewrite", Language.ZH if is_cjk(topic) else Language.EN, slots)
        request = LLMRequest(
            messages=rendered.messages,
            purpose="rewrite",
            max_tokens=rendered.max_tokens,
            seconds=self.seconds,
            schema=schema_of(Rewriting),
            session=turn.session,
            turn=trace.turn,
            prompt=rendered.id,
        )
        found = await consult(self.llm, request, slots, trace, lambda answer: read_answer(answer.text, Rewriting))
        if found is None:
            return None
        named = dict.fromkeys(items[0] for title in found.titles if (items := self.named(title)))
        return searchable(found.words), tuple(named)[:GUESSES]


def searchable(words: str) -> str:
    """A model's words as a search takes them: one line of at most 120 characters of words; none where they give orders or hold no letter."""
    if suspicious(words):
        return ""
    clean = fence(" ".join(_NO_WORD.sub(" ", fence(words, 2 * WORDS)).split()), WORDS).rstrip("…")
    return clean if any(c.isalpha() for c in clean) else ""


def _whole(text: str, topic: str) -> str:
    """The message where the topic is of it, since it tells the story whole; else the topic, which an earlier one was about."""
    said = {t.text for t in tokens(plain(text))}
    return text if all(t.text in said for t in tokens(topic)) else topic
